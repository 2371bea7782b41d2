"""Generators held against held-out images."""

from __future__ import annotations

import pytest
import torch

from iin_core.errors import InputError
from iin_core.generators import compare_generators, margin, value_of
from iin_core.metrics import frechet_distance, precision_recall


def _draws(n: int, shift: float, seeds: int = 2) -> list[torch.Tensor]:
    return [torch.randn(n, 3, generator=torch.Generator().manual_seed(s)) + shift for s in range(seeds)]


def test_each_method_has_mean_smallest_and_largest_over_its_seeds() -> None:
    """The numbers are those of the metrics, one draw after another."""
    real, drawn = _draws(60, 0, 5)[4], _draws(60, 1)
    row = compare_generators(real, {"a": drawn}).iloc[0]
    distances = [frechet_distance(real, features) for features in drawn]
    assert row["fid"] == pytest.approx(sum(distances) / 2)
    assert (row["fid_low"], row["fid_high"]) == (min(distances), max(distances))
    recalls = [precision_recall(real, features).recall for features in drawn]
    assert (row["recall_low"], row["recall_high"]) == (min(recalls), max(recalls))
    assert (row["seeds"], row["n"]) == (2, 60)


def test_the_nearer_generator_wins_by_more_than_the_spread() -> None:
    """A shift of 3 against one of 1, and neither of two that draw alike."""
    real = _draws(200, 0, 5)[4]
    table = compare_generators(real, {"near": _draws(200, 1), "far": _draws(200, 3), "same": _draws(200, 1)})
    assert value_of(table, "near", "fid_high") < value_of(table, "far", "fid_low")
    assert margin(table, "near", "far") > 0
    assert not value_of(table, "near", "fid_high") < value_of(table, "same", "fid_low")
    assert margin(table, "near", "same") <= 0
    assert margin(table, "far", "near") < 0


def test_samples_of_another_number_are_refused() -> None:
    """Their FID would have another bias."""
    real = _draws(60, 0)[0]
    with pytest.raises(InputError, match="'a' has 50 samples against 60 held-out images"):
        compare_generators(real, {"a": [real[:50]]})
