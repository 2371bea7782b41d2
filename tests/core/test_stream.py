"""Rows read in windows: each row once a pass, the same batches for a seed, bounded memory."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from iin_core import stream
from iin_core.blocks import Blocks
from iin_core.front import fit_front
from iin_core.pairs import Pairs
from iin_core.row_reader import ArrayReader
from iin_core.sampling import make_sampler
from iin_core.spec import PairSpec
from iin_core.stream import RESIDENT_BYTES, SHARD_ROWS, ShardedRows, streams, window_rows
from iin_core.training import train
from iin_core.window_pairs import pairs_within
from tests.core.training_world import SHORT, TINY, layer, make, same
from tests.peak_memory import printed_numbers

ROWS = 450


@pytest.fixture
def small_shards(monkeypatch):
    """Shards of 50 rows."""
    monkeypatch.setattr(stream, "SHARD_ROWS", 50)


def sharded(rows, window):
    z = layer()[0][:rows]
    return ShardedRows(ArrayReader(z), fit_front(z, TINY), window)


def sampler_within(rows, columns, specs, source, blocks, tables=()):
    """What a window draws, as `tasks.train_rows` makes it."""
    within = pairs_within(rows, columns, specs, source, tables)
    return make_sampler(within.columns, within.specs, source[rows], blocks, tables=within.tables)


def streamed(seed, x):
    """The same job as `make`, with rows read in windows."""
    _, label, source = layer()
    blocks = Blocks({"residual": 4, "label": 2})

    def sampler_of(rows):
        return sampler_within(rows, {"label": label}, {"label": PairSpec()}, source, blocks)

    return replace(make(seed), x=x, sampler=sampler_of)


@given(st.integers(2, 30), st.integers(1, 1500), st.integers(0, 3))
def test_each_pass_shows_every_row_once(window, rows, epoch):
    """The windows of a pass hold each row once, in another order each time, none above the largest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "SHARD_ROWS", 7)
        x = ShardedRows(ArrayReader(np.zeros((rows, 2))), None, 7 * window)
        windows = [x.rows(epoch * x.n_windows + i) for i in range(x.n_windows)]
        assert np.array_equal(np.sort(np.concatenate(windows)), np.arange(rows))
        assert max(map(len, windows)) <= x.largest_window <= max(7 * window, 7)
        period = x.updates_a_window(batch=16, block=4)
        assert period % 4 == 0
        assert period * 16 >= x.largest_window


def test_one_window_of_all_rows_is_training_on_them(small_shards):
    """Where all rows fit into one window the stream gives the resident training, bit for bit."""
    [result] = train([streamed(0, sharded(ROWS, 10_000))], TINY, SHORT)
    assert same(result, train([make(0)], TINY, SHORT)[0])


def test_streamed_units_do_not_depend_on_their_group(small_shards):
    """Units of one stream, of another and of resident rows train together as if each were alone."""
    x, other = sharded(ROWS, 100), sharded(400, 150)
    jobs = [streamed(0, x), make(1), streamed(2, x), streamed(3, other)]
    group = train(jobs, TINY, SHORT)
    for job, result in zip(jobs, group, strict=True):
        assert same(train([job], TINY, SHORT)[0], result)
    assert not same(group[0], train([make(0)], TINY, SHORT)[0])
    assert np.isfinite(group[0].curves["nll_validation"]).all()


def test_only_the_rows_of_the_window_are_drawn(small_shards):
    """Within a window pairs join its rows alone, and the batch names them among all rows."""
    from iin_core.batches import Batches

    x = sharded(ROWS, 100)
    batches = Batches([streamed(0, x)], SHORT, torch.device("cpu"))
    period = x.updates_a_window(SHORT.batch, batches.block)
    label = torch.tensor(layer()[1])
    for update in range(4 * period):
        drawn = batches.at(update)
        rows = drawn.batch.rows[0]
        assert set(rows.tolist()) <= set(x.rows(update // period).tolist())
        linked = drawn.batch.rho[0, :, 1] > 0
        partner = rows[drawn.batch.partner[0, :, 1]]
        assert torch.equal(label[rows[linked]], label[partner[linked]])
        assert linked.any()


def test_a_window_without_a_pair_of_a_concept_trains_the_rest(small_shards):
    """Labels, numbers and pairs that lie in one window are linked there; elsewhere rows train unlinked."""
    x, (_, label, source) = sharded(ROWS, 100), layer()
    blocks = Blocks({"residual": 1, "label": 2, "size": 1, "odd": 1, "near": 1})
    first, label, source = x.rows(0), label[:ROWS], source[:ROWS]
    here = np.isin(np.arange(ROWS), first)
    columns = {
        "label": label,
        "size": np.where(here, np.arange(ROWS), np.nan),
        "odd": np.where(here, label % 2, None),
    }
    specs = {"label": PairSpec(), "size": PairSpec(kind="numeric"), "odd": PairSpec()}
    others = first[source[first] != source[first[0]]]
    table = Pairs(np.full(len(others), first[0]), others, shares="near")

    def sampler_of(rows):
        return sampler_within(rows, columns, specs, source, blocks, [table])

    linked = [
        sampler_of(x.rows(window)).draw(64, 4, torch.Generator().manual_seed(0)).rho.amax((0, 1)) > 0
        for window in range(x.n_windows)
    ]
    assert linked[0].tolist() == [False, True, True, True, True]
    assert all(found.tolist() == [False, True, False, False, False] for found in linked[1:])
    [result] = train([replace(make(0), x=x, sampler=sampler_of, blocks=blocks)], TINY, SHORT)
    assert np.isfinite(result.curves["nll_validation"]).all()


def test_a_window_without_any_pair_trains_the_likelihood():
    """Its rows are drawn evenly, and none is linked."""
    rows = np.arange(50)
    sampler = sampler_within(rows, {"label": rows}, {"label": PairSpec()}, rows, make(0).blocks)
    batch = sampler.draw(32, 8, torch.Generator().manual_seed(0))
    assert batch.rows.shape == (8, 32)
    assert len(batch.rows.unique()) > 45
    assert (batch.rho == 0).all()


def test_first_rows_are_rows_of_the_first_window(small_shards):
    """The data-dependent start sees rows of the first window alone, also where it is not the largest."""
    from iin_core.batches import Batches

    for rows in (110, 120, 160, 210):
        x = sharded(rows, 100)
        first = Batches([streamed(0, x)], SHORT, torch.device("cpu")).first_rows()[0]
        within = x.front.apply(layer()[0][x.rows(0)])
        assert ((first[:, None] - within).abs().amax(2).amin(1) < 1e-5).all()


def test_auto_streams_by_size_alone():
    """`auto` streams above a fixed size of the rows behind the front; the words decide otherwise."""
    most = RESIDENT_BYTES // 4 // 256
    assert not streams("auto", most, 256)
    assert streams("auto", most + 1, 256)
    assert streams("stream", 10, 2)
    assert not streams("resident", 10**9, 256)
    assert window_rows(256) == 2**20
    assert window_rows(10**7) == SHARD_ROWS


BOUNDED = """
import sys
import numpy as np, torch
from iin_core.blocks import Blocks
from iin_core.front import fit_front, shared_by
from iin_core.jobs import Job
from iin_core.sampling import make_sampler
from iin_core.spec import FlowSpec, PairSpec, TrainingSpec
from iin_core.stream import ShardedRows
from iin_core.training import train

torch.set_num_threads(1)
N, ROWS, D = int(sys.argv[1]), int(sys.argv[2]), 32
label = np.arange(ROWS) % 5
basis = np.linalg.qr(np.random.default_rng(0).normal(size=(N, D)))[0].astype(np.float32)

class Computed:
    n_rows, n_features = ROWS, N
    def read(self, start, stop):
        code = np.random.default_rng(start).normal(size=(stop - start, D)).astype(np.float32)
        code[:, 0] += 3 * label[start:stop]
        return code @ basis.T

flow, concept = FlowSpec(couplings=2, hidden=32, front_dims=D), {"label": PairSpec()}
before = peak()
front = fit_front(Computed(), flow, shared_by({"label": label}, concept))
blocks = Blocks({"residual": 24, "label": 8})
def sampler_of(rows):
    return make_sampler({"label": label[rows]}, concept, rows, blocks)
x = ShardedRows(Computed(), front, 16384)
job = Job(x, torch.randn(256, D), torch.eye(D), sampler_of, blocks, 0)
[result] = train([job], flow, TrainingSpec(updates=160, batch=512))
assert result.failure is None
print(before, peak())
"""


@pytest.mark.slow
@pytest.mark.parametrize(("n", "rows"), [(4096, 65_536), (16_384, 20_480)])
def test_memory_of_a_stream_is_bounded(n, rows):
    """A gibibyte of rows goes through the front and the training within half of that above the start."""
    before, after = printed_numbers(BOUNDED, [str(n), str(rows)])
    assert 4 * n * rows >= 2**30
    assert after - before < 512
