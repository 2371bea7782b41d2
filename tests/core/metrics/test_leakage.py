"""The probe leakage matrix on codes whose leakage is known."""

import numpy as np
import pandas as pd
import pytest

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.metrics import FitRows, Leakage, grouped_information, interchange_pairs, leakage, leakages
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


@pytest.mark.parametrize("probe", ["knn", "qda", "forest", "rbf"])
def test_a_linear_map_inside_a_block_changes_no_family(probe: str) -> None:
    """Whitened coordinates are the same after an invertible linear map, so every family says the same."""
    source, digit, _, code = _world(60)
    turn, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(4, 4)))
    told = code[:, :4] + np.eye(5)[digit][:, :4] * 2
    spec = EvaluationSpec(probes=(probe,), bootstrap=0, permutations=20)
    codes = {"as it is": (told, None), "mapped": (told @ (turn * [0.5, 1, 2, 3]), None)}
    found = leakages(codes, {"digit": digit}, source, spec, shuffles=0)
    (a,), (b,) = (found[name].cells for name in codes)
    assert a.accuracy.value > 0.5
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
    """Codes that are not finite, constant and wholly missing labels are refused with rows and concept."""
    source, digit, _, code = _world(n_sources=8)
    broken = code.copy()
    broken[3, 0] = np.nan
    with pytest.raises(InputError, match=r"1 rows of the code are not finite(.|\n)*rows \[3\]"):
        leakage(broken, BLOCKS, {"digit": digit}, source)
    with pytest.raises(InputError, match="Concept 'digit' has one value only"):
        leakage(code, BLOCKS, {"digit": np.zeros(len(digit), dtype=int)}, source)
    with pytest.raises(InputError, match="Concept 'digit' has no labels"):
        leakage(code, BLOCKS, {"digit": np.full(len(digit), None)}, source)
    with pytest.raises(InputError, match="infinite"):
        leakage(code, BLOCKS, {"digit": np.where(digit == 0, np.inf, 1.0)}, source)
    few = np.where(source == source[0], digit.astype(object), None)
    few[:2] = 0, 1
    with pytest.raises(InputError, match=r"Concept 'digit' has no labels in the rows to"):
        leakage(code, BLOCKS, {"digit": few}, source)


@pytest.mark.parametrize("mark", [None, pd.NA])
def test_rows_without_a_label_are_left_out(mark) -> None:
    """Rows that lack a label are neither fitted on nor read: n, chance and scores are those of the others."""
    source, digit, colour, code = _world(80)
    lost = np.random.default_rng(1).random(len(source)) < 0.4
    words = np.array([*"abcde"], dtype=object)[digit]
    partly = np.where(lost, mark, words if mark is None else digit.astype(object))
    found = leakage(code, BLOCKS, {"digit": partly, "colour": colour}, source, SPEC)
    for probe in ("linear", "mlp"):
        own, other = _cell(found, probe, "digit", "digit"), _cell(found, probe, "colour", "colour")
        assert own.accuracy.n == (~lost).sum()
        assert other.accuracy.n == len(source)
        assert own.accuracy.value > 0.97
        assert own.accuracy.chance == pytest.approx(np.bincount(digit[~lost]).max() / (~lost).sum())
        leak = _cell(found, probe, "residual", "digit").accuracy
        assert leak.low <= leak.value <= leak.high
        assert leak.value < leak.chance + 0.15


def test_minus_one_is_a_label_as_any_other() -> None:
    """Classes −1 and 1 are read, exchanged and counted as 0 and 1 are, beside rows that have none."""
    source, digit, _, code = _world(40)
    spec = EvaluationSpec(probes=("linear",), bootstrap=0)
    signs, lost = np.where(digit % 2, 1, -1), np.arange(len(source)) % 3 == 0
    for absent in (np.zeros(len(source), bool), lost):
        said, plain = (
            np.where(absent, None, values.astype(object)) if absent.any() else values
            for values in (signs, digit % 2)
        )
        found = leakage(code, BLOCKS, {"digit": said}, source, spec)
        assert found == leakage(code, BLOCKS, {"digit": plain}, source, spec)
        assert found.cells[0].accuracy.n == (~absent).sum()
        pairs = (interchange_pairs({"digit": labels}, 50, 0) for labels in (said, plain))
        assert np.array_equal(*map(np.stack, pairs))


def test_the_quantile_of_shuffled_labels_bounds_what_luck_gives() -> None:
    """A code of noise lies below the quantile of its worst cell mostly; a leaking one far above."""
    source, digit, colour, code = _world()
    rng = np.random.default_rng(3)
    spec = EvaluationSpec(probes=("linear",), bootstrap=0, permutations=100)
    codes = {str(i): (rng.normal(size=(len(source), 9)), BLOCKS) for i in range(12)}
    found = leakages(
        {**codes, "leaks": (code[:, ::-1].copy(), BLOCKS)}, {"digit": digit, "colour": colour}, source, spec
    )
    above = 0
    for name in codes:
        quantile = found[name].worst_excess_under_shuffling("linear")
        above += found[name].worst("linear").accuracy.excess > quantile
        assert (
            quantile
            >= max(c.accuracy.control_high - c.accuracy.chance for c in found[name].off_block("linear"))
            - 1e-9
        )
    assert above <= 4
    leaks = found["leaks"]
    assert leaks.worst("linear").accuracy.excess > 3 * leaks.worst_excess_under_shuffling("linear")


def test_probes_can_be_fitted_on_other_rows() -> None:
    """Fitted on rows of other sources, probes read every row given, and learn their rule."""
    source, digit, colour, code = _world(100)
    fit_source, fit_digit, fit_colour, fit_code = (part[200:] for part in (source, digit, colour, code))
    concepts = {"digit": digit[:200], "colour": colour[:200]}
    fit = FitRows({"iin": fit_code}, {"digit": fit_digit, "colour": fit_colour}, fit_source)
    found = leakages({"iin": (code[:200], BLOCKS)}, concepts, source[:200], SPEC, fit_on=fit)["iin"]
    for cell in found.own("mlp") + found.own("linear"):
        assert cell.accuracy.n == 200
        assert cell.accuracy.value > 0.9
        assert cell.accuracy.chance == np.bincount(concepts[cell.concept]).max() / 200
    wrong = FitRows({"iin": fit_code}, {"digit": (fit_digit + 1) % 5, "colour": fit_colour}, fit_source)
    misled = leakages({"iin": (code[:200], BLOCKS)}, concepts, source[:200], SPEC, fit_on=wrong)["iin"]
    assert _cell(misled, "linear", "digit", "digit").accuracy.value < 0.1
    with pytest.raises(InputError, match="have rows that are read, too"):
        leakages({"iin": (code, BLOCKS)}, {"digit": digit}, source, SPEC, fit_on=fit)


def test_without_shuffled_fits_the_probes_are_their_own_control() -> None:
    """With `shuffles=0` the control is what the probes say, against labels shuffled afterwards."""
    source, digit, _, code = _world(100)
    spec = EvaluationSpec(probes=("linear",), bootstrap=50)
    alone = leakages({"a": (code, BLOCKS)}, {"digit": digit}, source, spec, shuffles=0)["a"]
    beside = leakages({"a": (code, BLOCKS)}, {"digit": digit}, source, spec, shuffles=2)["a"]
    for a, b in zip(alone.cells, beside.cells, strict=True):
        assert a.accuracy.value == pytest.approx(b.accuracy.value, abs=0.01)
        assert a.accuracy.control == pytest.approx(a.null.mean())
        assert abs(a.accuracy.control - b.accuracy.control) < 0.15
        assert a.v.control == b.v.control == 0
        assert a.accuracy.control < a.accuracy.control_high < 0.5


def test_the_worst_of_all_families() -> None:
    """A concept that shows in a radius alone is told by some families only, and the worst cell names one."""
    rng = np.random.default_rng(0)
    n = 400
    ring, other = rng.integers(2, size=n), rng.integers(2, size=n)
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = np.where(ring, 3.0, 1.0)
    code = np.stack(
        [radius * np.cos(angle), radius * np.sin(angle), 4.0 * ring + rng.normal(size=n), 4.0 * other], 1
    )
    blocks = Blocks({"residual": 2, "ring": 1, "other": 1})
    spec = EvaluationSpec(probes=("linear", "knn", "qda", "forest", "rbf"), bootstrap=20, permutations=20)
    concepts = {"ring": ring, "other": other}
    found = leakages({"a": (code, blocks)}, concepts, np.arange(n), spec, shuffles=0)["a"]
    assert found.probes == list(spec.probes)
    assert _cell(found, "linear", "residual", "ring").accuracy.excess < 0.15
    for probe in ("knn", "qda", "forest", "rbf"):
        assert _cell(found, probe, "residual", "ring").accuracy.value > 0.95
    worst = found.worst_family()
    assert (worst.block, worst.concept) == ("residual", "ring")
    assert worst.probe != "linear"
    assert found.worst_family(concept="other").accuracy.excess < 0.15
    assert (
        found.worst_family("residual", "ring").accuracy.excess > found.mean_excess("residual", "ring") > 0.3
    )
    assert found.worst_excess_under_shuffling() >= found.worst_excess_under_shuffling("knn")
    assert np.isnan(_cell(found, "rbf", "residual", "ring").v_information)
    assert _cell(found, "qda", "residual", "ring").v_information > 0.7
    assert Leakage(()).worst_family() is None
    assert Leakage(()).mean_excess() is None
    assert Leakage(()).worst_excess_under_shuffling() is None
