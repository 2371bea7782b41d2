"""Weights of rows: classes in the shares asked for, correlated concepts independent where possible."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.blocks import Blocks
from iin_core.dependence import contingency, cramers_v, dependences
from iin_core.row_weights import MOST, drawn_apart, row_weights
from iin_core.sampling import make_sampler
from iin_core.spec import PairSpec

LABELS = {"a": PairSpec(), "b": PairSpec()}


def correlated(n, strength, seed=0, n_classes=3):
    """Two labels that agree with probability `strength`, and are independent otherwise."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, n_classes, n)
    return {"a": a, "b": np.where(rng.random(n) < strength, a, rng.integers(0, n_classes, n))}


def test_independent_balanced_concepts_are_drawn_as_they_are():
    """Where nothing is to be changed weights are one, or none are made."""
    even = {"a": np.arange(2000) % 2, "b": np.arange(2000) // 2 % 2}
    assert row_weights(even, LABELS, np.arange(2000)) == pytest.approx(np.ones(2000))
    as_they_are = dict.fromkeys("ab", PairSpec(balance=0.0))
    assert row_weights(correlated(2000, 0.0), as_they_are, np.arange(2000)) is None


def test_the_published_batch_draws_rows_as_they_come():
    """As published nothing is balanced or drawn apart, unless a concept asks for it."""
    data, source = correlated(2000, 0.5), np.arange(2000)
    assert row_weights(data, LABELS, source, as_published=True) is None
    asked = {"a": PairSpec(balance=1.0), "b": PairSpec()}
    weights = row_weights(data, asked, source, as_published=True)
    assert np.bincount(data["a"], weights) == pytest.approx(2000 / 3)


def test_classes_are_balanced_by_the_square_root_of_their_sizes():
    """Where nothing is said a class four times as large is drawn twice as often."""
    label = np.arange(1000) % 5 == 0
    weights = row_weights({"a": label}, {"a": PairSpec()}, np.arange(1000))
    assert weights[~label].sum() == pytest.approx(2 * weights[label].sum())


@settings(max_examples=25, deadline=None)
@given(strength=st.floats(0.3, 0.7), balance=st.sampled_from([0.0, 0.5, 1.0]), seed=st.integers(0, 99))
def test_weighted_rows_are_independent_with_the_margins_asked_for(strength, balance, seed):
    """Whatever the correlation, weighted rows have the balanced shares and no dependence."""
    data = correlated(3000, strength, seed)
    data["a"][:1500] = 0
    specs = {"a": PairSpec(balance=balance), "b": PairSpec()}
    weights = row_weights(data, specs, np.arange(3000))
    counts = np.bincount(data["a"]).astype(float)
    wanted = counts ** (1 - balance) / (counts ** (1 - balance)).sum()
    assert np.bincount(data["a"], weights) / 3000 == pytest.approx(wanted, rel=0.01)
    table = contingency(data["a"], data["b"], weights)
    assert cramers_v(table, 1e9) < 0.01
    assert weights.max() <= MOST * 1.5


def test_pairs_that_share_one_concept_tell_nothing_of_the_other():
    """Over pairs of one label the other label of a says nothing of that of b, though the two correlate."""
    data = correlated(4000, 0.5)
    blocks = Blocks({"residual": 1, "a": 1, "b": 1})
    within = {}
    for name, specs in {"apart": LABELS, "as they are": {k: PairSpec(given=()) for k in "ab"}}.items():
        sampler = make_sampler(data, specs, np.arange(4000), blocks)
        first, second, _ = sampler.sources[0].draw(20_000, torch.Generator().manual_seed(0))
        within[name] = cramers_v(contingency(data["b"][first], data["b"][second]), 20_000)
    assert within["apart"] < 0.03
    assert within["as they are"] > 0.2


def test_links_inside_a_batch_tell_nothing_of_the_other_concept_either():
    """Rows that are linked in one concept agree in a correlated one no more often than by chance."""
    data = correlated(4000, 0.5) | {"c": np.random.default_rng(5).integers(0, 2, 4000)}
    blocks = Blocks({"residual": 1, "a": 1, "b": 1, "c": 1})
    sampler = make_sampler(data, dict.fromkeys("abc", PairSpec()), np.arange(4000), blocks)
    batch = sampler.draw(300, 60, torch.Generator().manual_seed(0))
    place = torch.arange(300)
    drawn_for_c = slice(100, 150)  # rows a of the pairs whose turn is c
    second = (batch.partner[..., 1] != place)[:, drawn_for_c]
    rows = batch.rows[:, drawn_for_c][second]
    first = batch.rows.gather(1, batch.partner[..., 1])[:, drawn_for_c][second]
    assert (data["a"][rows] == data["a"][first]).all()
    assert cramers_v(contingency(data["b"][rows], data["b"][first]), len(rows)) < 0.08


def test_combinations_that_do_not_occur_leave_what_they_must():
    """With an empty combination weights keep the margins and come closer to independence."""
    data = correlated(4000, 0.5)
    kept = (data["a"] != 0) | (data["b"] != 2)
    data = {name: values[kept] for name, values in data.items()}
    weights = row_weights(data, dict.fromkeys("ab", PairSpec(balance=0.0)), np.arange(kept.sum()))
    before = cramers_v(contingency(data["a"], data["b"]), 4000)
    after = cramers_v(contingency(data["a"], data["b"], weights), 4000)
    assert after < 0.8 * before
    shares = np.bincount(data["a"], weights), np.bincount(data["a"])
    assert shares[0] == pytest.approx(shares[1], rel=0.02)


def test_numbers_and_missing_values_are_drawn_apart_too():
    """A number that a label goes with is independent of it under the weights; missing rows keep theirs."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 3000)
    size = rng.normal(size=3000) + label
    size[:300] = np.nan
    specs = {"label": PairSpec(), "size": PairSpec(kind="numeric")}
    weights = row_weights({"label": label, "size": size}, specs, np.arange(3000))
    valued = ~np.isnan(size)
    means = [np.average(size[valued & (label == k)], weights=weights[valued & (label == k)]) for k in (0, 1)]
    assert abs(means[0] - means[1]) < 0.1
    assert weights[:300].sum() == pytest.approx(300, rel=0.05)


def test_given_says_what_is_drawn_apart():
    """`given` names the concepts from which one is drawn apart, and an empty one says: none."""
    data, source = correlated(2000, 0.5), np.arange(2000)
    assert drawn_apart(data, LABELS, source) == [("a", "b")]
    assert drawn_apart(data, {"a": PairSpec(given=()), "b": PairSpec()}, source) == []
    assert drawn_apart(data, {"a": PairSpec(given=()), "b": PairSpec(given=("a",))}, source) == [("a", "b")]


def test_concepts_that_determine_each_other_are_recognised():
    """Which of two concepts tells the other is found, with V = 1 where either does."""
    digit = np.arange(1000) % 10
    [found] = dependences({"digit": digit, "odd": digit % 2}, {"digit": PairSpec(), "odd": PairSpec()}, digit)
    assert (found.a_tells, found.b_tells) == (True, False)
    [free] = dependences(correlated(5000, 0.0), LABELS, np.arange(5000))
    assert free.v < 0.05
    assert not free.a_tells


def test_cramers_v_of_a_table_without_chance_is_the_textbook_one():
    """With examples without end the correction vanishes: √(χ² / (n · (k − 1)))."""
    table = np.array([[30.0, 10.0], [10.0, 50.0]])
    expected = (30 * 50 - 10 * 10) / np.sqrt(40 * 60 * 40 * 60)
    assert cramers_v(table, 1e12) == pytest.approx(expected, rel=1e-6)
    assert cramers_v(np.full((3, 4), 5.0), 60) == 0.0


def test_demands_that_contradict_each_other_leave_weights_that_can_be_drawn_by():
    """Of many concepts and few rows raking empties some cells wholly; the others are drawn still."""
    rng = np.random.default_rng(2)
    columns = {f"c{i}": rng.integers(0, 3, 40) for i in range(16)}
    weights = row_weights(columns, dict.fromkeys(columns, PairSpec()), np.arange(40))
    assert np.isfinite(weights).all()
    assert (weights == 0).any()
    assert weights.mean() == pytest.approx(1)
