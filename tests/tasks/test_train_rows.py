"""Rows for training: held or streamed they are the sealed ones, in front of the same units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from iin_core import stream
from iin_core.blocks import Blocks
from iin_core.stream import ShardedRows
from tasks import train_rows
from tasks.layer_rows import load_layer_rows
from tasks.output import identity
from tasks.train import train
from tasks.train_rows import GroupRows, evenly_in_pieces, sample_rows
from tests.tasks.trained_world import changed, copied


@given(st.integers(16, 10_000), st.integers(16, 1000))
def test_pieces_are_rows_evenly_taken(n, most):
    """Pieces hold all rows where these are few enough, else that many, each once, from first to last."""
    pieces = evenly_in_pieces(n, most)
    rows = np.concatenate([np.arange(piece.start, piece.stop) for piece in pieces])
    assert len(rows) == (n if n <= most else most // 16 * 16)
    assert rows[0] == 0
    assert rows[-1] == n - 1
    assert n <= most or most > n - 16 or len(np.unique(rows)) == len(rows)


def test_samples_are_bounded_in_bytes():
    """Narrow layers give 65,536 rows, wide ones what fits into a gibibyte, and never fewer than 256."""
    assert sample_rows(64) == (65_536, 8192)
    assert sample_rows(16_384) == (16_384, 8192)
    assert sample_rows(10**6) == (268, 268)
    assert sample_rows(2 * 10**6) == (256, 256)


@pytest.mark.parametrize("feed", ["resident", "stream"])
def test_rows_behind_the_front_are_those_of_the_split(world, feed, monkeypatch):
    """x holds the training rows behind the sealed front, whether read at once or by windows."""
    plan, root = world
    monkeypatch.setattr(stream, "SHARD_ROWS", 32)
    unit = changed(plan.units[0], feed=feed)
    job = GroupRows(root, plan.rows.key).job(unit, Blocks(root.find(unit.dimensions).meta["dims"]))
    whole = load_layer_rows(root, plan.rows.key, unit.layer.extract.key)
    front = GroupRows(root, plan.rows.key).layer(unit).front
    expected = front.apply(whole.of("train").z)
    if isinstance(job.x, ShardedRows):
        found = torch.empty(expected.shape)
        job.x.fill(found, 0)
        assert job.x.n_windows == 1
    else:
        found = job.x
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(job.x_validation, front.apply(whole.of("validation").z))
    assert set(job.targets) == {"kind", "size"}
    assert len(job.targets["kind"]) == len(expected)


def test_units_of_a_layer_share_their_rows(world):
    """Seeds of one concept set train on the same tensor."""
    plan, root = world
    rows = GroupRows(root, plan.rows.key)
    one, two = (rows.job(unit, Blocks(root.find(unit.dimensions).meta["dims"])) for unit in plan.units[:2])
    assert plan.units[0].seed != plan.units[1].seed
    assert one.x is two.x


def test_a_long_layer_is_sampled_and_read_in_pieces(world, monkeypatch):
    """Where there are more rows than a sample takes, x is read piece by piece and is the same."""
    plan, root = world
    unit = plan.units[0]
    whole = GroupRows(root, plan.rows.key).layer(unit)
    monkeypatch.setattr(train_rows, "_SAMPLE_ROWS", 48)
    sampled = GroupRows(root, plan.rows.key).layer(unit)
    assert torch.equal(sampled.x, whole.x)
    assert len(sampled.sample.z) == len(sampled.sample.table) == 48
    assert torch.equal(sampled.sample.z[-1], whole.sample.z[-1])


def test_streamed_units_are_sealed_and_reproducible(world, cluster, tmp_path):
    """A study whose training streams comes to the same bytes twice."""
    plan, root = world
    units = tuple(changed(unit, feed="stream") for unit in plan.units[:2])
    roots = [copied(root, tmp_path / name) for name in ("one", "two")]
    for again in roots:
        train(replace(plan, units=units), again, cluster)
    for unit in units:
        one, two = (identity(again.find(unit.train).manifest) for again in roots)
        assert one == two
