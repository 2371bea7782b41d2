"""Conditional leakage where concepts depend on each other."""

import numpy as np
import pytest

from iin_core.blocks import Blocks
from iin_core.metrics import conditional_leakage, leakage
from iin_core.spec import EvaluationSpec

BLOCKS = Blocks({"residual": 2, "shape": 3, "size": 3})
SPEC = EvaluationSpec(bootstrap=100, permutations=20)
N = 800


def _world(leak: float = 0.0):
    """Codes that hold their own concept alone (plus `leak` of the other's), of concepts that mostly agree."""
    rng = np.random.default_rng(0)
    shape = rng.integers(4, size=N)
    size = np.where(rng.random(N) < 0.8, shape, rng.integers(4, size=N))
    means = rng.normal(size=(2, 4, 3)) * 3
    noise = rng.normal(size=(2, N, 3)) * 0.3
    shape_code = means[0][shape] + leak * means[1][size] + noise[0]
    code = np.hstack([rng.normal(size=(N, 2)), shape_code, means[1][size] + noise[1]])
    return code, {"shape": shape, "size": size}, np.arange(N)


def _cell(cells, probe: str, block: str):
    return next(cell for cell in cells if (cell.probe, cell.block) == (probe, block))


def test_clean_blocks_of_correlated_concepts_leak_plainly_but_not_conditionally() -> None:
    """The plain matrix calls correlation leakage; beyond its own concept a clean block tells nothing."""
    code, concepts, source = _world()
    plain = leakage(code, BLOCKS, concepts, source, SPEC)
    assert all(cell.accuracy.excess > 0.5 for cell in plain.off_block("mlp") if cell.block != "residual")
    cells = conditional_leakage(code, BLOCKS, concepts, source, SPEC)
    assert [(c.probe, c.block, c.concept, c.given) for c in cells] == [
        (probe, *names)
        for probe in ("linear", "mlp")
        for names in (("shape", "size", "shape"), ("size", "shape", "size"))
    ]
    for cell in cells:
        assert cell.accuracy.chance > 0.75
        assert abs(cell.accuracy.excess) < 0.03
        assert abs(cell.accuracy.control - cell.accuracy.chance) < 0.03
        assert cell.v.value < 0.05
        assert cell.accuracy.low <= cell.accuracy.value <= cell.accuracy.high


def test_what_goes_beyond_the_own_concept_is_found() -> None:
    """A block with the other concept mixed in tells more than its own concept does."""
    code, concepts, source = _world(leak=0.5)
    cells = conditional_leakage(code, BLOCKS, concepts, source, SPEC)
    for probe in ("linear", "mlp"):
        leaky, clean = _cell(cells, probe, "shape"), _cell(cells, probe, "size")
        assert leaky.accuracy.excess > 0.07
        assert leaky.accuracy.low > leaky.accuracy.chance
        assert leaky.v.low > 0.3 > leaky.v.control
        assert abs(clean.accuracy.excess) < 0.03


def test_rows_without_either_label_are_left_out() -> None:
    """A row counts where both the own and the foreign concept have a label."""
    code, concepts, source = _world()
    partly = {
        "shape": np.where(source % 4 == 0, None, concepts["shape"].astype(object)),
        "size": np.where(source % 3 == 0, None, concepts["size"].astype(object)),
    }
    spec = EvaluationSpec(probes=("linear",), bootstrap=0, permutations=20)
    (shape, size) = conditional_leakage(code, BLOCKS, partly, source, spec)
    assert shape.accuracy.n == size.accuracy.n == ((source % 4 != 0) & (source % 3 != 0)).sum()


def test_one_concept_has_nothing_to_be_conditioned_on() -> None:
    """With a single concept, and for concepts without a block, there are no cells."""
    code, concepts, source = _world()
    spec = EvaluationSpec(probes=("linear",), bootstrap=0, permutations=20)
    assert conditional_leakage(code, BLOCKS, {"shape": concepts["shape"]}, source, spec) == ()
    alone = conditional_leakage(code, Blocks({"residual": 5, "shape": 3}), concepts, source, spec)
    assert [cell.block for cell in alone] == ["shape"]


def test_a_concept_that_is_determined_leaves_nothing_to_tell() -> None:
    """Where the own concept says the other one for sure, nothing is gained and nothing fails."""
    code, concepts, source = _world(leak=0.5)
    concepts = {**concepts, "size": concepts["shape"] // 2}
    spec = EvaluationSpec(probes=("linear",), bootstrap=0, permutations=20)
    cell = _cell(conditional_leakage(code, BLOCKS, concepts, source, spec), "linear", "shape")
    assert cell.accuracy.chance == pytest.approx(1)
    assert cell.accuracy.excess <= 0
