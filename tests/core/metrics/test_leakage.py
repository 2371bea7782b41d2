"""The probe leakage matrix on codes whose leakage is known."""

import numpy as np
import pytest

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.metrics import Leakage, grouped_information, leakage, leakages
from iin_core.spec import EvaluationSpec

BLOCKS = Blocks({"residual": 4, "digit": 3, "colour": 2})
SPEC = EvaluationSpec(bootstrap=100)


def _world(n_sources: int = 150, rows: int = 4):
    rng = np.random.default_rng(0)
    source = np.repeat(np.arange(n_sources), rows)
    digit = rng.integers(5, size=n_sources)[source]
    colour = rng.integers(3, size=len(source))
    digit_code = rng.normal(size=(5, 3))[digit] * 3 + rng.normal(size=(len(source), 3)) * 0.1
    colour_code = rng.normal(size=(3, 2))[colour] * 3 + rng.normal(size=(len(source), 2)) * 0.1
    residual = rng.normal(size=(len(source), 4))
    return source, digit, colour, np.hstack([residual, digit_code, colour_code])


@pytest.fixture(scope="module")
def perfect() -> Leakage:
    """The matrix of a code whose blocks hold their own concept and nothing else."""
    source, digit, colour, code = _world()
    return leakage(code, BLOCKS, {"digit": digit, "colour": colour}, source, SPEC)


def _cell(result: Leakage, probe: str, block: str, concept: str):
    return next(c for c in result.cells if (c.probe, c.block, c.concept) == (probe, block, concept))


@pytest.mark.parametrize("probe", ["linear", "mlp"])
def test_a_perfect_code_does_not_leak(perfect: Leakage, probe: str) -> None:
    """Own blocks are read almost always, foreign ones near chance, and no better than shuffled labels."""
    assert all(cell.accuracy.value > 0.97 for cell in perfect.own(probe))
    assert len(perfect.off_block(probe)) == 4
    for cell in perfect.off_block(probe):
        assert cell.accuracy.value < cell.accuracy.chance + 0.1
        assert abs(cell.accuracy.value - cell.accuracy.control) < 0.15
        assert cell.v_information < 0.05


def test_a_perfect_code_has_grouped_scores_of_one(perfect: Leakage) -> None:
    """Grouped MIG, InfoM, InfoC and InfoE of a perfect code are near 1."""
    scores = grouped_information(perfect.v_information("linear"))
    assert min(scores.mig, scores.infom, scores.infoc, scores.infoe) > 0.9


def test_control_is_near_chance_and_interval_holds_the_value(perfect: Leakage) -> None:
    """Shuffled labels are read near chance; each interval holds its value; n counts the rows."""
    for cell in perfect.cells:
        assert cell.accuracy.control < cell.accuracy.chance + 0.1
        assert cell.accuracy.low <= cell.accuracy.value <= cell.accuracy.high
        assert cell.accuracy.n == 600


def test_an_entangled_code_leaks() -> None:
    """Colour mixed into the digit's block and the residual is found there by both probes."""
    source, digit, colour, code = _world()
    mixed = code.copy()
    mixed[:, :2] += code[:, 7:]
    mixed[:, 4:6] += code[:, 7:]
    found = leakage(mixed, BLOCKS, {"digit": digit, "colour": colour}, source, SPEC)
    for probe in ("linear", "mlp"):
        for block in ("residual", "digit"):
            cell = _cell(found, probe, block, "colour")
            assert cell.accuracy.low > cell.accuracy.chance + 0.2
        assert found.worst(probe).concept == "colour"
    assert grouped_information(found.v_information("mlp")).mig < 0.8


def test_a_linear_map_inside_blocks_changes_nothing(perfect: Leakage) -> None:
    """A rotation and scaling inside each block moves no accuracy by more than a few rows."""
    source, digit, colour, code = _world()
    rng = np.random.default_rng(5)
    moved = code.copy()
    for place in BLOCKS.values():
        width = place.stop - place.start
        turn, _ = np.linalg.qr(rng.normal(size=(width, width)))
        moved[:, place] = code[:, place] @ (turn * rng.uniform(0.5, 2, width))
    found = leakage(moved, BLOCKS, {"digit": digit, "colour": colour}, source, SPEC)
    for a, b in zip(perfect.cells, found.cells, strict=True):
        assert a.accuracy.value == pytest.approx(b.accuracy.value, abs=0.02)


def test_codes_together_are_as_one_after_another(perfect: Leakage) -> None:
    """Several codes in one program give what each gives alone."""
    source, digit, colour, code = _world()
    concepts = {"digit": digit, "colour": colour}
    found = leakages({"iin": (code, BLOCKS), "noise": (code[:, :4], None)}, concepts, source, SPEC)
    for cell in found["iin"].cells:
        alone = _cell(perfect, cell.probe, cell.block, cell.concept)
        assert cell.accuracy.value == pytest.approx(alone.accuracy.value, abs=0.01)
    assert {cell.block for cell in found["noise"].cells} == {"all"}


def test_numbers_are_read_as_quintiles() -> None:
    """A numeric concept is binned, is called so, and still counts as its block's own."""
    source, _, _, code = _world(n_sources=80)
    brightness = code[:, 7].astype(np.float64)
    spec = EvaluationSpec(probes=("linear",), bootstrap=0)
    blocks = Blocks({"residual": 4, "digit": 3, "brightness": 2})
    found = leakage(code, blocks, {"brightness": brightness}, source, spec)
    (own,) = found.own("linear")
    assert own.concept == "brightness (quintile)"
    assert own.accuracy.chance == pytest.approx(0.2)
    assert own.accuracy.low is None
    assert len(found.off_block("linear")) == 2


def test_one_seed_one_result(perfect: Leakage) -> None:
    """The same rows, labels and seed give the same numbers to the last bit."""
    source, digit, colour, code = _world()
    assert leakage(code, BLOCKS, {"digit": digit, "colour": colour}, source, SPEC) == perfect


def test_unusable_input_is_named() -> None:
    """Codes that are not finite, missing and constant labels are refused with rows and concept."""
    source, digit, _, code = _world(n_sources=8)
    broken = code.copy()
    broken[3, 0] = np.nan
    with pytest.raises(InputError, match=r"1 rows of the code are not finite(.|\n)*rows \[3\]"):
        leakage(broken, BLOCKS, {"digit": digit}, source)
    with pytest.raises(InputError, match="1 labels of concept 'digit' are missing"):
        leakage(code, BLOCKS, {"digit": np.array([None, *map(str, digit[1:])], dtype=object)}, source)
    with pytest.raises(InputError, match="Concept 'digit' has one value only"):
        leakage(code, BLOCKS, {"digit": np.zeros(len(digit), dtype=int)}, source)
    with pytest.raises(InputError, match="missing or not finite"):
        leakage(code, BLOCKS, {"digit": np.where(digit == 0, np.nan, 1.0)}, source)
