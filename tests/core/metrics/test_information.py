"""Grouped information scores of tables that can be worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from iin_core.blocks import Blocks
from iin_core.metrics import grouped_information, leakage
from iin_core.spec import EvaluationSpec


def _table(rows: dict[str, list[float]], concepts: list[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, index=concepts).T


def test_the_formulas_by_hand() -> None:
    """Each score of a small table equals the value of its formula."""
    v = _table({"residual": [0.1, 0.0], "a": [0.8, 0.2], "b": [0.1, 0.6], "all": [0.9, 0.7]}, ["a", "b"])
    found = grouped_information(v)
    assert found.mig == pytest.approx(((0.8 - 0.1) + (0.6 - 0.2)) / 2)
    assert found.infom == pytest.approx(((1 + 0.8 + 0.6 / 0.7) / 3 - 1 / 2) / (1 / 2))
    assert found.infoc == pytest.approx(((0.8 / 1.0 + 0.6 / 0.8) / 2 - 1 / 3) / (2 / 3))
    assert found.infoe == pytest.approx(0.8)


def test_a_perfect_and_an_even_code() -> None:
    """A perfect code scores 1 everywhere; a code that tells all everywhere has 0, but explicitness."""
    perfect = _table({"residual": [0, 0], "a": [1, 0], "b": [0, 1], "all": [1, 1]}, ["a", "b"])
    scores = grouped_information(perfect)
    assert (scores.mig, scores.infom, scores.infoc, scores.infoe) == (1, 1, 1, 1)
    even = grouped_information(_table({"residual": [1, 1], "a": [1, 1], "b": [1, 1]}, ["a", "b"]))
    assert (even.mig, even.infom, even.infoc, even.infoe) == (0, 0, 0, None)


def test_what_has_no_meaning_is_none() -> None:
    """Modularity needs two concepts; a code that tells nothing has no active block."""
    one = grouped_information(_table({"residual": [0.0], "a": [0.5]}, ["a"]))
    assert one.infom is None
    assert (one.mig, one.infoc) == (0.5, 1.0)
    nothing = grouped_information(_table({"residual": [0.0, 0], "a": [0, 0]}, ["a", "b"]))
    assert (nothing.mig, nothing.infom, nothing.infoc) == (0, None, 0)


def test_v_of_a_gaussian_mixture_comes_closer_to_its_information_with_more_folds() -> None:
    """Probes fitted on more of the sources tell more of what is known, and never more than there is."""
    rng = np.random.default_rng(3)
    n_sources, rows, centres = 160, 3, 1.1 * rng.normal(size=(5, 6))
    source = np.repeat(np.arange(n_sources), rows)
    label = rng.integers(5, size=n_sources)[source]
    code = centres[label] + rng.normal(size=(len(label), 6))
    logs = -0.5 * ((code[:, None] - centres) ** 2).sum(2)
    losses = np.log(np.exp(logs).sum(1)) - logs[np.arange(len(label)), label]
    of_source = losses.reshape(n_sources, rows).mean(1) / np.log(5)
    known, error = 1 - of_source.mean(), of_source.std() / np.sqrt(n_sources)
    told = {}
    for folds in (2, 8):
        spec = EvaluationSpec(probes=("mlp",), folds=folds, bootstrap=0, permutations=20)
        read, _ = leakage(code, Blocks({"residual": 6}), {"label": label}, source, spec).cells
        told[folds] = read.v_information
    assert told[2] + 0.01 < told[8] < known + 2 * error
    assert known - told[8] < 0.12
