"""Pairs of a concept share its value, differ in source, and leave everything else to chance."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.concept_pairs import label_pairs, numeric_pairs, score_correlation
from iin_core.concept_values import normal_scores
from iin_core.errors import InputError

RHO = torch.tensor([0.0, 0.9, 0.0])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@settings(max_examples=40, deadline=None)
@given(
    labels=st.lists(st.integers(0, 3), min_size=6, max_size=40),
    n_sources=st.integers(2, 6),
    seed=st.integers(0, 99),
)
def test_label_pairs_share_the_label_and_not_the_source(labels, n_sources, seed):
    """Whatever the classes and sources, the two rows of a pair have one label and two sources."""
    labels = np.array(labels)
    source = np.random.default_rng(seed).integers(0, n_sources, len(labels))
    shared = any(len(set(source[labels == label])) > 1 for label in labels)
    if not shared:
        with pytest.raises(InputError, match="No two sources have the same label"):
            label_pairs(labels, source, RHO)
        return
    a, b, rho = label_pairs(labels, source, RHO).draw(200, generator(seed))
    sources_of = {label: len(set(source[labels == label])) for label in labels}
    paired = np.array([sources_of[label] > 1 for label in labels[a]])
    assert torch.equal(rho, torch.from_numpy(paired)[:, None] * RHO)
    assert (labels[a] == labels[b])[paired].all()
    assert (source[a] != source[b])[paired].all()
    assert all(sources_of[label] == 1 for label in labels[b[~paired]])


def test_label_pairs_reach_every_partner_equally():
    """Every row of the class from another source is equally likely to be the partner."""
    labels, source = np.zeros(12, int), np.arange(12) // 3
    pairs = label_pairs(labels, source, RHO)
    a, b, _ = pairs.draw(40_000, generator())
    counts = np.bincount(b[a == 0], minlength=12)
    assert (counts[:3] == 0).all()
    assert counts[3:].min() / counts[3:].max() > 0.75


def test_pairs_are_drawn_by_weight():
    """A row of three times the weight is a, and b, three times as often."""
    labels, weights = np.arange(600) % 2, np.where(np.arange(600) < 200, 3.0, 1.0)
    values = np.random.default_rng(0).normal(size=600)
    for pairs in (
        label_pairs(labels, np.arange(600), RHO, weights),
        numeric_pairs(values, np.arange(600), 0.9, RHO, weights),
    ):
        for rows in pairs.draw(60_000, generator())[:2]:
            drawn = np.bincount(rows, minlength=600) / 60_000 * weights.sum()
            assert abs(drawn[:200].mean() - 3) < 0.15
            assert abs(drawn[200:].mean() - 1) < 0.1


def test_numeric_pairs_have_the_correlation_that_their_links_have():
    """The normal scores of a pair's values correlate as their links do in the mean."""
    values = np.random.default_rng(0).exponential(size=4000)
    pairs = numeric_pairs(values, np.arange(4000) // 2, 0.9, torch.tensor([0.0, 1.0, 0.0]))
    a, b, rho = pairs.draw(20_000, generator())
    scores = torch.from_numpy(normal_scores(values))
    correlation = torch.corrcoef(torch.stack((scores[a], scores[b])))[0, 1]
    assert abs(float(correlation) - score_correlation(0.9)) < 0.02
    assert abs(float(rho[:, 1].mean()) - score_correlation(0.9)) < 0.02
    assert not rho[:, [0, 2]].any()
    assert (a // 2 != b // 2).all()


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.sampled_from([0.0, 1.0, 2.5, float("nan")]), min_size=4, max_size=30),
    n_sources=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_numeric_pairs_leave_rows_without_a_value_alone(values, n_sources, seed):
    """Whatever is missing or tied, linked rows have values and two sources, the others none."""
    values = np.array(values)
    source = np.random.default_rng(seed).integers(0, n_sources, len(values))
    valued = ~np.isnan(values)
    if len(set(source[valued])) < 2:
        with pytest.raises(InputError, match="come from one source"):
            numeric_pairs(values, source, 0.9, torch.ones(1))
        return
    a, b, rho = numeric_pairs(values, source, 0.9, torch.ones(1)).draw(200, generator(seed))
    linked = (rho[:, 0] > 0).numpy()
    assert (source[a] != source[b])[linked].all()
    assert valued[a[linked]].all()
    assert valued[b[linked]].all()
    assert not valued[[*a[~linked], *b[~linked]]].any()


@pytest.mark.parametrize("rho", [0.1, 0.5, 0.9, 0.975])
def test_the_correlation_of_scores_solves_its_equation(rho):
    """r · √(3 − 2r) = ρ, so that the mean of graded links is r."""
    r = score_correlation(rho)
    assert r * (3 - 2 * r) ** 0.5 == pytest.approx(rho)
