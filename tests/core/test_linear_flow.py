"""The linear flow: what it separates, and when it takes a trained one's place."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from iin_core.fitting import fit
from iin_core.flow import NormalizingFlow
from iin_core.interpreter import Interpreter
from iin_core.linear_flow import judged, linear_flow
from iin_core.linked_rows import loss_of
from iin_core.reference_turn import reference_turn
from iin_core.sampling import make_sampler
from iin_core.spec import FlowSpec, PairSpec, TrainingSpec
from iin_core.training import train
from iin_core.transforms import ActNorm
from tests.core.training_world import SHORT, TINY, layer, make

FLOW = FlowSpec(couplings=2, residual_couplings=0, hidden=32)
LONG = TrainingSpec(updates=500, batch=64, learning_rate=5e-3, penalties={}, weight_decay=0.0, noise=0.0)


def checked(labelled=True):
    """A job whose validation rows make pairs, and the flow that is fitted to it."""
    job = make(0, labelled=labelled)

    _, label, source = layer()
    columns, specs = ({"label": label[-150:]}, {"label": PairSpec()}) if labelled else ({}, {})
    check = make_sampler(columns, specs, source[-150:], job.blocks)
    targets = {"label": torch.from_numpy(label[:450])} if labelled else {}
    return replace(job, check=check, targets=targets)


def spread(n_dims):
    """Makes every code ten times as large as it should be."""
    norm = ActNorm(n_dims)
    torch.nn.init.constant_(norm.scale, 10.0)
    return norm


def mixed(n, seed=0, curved=0.0):
    """Two labels and a rest, turned; with `curved` the rest moves along a parabola with the second label."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(2, size=n), rng.integers(3, size=n)
    latent = rng.normal(size=(n, 8))
    latent[:, 0] = 2 * a - 1 + 0.1 * latent[:, 0]
    latent[:, 1] = b - 1 + 0.1 * latent[:, 1]
    latent[:, 2] += curved * latent[:, 3] ** 2
    turn = np.linalg.qr(np.random.default_rng(9).normal(size=(8, 8)))[0]
    return torch.from_numpy((latent @ turn).astype(np.float32)), {"a": a, "b": b}


@pytest.mark.parametrize("labelled", [True, False])
def test_it_is_a_bijection_with_its_log_determinant(labelled):
    """The way back is exact and the log-determinant is that of the matrix, with concepts or without."""
    job = checked(labelled)
    flow = linear_flow(job.x, job.sampler, job.check, job)
    z_tilde, log_det = flow(job.x[None])
    torch.testing.assert_close(flow.inverse(z_tilde)[0], job.x, atol=1e-4, rtol=1e-4)
    jacobian = torch.func.jacrev(lambda row: flow(row[None, None])[0][0, 0])(job.x[0])
    assert float(torch.linalg.slogdet(jacobian)[1]) == pytest.approx(float(log_det[0, 0]), abs=1e-3)


def test_few_rows_take_the_linear_flow_and_many_the_trained_one():
    """With a curved layer the trained flow wins where its rows are many, and loses where it saw few."""
    few, labels = mixed(120, curved=1.0)
    assert fit(few, labels, flow=FLOW, training=LONG).meta["linear"]
    many, labels = mixed(4000, curved=1.0)
    assert not fit(many, labels, flow=FLOW, training=LONG).meta["linear"]


def test_few_rows_edit_and_separate():
    """Exchanged blocks of the linear flow carry their label and leave the other's."""
    z, labels = mixed(120)
    flow = fit(z, labels, flow=FLOW, training=LONG)
    assert flow.meta["linear"]
    z, labels = mixed(400, seed=1)
    order = np.random.default_rng(2).permutation(400)
    turn = np.linalg.qr(np.random.default_rng(9).normal(size=(8, 8)))[0]
    latent = flow.swap(z, z[order], "a").numpy() @ turn.T
    assert ((latent[:, 0] > 0) == (labels["a"][order] == 1)).mean() > 0.98
    assert (np.abs(latent[:, 1] - (labels["b"] - 1)) < 0.5).mean() > 0.98


def test_what_a_person_turns_off_stays_off(tmp_path):
    """Without `fall_back`, and as published, the trained flow stays; a linear one is saved and read back."""
    z, labels = mixed(120)
    training = LONG.model_copy(update={"fall_back": False})
    assert not fit(z, labels, flow=FLOW, training=training).meta["linear"]
    assert not TrainingSpec.published().fall_back
    linear = fit(z, labels, flow=FLOW, training=LONG)
    assert linear.meta["linear"]
    linear.save(tmp_path / "it")
    torch.testing.assert_close(Interpreter.load(tmp_path / "it").encode(z), linear.encode(z))


def test_a_flow_that_is_merely_bad_stays():
    """What has learned too little, or has no held-out pairs to be judged by, is not replaced."""
    job = checked()
    [trained] = train([job], TINY, SHORT.model_copy(update={"fall_back": False}))
    turn = reference_turn(job.x, job.sampler, job.check, job)
    bad = replace(trained, flow=NormalizingFlow([*turn.transforms, spread(job.n_dims)]))
    assert loss_of(bad.flow, job.x, job.sampler, job.blocks) > loss_of(turn, job.x, job.sampler, job.blocks)
    assert judged(bad, job) is bad
    noise = replace(job, x_validation=10 * job.x_validation)
    assert judged(trained, replace(noise, check=None)) is trained


def test_many_rows_a_dimension_keep_what_was_trained():
    """From 64 rows a dimension on the likelihood of held-out rows is not asked, however bad it is."""
    job = checked()
    [trained] = train([job], TINY, SHORT.model_copy(update={"fall_back": False}))
    times = -(-64 * job.n_dims // len(job.x))
    many = replace(job, x=job.x.repeat(times, 1), x_validation=10 * job.x_validation)
    assert judged(trained, many) is trained
