"""Cross-fitting and shuffling over sources."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.errors import InputError
from iin_core.metrics.folds import shuffle_over_sources, split_sources


@settings(max_examples=25, deadline=None)
@given(
    source=st.lists(st.integers(0, 20), min_size=10, max_size=120).filter(lambda s: len(set(s)) >= 4),
    parts=st.integers(2, 4),
)
def test_no_source_lies_on_two_sides(source: list[int], parts: int) -> None:
    """Train, validation and read rows have disjoint sources, all together, and every row is read once."""
    sources = np.asarray(source)
    folds = split_sources(sources, parts=parts)
    assert len(folds) == parts
    for fold in folds:
        sides = [set(sources[rows]) for rows in (fold.train, fold.validation, fold.read)]
        assert all(sides)
        assert sum(map(len, sides)) == len(set.union(*sides)) == len(set(source))
    assert sorted(np.concatenate([fold.read for fold in folds])) == list(range(len(sources)))


def test_too_few_sources_are_refused() -> None:
    """Three sources cannot be split into halves that each have validation sources, nor four into five."""
    with pytest.raises(InputError, match="at least 4 sources, but the rows come from 3"):
        split_sources([0, 1, 2, 2])
    with pytest.raises(InputError, match="at least 5 sources, but the rows come from 4"):
        split_sources([0, 1, 2, 3], parts=5)


def test_shuffling_keeps_what_is_constant_within_a_source() -> None:
    """A label of the source stays one; a label that varies within it keeps its values' numbers."""
    source = np.repeat(np.arange(50), 6)
    digit, colour = source % 10, np.tile(np.arange(6), 50)
    shuffled = shuffle_over_sources(digit, source, seed=0)
    assert all(len(set(shuffled[source == s])) == 1 for s in range(50))
    assert (np.bincount(shuffled) == np.bincount(digit)).all()
    assert (shuffled == digit).mean() < 0.3
    moved = shuffle_over_sources(colour, source, seed=0)
    assert all(sorted(moved[source == s]) == list(range(6)) for s in range(50))
    assert abs((moved == colour).mean() - 1 / 6) < 0.1
