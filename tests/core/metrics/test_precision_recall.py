"""Improved precision and recall."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.errors import InputError
from iin_core.metrics.precision_recall import manifold, precision_recall


def _brute(real: np.ndarray, samples: np.ndarray, k: int) -> tuple[float, float]:
    """As the paper writes it, one point after another."""

    def share(centres: np.ndarray, points: np.ndarray) -> float:
        held = []
        for point in points:
            inside = False
            for i, centre in enumerate(centres):
                others = np.delete(centres, i, axis=0)
                radius = np.sort(np.linalg.norm(others - centre, axis=1))[k - 1]
                inside |= bool(np.linalg.norm(point - centre) <= radius)
            held.append(inside)
        return float(np.mean(held))

    return share(real, samples), share(samples, real)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 4), n=st.integers(6, 14), shift=st.floats(0, 3))
def test_it_is_what_brute_force_finds(seed: int, k: int, n: int, shift: float) -> None:
    """Both shares, for any k, number of rows and distance of the sets."""
    rng = np.random.default_rng(seed)
    real, samples = rng.normal(size=(n, 3)), rng.normal(size=(n + 2, 3)) + shift
    found = precision_recall(real, samples, k)
    assert (found.precision, found.recall) == pytest.approx(_brute(real, samples, k))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances in parts, the last one short, give the shares of distances at once."""
    real, samples = np.random.default_rng(0).normal(size=(2, 50, 4))
    whole = precision_recall(real, samples)
    monkeypatch.setattr(sys.modules["iin_core.metrics.precision_recall"], "_BLOCK", 7)
    assert precision_recall(real, samples) == whole


def test_equal_sets_are_wholly_real_and_wholly_covered() -> None:
    """Far from the origin too, where distances by products lose digits."""
    rows = np.random.default_rng(0).normal(size=(40, 3)) + 1e4
    found = precision_recall(rows, rows)
    assert (found.precision, found.recall) == (1, 1)


def test_sets_apart_share_nothing() -> None:
    """Precision and recall are both 0."""
    rows = np.random.default_rng(0).normal(size=(40, 3))
    found = precision_recall(rows, rows + 100)
    assert (found.precision, found.recall) == (0, 0)


def test_one_sample_over_and_over_is_real_but_covers_nothing_else() -> None:
    """A generator that has collapsed onto one real row has precision 1 and the recall of that row."""
    real = np.random.default_rng(0).normal(size=(40, 3))
    found = precision_recall(manifold(real), np.repeat(real[:1], 40, axis=0))
    assert found.precision == 1
    assert found.recall == pytest.approx(1 / 40)


def test_samples_of_half_the_modes_are_real_and_cover_half() -> None:
    """What is dropped shows in recall alone."""
    rng = np.random.default_rng(0)
    left, right, drawn = rng.normal(size=(3, 200, 2))
    found = precision_recall(np.concatenate([left, right + 50]), np.repeat(drawn, 2, axis=0), k=4)
    assert found.precision > 0.9
    assert 0.4 < found.recall < 0.5


def test_too_few_rows_and_other_widths_are_refused() -> None:
    """The messages say what would do."""
    rows = np.random.default_rng(0).normal(size=(3, 2))
    with pytest.raises(InputError, match="3 rows have no 3-th nearest neighbour") as caught:
        precision_recall(rows, rows)
    assert "more than 3 rows" in caught.value.fix
    with pytest.raises(InputError, match="have 2 and 1 dimensions"):
        precision_recall(rows, rows[:, :1], k=1)
    with pytest.raises(InputError, match=r"finite rows \(n, D\)"):
        manifold(rows * np.nan)
