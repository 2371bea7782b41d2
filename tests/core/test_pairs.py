"""Pairs share what they should, differ in source, and leave everything else to chance."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.pairs import Pairs, label_pairs, make_sampler, numeric_pairs, table_pairs
from iin_core.spec import PairSpec

BLOCKS = Blocks({"residual": 2, "digit": 2, "colour": 2})
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


def test_concepts_have_equal_shares_of_a_batch():
    """A batch is divided equally among the concepts, and each pair shares its concept alone."""
    columns = {"digit": np.arange(40) % 4, "colour": np.arange(40) // 20}
    specs = {"digit": PairSpec(), "colour": PairSpec(rho=0.5)}
    batch = make_sampler(columns, specs, np.arange(40), BLOCKS).draw(100, generator())
    assert batch.rho.tolist()[:50] == [[0, pytest.approx(0.975), 0]] * 50
    assert batch.rho.tolist()[50:] == [[0, 0, 0.5]] * 50
    assert (columns["digit"][batch.a[:50]] == columns["digit"][batch.b[:50]]).all()
    assert (columns["colour"][batch.a[50:]] == columns["colour"][batch.b[50:]]).all()


def test_negative_pairs_share_all_but_the_concept():
    """Pairs that differ in a concept share the residual and every other block."""
    table = table_pairs(Pairs([0, 1], [2, 3], differs="digit", rho=[0.9, 0.8]), BLOCKS, 4)
    expected = torch.tensor([[0.9, 0, 0.9], [0.8, 0, 0.8]])
    assert torch.equal(table.rho, expected)


def test_pairs_within_kept_rows_are_renumbered():
    """Pairs whose rows were both kept point at the same rows under their new numbers."""
    kept = np.array([1, 3, 4])
    left = Pairs([0, 1, 3], [1, 3, 4], shares="digit").within(kept, 5)
    assert list(left.a) == [0, 1]
    assert list(left.b) == [1, 2]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (Pairs([0], [9], shares="digit"), "point outside the 4 rows"),
        (Pairs([1], [1], shares="digit"), "join a row with itself"),
        (Pairs([0], [1]), "exactly one of shares and differs"),
        (Pairs([0], [1], shares="digits"), "no concept 'digits'"),
        (Pairs([0], [1], shares="digit", rho=1.0), "strictly between 0 and 1"),
        (Pairs([0, 1], [1], shares="digit"), "not two equal lists"),
    ],
)
def test_unusable_tables_are_refused(pairs, message):
    """A table of pairs that cannot be used is refused with the reason."""
    with pytest.raises(InputError, match=message):
        table_pairs(pairs, BLOCKS, 4)
