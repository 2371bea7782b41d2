"""What a batch holds: rows, links, and noise where it belongs."""

import pytest
import torch

from iin_core.batches import Batches, updates_at_once
from iin_core.spec import TrainingSpec
from tests.core.training_world import SHORT, make

CPU = torch.device("cpu")


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_noise_is_on_both_rows_of_a_share_of_pairs(share):
    """The named share of pairs has noise, on both rows; the others, which `clean` tells, have none."""
    job = make(0)
    spec = SHORT.model_copy(update={"noise_share": share})
    batches = Batches([job], spec, CPU)
    drawn = batches.at(0)
    touched = (drawn.x[0] != job.x[drawn.batch.rows[0]]).any(1)
    assert torch.equal(~touched, batches.clean)
    assert torch.equal(touched[:16], touched[16:])
    assert int(touched.sum()) == round(share * 32)


def test_noise_has_the_asked_for_deviation():
    """Over many updates the noise is `noise` deviations of each component."""
    job = make(0)
    batches = Batches([job], SHORT.model_copy(update={"batch": 512}), CPU)
    drawn = [batches.at(update) for update in range(batches.block)]
    noise = torch.cat([part.x[0] - job.x[part.batch.rows[0]] for part in drawn])
    torch.testing.assert_close(noise.T.cov(), 0.01 * job.noise.T @ job.noise, atol=2e-3, rtol=0.05)


def test_other_rows_have_little_noise():
    """With `low_noise` the rows that are left out have that share of the noise, and stay the clean ones."""
    job = make(0)
    spec = SHORT.model_copy(update={"batch": 512, "noise_share": 0.5, "low_noise": 0.25})
    batches = Batches([job], spec, CPU)
    drawn = [batches.at(update) for update in range(batches.block)]
    noise = torch.stack([part.x[0] - job.x[part.batch.rows[0]] for part in drawn])
    much, little = noise[:, ~batches.clean].std(), noise[:, batches.clean].std()
    assert int(batches.clean.sum()) == 256
    assert float(little / much) == pytest.approx(0.25, rel=0.05)


def test_penalties_read_rows_without_noise_unless_all_have_it():
    """Places of the clean rows, and every place where no row is clean."""
    for share, n in ((0.5, SHORT.batch // 2), (1.0, SHORT.batch), (0.0, SHORT.batch)):
        batches = Batches([make(0)], SHORT.model_copy(update={"noise": 0.1, "noise_share": share}), CPU)
        assert len(batches.read) == n
        assert share == 1.0 or bool(batches.clean[batches.read].all())


def test_links_reach_the_dimensions_of_their_block():
    """Each dimension has the partner and the correlation of its block; neighbours differ in rows."""
    jobs = [make(0), make(1, labelled=False), make(2)]
    drawn = Batches(jobs, SHORT, CPU).at(0)
    place = drawn.mates.place.view_as(drawn.x)
    own = torch.arange(place.numel()).view_as(place)
    assert torch.equal(place.flatten()[place], own)
    mate = (place - own[:, :1]) // place.shape[-1]
    for k, job in enumerate(jobs):
        for block, places in enumerate(job.blocks.index_of_dim):
            rho = drawn.batch.rho[k, :, places]
            assert torch.equal(drawn.mates.rho[k, :, block], rho)
            torch.testing.assert_close(drawn.mates.weight[k, :, block], 1 / (1 - rho**2))
            linked = rho > 0
            assert torch.equal(mate[k, :, block][linked], drawn.batch.partner[k, :, places][linked])
    assert (drawn.mates.rho[0, :, 4:] > 0).any()
    assert not drawn.mates.rho[1].any()
    assert not torch.equal(drawn.batch.rows[0], drawn.batch.rows[2])


def test_generator_says_all_between_blocks():
    """A batch object that takes over the generators draws on as the first one would have."""
    first, second = (Batches([make(0), make(1)], SHORT, CPU) for _ in range(2))
    for update in range(first.block):
        first.at(update)
    for k in (0, 1):
        second.load(k, first.state(k))
    assert torch.equal(first.at(first.block).x, second.at(first.block).x)


def test_large_batches_are_drawn_a_few_at_a_time():
    """How many updates are drawn at once depends on the size of their noise, and is one at least."""
    assert updates_at_once(TrainingSpec(batch=512), 64) == 32
    assert updates_at_once(TrainingSpec(batch=512), 1024) == 8
    assert updates_at_once(TrainingSpec(batch=65_536), 4096) == 1


def test_rows_of_a_layer_lie_in_memory_once():
    """Jobs that share their rows share the memory."""
    from dataclasses import replace

    job = make(0)
    batches = Batches([job, replace(job, seed=1)], SHORT, CPU)
    assert batches._table._x.data_ptr() == job.x.data_ptr()
