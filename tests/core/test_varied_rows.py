"""A few rows in which all values occur."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iin_core.varied_rows import varied_rows

RNG = np.random.default_rng(0)
SHAPE = RNG.choice(5, 400, p=[0.8, 0.05, 0.05, 0.05, 0.05])
INK = RNG.choice(np.array(["red", "blue", None], dtype=object), 400)
SOURCE = np.arange(400) // 2


@given(st.integers(0, 10_000), st.integers(5, 12))
def test_rare_values_are_among_few_rows(seed, n):
    """Five rows hold all five shapes, however rare, and no source comes twice."""
    rows = varied_rows({"shape": SHAPE, "ink": INK}, SOURCE, n, seed)
    assert len(rows) == n
    assert len(set(SHAPE[rows])) == 5
    assert len(set(SOURCE[rows])) == n


def test_the_seed_decides():
    """The same seed chooses the same rows, another one others."""
    chosen = [varied_rows({"shape": SHAPE}, SOURCE, 6, seed).tolist() for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2]


def test_sources_can_be_kept_out_and_run_out():
    """Left-out sources do not come; where there are fewer than asked for, all are taken."""
    rows = varied_rows({}, SOURCE[:6], 9, 0, without=[1])
    assert sorted(SOURCE[rows]) == [0, 2]
    assert varied_rows({"shape": SHAPE[:0]}, SOURCE[:0], 3, 0).tolist() == []
