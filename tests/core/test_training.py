"""Training lowers the loss, is reproducible, and no unit depends on its neighbours."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from iin_core.blocks import Blocks
from iin_core.errors import DivergedError, InputError
from iin_core.front import fit_front
from iin_core.sampling import make_sampler
from iin_core.spec import PairSpec
from iin_core.training import make_job, train
from tests.core.training_world import SHORT, TINY

FLOW = TINY.model_copy(update={"couplings": 3, "hidden": 24})
TRAINING = SHORT.model_copy(update={"updates": 60, "batch": 128})


@pytest.fixture(scope="module")
def layer():
    """Rows in which a label moves one direction, with sources of three rows."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 4, 600)
    z = rng.normal(size=(600, 10)) @ rng.normal(size=(10, 10)) * 0.3
    z[:, 0] += 2 * label
    return torch.tensor(z, dtype=torch.float32), label, np.arange(600) // 3


def job(layer, seed, concepts=("label",), flow=FLOW):
    z, label, source = layer
    blocks = Blocks({"residual": 10 - 3 * len(concepts), **dict.fromkeys(concepts, 3)})
    columns = {"label": label[:450]}
    sampler = make_sampler(columns, {name: PairSpec() for name in concepts}, source[:450], blocks)
    return make_job(fit_front(z[:450], flow), (z[:450], z[450:]), sampler, blocks, seed)


def test_training_lowers_the_held_out_loss(layer):
    """After a short training on curved data held-out rows are likelier than under the whitening alone."""
    z, label, source = layer
    curved = z.clone()
    curved[:, 1:6] += curved[:, :5] ** 2
    [result] = train([job((curved, label, source), 0, ())], FLOW, TRAINING)
    assert result.failure is None
    assert result.curves["nll_validation"].iloc[-1] < result.curves["nll_validation"].iloc[0] - 0.02
    assert result.curves["update"].iloc[-1] == TRAINING.updates


@pytest.mark.parametrize("seed", [0, 3])
def test_unit_does_not_depend_on_its_group(layer, seed):
    """A unit trained among others, of other concepts too, equals the same unit alone, bit for bit."""
    group = train([job(layer, 7, ()), job(layer, seed), job(layer, 9)], FLOW, TRAINING)
    [alone] = train([job(layer, seed)], FLOW, TRAINING)
    own, others = alone.flow.state_dict(), group[1].flow.state_dict()
    assert all(torch.equal(own[name], others[name]) for name in own)
    assert alone.curves.equals(group[1].curves)


def test_pairs_that_share_a_label_come_close(layer):
    """After training the shared block of a pair lies closer together than that of any two rows."""
    own = job(layer, 0)
    [result] = train([own], FLOW, TRAINING)
    rows = own.sampler.draw(600, 1, torch.Generator().manual_seed(0)).rows[0]
    codes = result.flow(own.x[None])[0][0][:, own.blocks["label"]]
    apart = (codes[rows[:300]] - codes[rows[300:]]).square().mean()
    assert apart < 0.25 * 2 * codes.var(0).mean()


def test_seeds_differ(layer):
    """Another seed gives another network."""
    one, two = train([job(layer, 0), job(layer, 1)], FLOW, TRAINING)
    assert one.curves["loss"].iloc[-1] != two.curves["loss"].iloc[-1]


def test_diverging_unit_fails_alone(layer):
    """A unit whose rows blow up fails with a message; its neighbour comes out as if alone."""
    z, label, source = layer
    bad = job((z, label, source), 1)
    poisoned = bad.x.clone()
    poisoned[::7] = torch.inf
    results = train([job(layer, 0), type(bad)(**{**vars(bad), "x": poisoned})], FLOW, TRAINING)
    assert isinstance(results[1].failure, DivergedError)
    assert "diverged by update 1" in results[1].failure.what
    [alone] = train([job(layer, 0)], FLOW, TRAINING)
    assert results[0].failure is None
    assert results[0].curves.equals(alone.curves)


def test_noise_has_the_deviation_of_each_component(layer):
    """The noise that reaches the flow is noise of one deviation of every feature, seen through the front."""
    z, _, _ = layer
    front = fit_front(z[:450], FLOW)
    noise = job(layer, 0).noise
    through_front = front.forward.T @ torch.diag(z[:450].var(0)) @ front.forward
    torch.testing.assert_close(noise.T @ noise, through_front, atol=1e-3, rtol=1e-3)


def test_blocks_that_do_not_fill_the_flow_are_refused(layer):
    """Blocks with another number of dimensions than the flow are refused."""
    z, _, _ = layer
    with pytest.raises(InputError, match="12 dimensions together, the flow has 10"):
        make_job(fit_front(z, FLOW), (z, z), job(layer, 0).sampler, Blocks({"residual": 12}), 0)


def test_gradient_clipping_bounds_the_update(layer):
    """With a tiny bound on the gradient the network hardly moves in one plain update."""
    [free] = train([job(layer, 0)], FLOW, TRAINING)
    [clipped] = train([job(layer, 0)], FLOW, TRAINING.model_copy(update={"clip": 1e-6}))
    assert not free.curves.equals(clipped.curves)


def test_losses_are_those_of_the_golden_file(layer):
    """A change of the engine that is no change of numerics leaves the losses as they were."""
    [result] = train([job(layer, 0)], FLOW, TRAINING.model_copy(update={"updates": 20}))
    golden = json.loads((Path(__file__).parents[1] / "golden" / "losses.json").read_text())
    assert result.curves["loss"].tolist() == pytest.approx(golden, rel=1e-4)
