"""Literature's metrics of a unit: halves by source, controls, intervals, reasons."""

from __future__ import annotations

import numpy as np
import pytest

from iin_core.spec import EvaluationSpec
from tasks.evaluation.keys import COMPANIONS_OF, PER_DIMENSION
from tasks.evaluation.per_dimension import per_dimension
from tests.tasks.evaluation.code_material import make_material

SPEC = EvaluationSpec(level="full", seed=1, bootstrap=20)
POINTS = SPEC.model_copy(update={"bootstrap": 0})
SOURCE = np.repeat(np.arange(60), [1, 2, 3] * 20)


def _material(n_factors: int = 2, missing: int = 0):
    rng = np.random.default_rng(0)
    digit = rng.integers(3, size=60)[SOURCE]
    colour = rng.integers(2, size=len(SOURCE))
    code = np.column_stack([digit, colour, rng.normal(size=len(SOURCE))]) + 0.05 * rng.normal(size=(120, 3))
    labels = {"digit": digit.copy(), "colour": colour}
    if missing:
        labels["digit"] = np.where(np.arange(len(SOURCE)) < missing, None, digit.astype(object))
    return make_material(
        code, {"digit": 1, "colour": 1, "residual": 1}, dict(list(labels.items())[:n_factors]), SOURCE
    )


@pytest.fixture(scope="module")
def found():
    """What is measured of a perfect code, with sources of unequal size."""
    return per_dimension(_material(), SPEC)


def test_every_metric_is_beside_its_control(found) -> None:
    """A perfect code scores high where shuffled labels do not; sources of any size will do."""
    table, scores, why = found
    assert why == {}
    assert list(table["metric"]) == list(PER_DIMENSION)
    for name in PER_DIMENSION:
        score = scores[f"per_dimension/{name}"]
        assert score.value > 0.35
        assert score.n == 120
    for name in ("mig", "explicitness", "sap", "dci_disentanglement"):
        score = scores[f"per_dimension/{name}"]
        assert score.control < score.value - 0.2


def test_every_metric_has_an_interval_between_0_and_1(found) -> None:
    """Low and high hold the value between them, in scores and table; a perfect score may have no width."""
    table, scores, _ = found
    for line in table.to_dict("records"):
        score = scores[f"per_dimension/{line['metric']}"]
        assert 0 <= score.low <= score.value <= score.high <= 1
        assert (line["low"], line["high"]) == (score.low, score.high)
        assert COMPANIONS_OF[f"per_dimension/{line['metric']}"] == ("low", "high", "control")
    widths = {name.split("/")[1]: score.high - score.low for name, score in scores.items()}
    assert {name for name, width in widths.items() if width > 0.01} >= {"mig", "modularity", "sap", "irs"}


def test_without_resampling_there_are_no_intervals() -> None:
    """`bootstrap: 0` measures the values alone."""
    table, scores, why = per_dimension(_material(), POINTS)
    assert why == {}
    assert table[["low", "high"]].isna().all(axis=None)
    assert all(score.low is None and score.high is None for score in scores.values())


def test_an_interval_that_cannot_be_measured_says_so() -> None:
    """Too few rows are left without some sources: the value stands, a sentence in place of its interval."""
    source = np.arange(4)
    material = make_material(
        np.eye(4)[:, :3], {"digit": 1, "colour": 1, "residual": 1}, {"digit": source % 2}, source
    )
    _, scores, why = per_dimension(material, SPEC)
    named = {
        key for key, said in why.items() if said == "no interval: without some sources it cannot be measured"
    }
    assert {f"per_dimension/sap_{end}" for end in ("low", "high")} <= named
    assert scores["per_dimension/sap"].low is None


def test_one_concept_has_no_modularity_but_the_rest(found) -> None:
    """What needs two factors says so; what does not is still measured."""
    _, scores, why = per_dimension(_material(n_factors=1), POINTS)
    said = "3 dimensions and 1 factors are too few for this metric."
    refused = {"modularity", "dci_disentanglement", "dci_completeness", "dci_informativeness", "beta_vae"}
    assert why == {f"per_dimension/{name}": said for name in refused}
    assert set(scores) == {f"per_dimension/{name}" for name in set(PER_DIMENSION) - refused}


def test_rows_without_a_label_are_left_out() -> None:
    """They are neither a class nor an error."""
    _, scores, why = per_dimension(_material(missing=6), POINTS)
    assert why == {}
    assert scores["per_dimension/mig"].n == 114


def test_without_labels_or_sources_there_is_a_reason() -> None:
    """An empty concept set and rows of three sources have nothing to compare."""
    _, scores, why = per_dimension(_material(n_factors=0), POINTS)
    assert scores == {}
    assert set(why.values()) == {"these metrics are of labels, and the concept set has none"}
    material = _material()
    few = make_material(
        material.z.numpy()[:6], {"digit": 1, "residual": 2}, {"digit": np.arange(6) % 2}, SOURCE[:6]
    )
    _, scores, why = per_dimension(few, POINTS)
    assert scores == {}
    assert set(why.values()) == {"Probes need at least 4 sources, but the rows come from 3."}
