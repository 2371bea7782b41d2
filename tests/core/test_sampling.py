"""A batch of linked rows: pairs by turns of the concepts, and links among all rows that agree."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode

from iin_core.blocks import Blocks
from iin_core.concept_pairs import graded, score_correlation
from iin_core.concept_values import normal_scores
from iin_core.pairs import Pairs
from iin_core.sampling import Told, make_sampler
from iin_core.spec import PairSpec

BLOCKS = Blocks({"residual": 2, "digit": 2, "colour": 2, "size": 1})
DIGIT, COLOUR, SIZE = 1, 2, 3
SPECS = {"digit": PairSpec(), "colour": PairSpec(rho=0.5), "size": PairSpec(kind="numeric", rho=0.9)}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def columns(n, seed=0, missing=0.0):
    """Two labels and a number, without a value in a share of the rows."""
    rng = np.random.default_rng(seed)
    digit = rng.integers(0, 4, n).astype(object)
    colour = rng.choice(["red", "blue"], n).astype(object)
    size = rng.normal(size=n)
    for column, gap in ((digit, None), (colour, np.nan), (size, np.nan)):
        column[rng.random(n) < missing] = gap
    return {"digit": digit, "colour": colour, "size": size}


def linked(batch, block):
    """The rows, (m,), and those they are linked to in one block, over all updates."""
    place = torch.arange(batch.rows.shape[-1])
    second = batch.partner[..., block] != place
    first = batch.rows.gather(-1, batch.partner[..., block])
    return batch.rows[second].numpy(), first[second].numpy(), batch.rho[..., block][second]


@settings(max_examples=30, deadline=None)
@given(
    n_sources=st.integers(4, 40),
    missing=st.sampled_from([0.0, 0.3]),
    n_rows=st.integers(2, 60),
    n_updates=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_links_join_rows_that_agree_and_differ_in_source(n_sources, missing, n_rows, n_updates, seed):
    """Whatever the data, links are disjoint pairs of rows that agree in the block, of two sources."""
    n = 200
    data = columns(n, seed, missing)
    source = np.random.default_rng(seed + 1000).integers(0, n_sources, n)
    batch = make_sampler(data, SPECS, source, BLOCKS).draw(n_rows, n_updates, generator(seed))
    assert batch.rows.shape == (n_updates, n_rows)
    assert batch.partner.shape == batch.rho.shape == (n_updates, n_rows, 4)
    place = torch.arange(n_rows)
    for block in range(4):
        partner, rho = batch.partner[..., block], batch.rho[..., block]
        assert torch.equal(partner != place, rho > 0)
        assert (partner.gather(-1, partner) == partner).all()
        for row in partner:
            targets = row[row != place]
            assert len(targets.unique()) == len(targets)
        rows, first, _ = linked(batch, block)
        assert (source[rows] != source[first]).all()
        if block in (DIGIT, COLOUR):
            values = data[list(BLOCKS)[block]]
            assert (values[rows] == values[first]).all()
        if block == SIZE:
            assert np.isfinite(data["size"][[*rows, *first]]).all()
    assert not batch.rho[..., 0].any()


def test_what_an_update_gets_does_not_depend_on_how_many_are_drawn_at_once():
    """32 updates drawn at once are those drawn in parts from the same generator, bit for bit."""
    sampler = make_sampler(columns(300, missing=0.2), SPECS, np.arange(300) // 2, BLOCKS)
    whole, parts = sampler.draw(50, 32, generator(7)), generator(7)
    drawn = [sampler.draw(50, k, parts) for k in (1, 20, 11)]
    for got, expected in zip(zip(*drawn, strict=True), whole, strict=True):
        assert torch.equal(torch.cat(got), expected)


def test_every_row_trains_every_concept():
    """In a batch nearly every row is linked, or linked to, in the block of every concept."""
    batch = make_sampler(columns(2000), SPECS, np.arange(2000), BLOCKS).draw(256, 8, generator())
    for block in (DIGIT, COLOUR, SIZE):
        assert 2 * (batch.rho[..., block] > 0).float().mean() > 0.95


def test_pairs_alone_are_the_published_batch():
    """Without further links rows are [a; b], b linked to a in the concept whose turn it is, in that alone."""
    data = columns(400)
    batch = make_sampler(data, SPECS, np.arange(400), BLOCKS, links="pair").draw(60, 2, generator())
    assert not batch.rho[:, :30].any()
    turns = batch.rho[:, 30:] > 0
    assert turns.sum(-1).eq(1).all()
    for block, turn in ((DIGIT, slice(0, 10)), (COLOUR, slice(10, 20)), (SIZE, slice(20, 30))):
        assert turns[:, turn, block].all()
        assert torch.equal(batch.partner[0, 30:][turn, block], torch.arange(30)[turn])


def test_pairs_that_agree_by_chance_share_that_too():
    """A pair drawn for the digit that has one colour is linked in both blocks."""
    data = columns(400)
    batch = make_sampler(data, SPECS, np.arange(400), BLOCKS).draw(300, 1, generator())
    a, b = batch.rows[0, :50].numpy(), batch.rows[0, 150:200].numpy()
    same = torch.from_numpy(data["colour"][a] == data["colour"][b])
    paired = batch.partner[0, 150:200, COLOUR] == torch.arange(50)
    assert torch.equal(paired & same, same)


def test_rows_without_a_value_are_drawn_as_often_as_others():
    """Rows that no pair can be made of still come up in batches at their share."""
    data = {"digit": np.where(np.arange(500) < 200, np.nan, np.arange(500) % 3)}
    sampler = make_sampler(data, {"digit": PairSpec()}, np.arange(500), Blocks({"residual": 1, "digit": 1}))
    batch = sampler.draw(500, 40, generator())
    assert abs(float((batch.rows < 200).float().mean()) - 0.4) < 0.02
    assert not batch.rho[batch.rows < 200].any()


def test_numeric_links_correlate_as_their_rows_do():
    """Over the links of a number the mean correlation is that of the scores, and it falls with distance."""
    size = np.random.default_rng(0).exponential(size=5000)
    blocks, specs = Blocks({"residual": 1, "size": 1}), {"size": PairSpec(kind="numeric", rho=0.9)}
    sampler = make_sampler({"size": size}, specs, np.arange(5000), blocks)
    other = make_sampler(columns(5000) | {"size": size}, SPECS, np.arange(5000), BLOCKS)
    scores = torch.from_numpy(normal_scores(size))  # of rows drawn alike; the balance of labels shifts them
    for batch, block in ((sampler.draw(400, 40, generator()), 1), (other.draw(400, 40, generator()), SIZE)):
        rows, first, rho = linked(batch, block)
        u, v = scores[rows], scores[first]
        assert torch.allclose(rho.double(), graded(0.9, u - v), atol=2e-3)
        assert abs(float(torch.corrcoef(torch.stack((u, v)))[0, 1]) - score_correlation(0.9)) < 0.02
        assert abs(float(rho.mean()) - score_correlation(0.9)) < 0.02


def test_negative_pairs_share_all_but_the_concept():
    """A pair that differs in the digit is linked in every other block, the residual too."""
    table = Pairs(np.arange(0, 100, 2), np.arange(1, 100, 2), differs="digit", rho=0.8)
    batch = make_sampler({}, {}, np.arange(100), BLOCKS, tables=[table]).draw(40, 3, generator())
    assert torch.equal(batch.rho[:, 20:] > 0, torch.tensor([True, False, True, True]).expand(3, 20, 4))
    assert (batch.rows[:, :20] + 1 == batch.rows[:, 20:]).all()


def test_pairs_that_share_several_concepts_are_linked_in_all_of_them():
    """A table may share two concepts at once; its pairs are linked in both blocks and in no other."""
    table = Pairs(np.arange(0, 100, 2), np.arange(1, 100, 2), shares=["digit", "size"], rho=0.8)
    batch = make_sampler({}, {}, np.arange(100), BLOCKS, tables=[table]).draw(40, 3, generator())
    assert torch.equal(batch.rho[:, 20:] > 0, torch.tensor([False, True, False, True]).expand(3, 20, 4))
    assert not batch.rho[:, :20].any()


def test_negative_pairs_leave_their_concept_to_other_links():
    """What a negative pair differs in is linked to other rows of the batch, never within the pair."""
    data = {"digit": np.arange(100) % 2}
    table = Pairs(np.arange(0, 100, 2), np.arange(1, 100, 2), differs="digit", rho=0.8)
    sampler = make_sampler(data, {"digit": PairSpec()}, np.arange(100), BLOCKS, tables=[table])
    batch = sampler.draw(80, 3, generator())
    assert sampler.told == (Told(("digit",)), Told(("digit",), differ=True))
    rows, first, _ = linked(batch, DIGIT)
    assert (rows % 2 == first % 2).all()
    assert len(rows) > 3 * 35


class Calls(TorchFunctionMode):
    """Counts the calls of torch that Python makes."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def test_drawing_is_vectorised():
    """Many updates of many rows take as many calls of torch as one of few."""
    sampler = make_sampler(columns(300), SPECS, np.arange(300), BLOCKS)
    counts = []
    for n_rows, n_updates in ((6, 1), (512, 32)):
        with Calls() as calls:
            sampler.draw(n_rows, n_updates, generator())
        counts.append(calls.count)
    assert counts[0] == counts[1]


def test_without_concepts_rows_are_linked_to_nothing():
    """The unsupervised sampler draws rows over the whole range, each alone."""
    batch = make_sampler({}, {}, np.arange(40), Blocks({"residual": 6})).draw(501, 2, generator())
    assert batch.rows.shape == (2, 501)
    assert not batch.rho.any()
    assert set(batch.rows.flatten().tolist()) == set(range(40))
    assert (batch.partner[..., 0] == torch.arange(501)).all()


def test_concepts_have_equal_shares_of_the_pairs():
    """The pairs are divided equally among the concepts, each with its own correlation."""
    specs = {"digit": PairSpec(), "colour": PairSpec(rho=0.5)}
    batch = make_sampler(columns(400), specs, np.arange(400), BLOCKS, links="pair").draw(200, 1, generator())
    assert batch.rho[0, 100:150].tolist() == [[0, pytest.approx(0.975), 0, 0]] * 50
    assert batch.rho[0, 150:].tolist() == [[0, 0, 0.5, 0]] * 50
