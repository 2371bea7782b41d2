"""Pairs of a concept share its value, differ in source, and leave everything else to chance."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.concept_pairs import label_pairs, numeric_pairs
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
    assert (labels[a] == labels[b]).all()
    assert (source[a] != source[b]).all()
    assert torch.equal(rho, RHO.expand(200, 3))


def test_label_pairs_reach_every_partner_equally():
    """Every row of the class from another source is equally likely to be the partner."""
    labels, source = np.zeros(12, int), np.arange(12) // 3
    pairs = label_pairs(labels, source, RHO)
    a, b, _ = pairs.draw(40_000, generator())
    counts = np.bincount(b[a == 0], minlength=12)
    assert (counts[:3] == 0).all()
    assert counts[3:].min() / counts[3:].max() > 0.75


def test_numeric_pairs_have_the_correlation_asked_for():
    """The normal scores of a pair's values correlate as the model says that their blocks do."""
    values = np.random.default_rng(0).exponential(size=4000)
    pairs = numeric_pairs(values, np.arange(4000) // 2, 0.9, RHO)
    a, b, _ = pairs.draw(20_000, generator())
    ranks = values.argsort().argsort()
    scores = torch.special.ndtri(torch.from_numpy((ranks + 0.5) / 4000))
    correlation = torch.corrcoef(torch.stack((scores[a], scores[b])))[0, 1]
    assert abs(float(correlation) - 0.9) < 0.02
    assert (a // 2 != b // 2).all()
