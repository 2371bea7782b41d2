"""Images redrawn by the features of a network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from iin_core.errors import InputError, ModelError
from iin_core.examples.coloured_digits import coloured_digits
from iin_core.examples.strokes import drawn_stroke
from iin_core.stylise import NeuralSettings, Style, transfer
from iin_core.stylise.neural import _style_loss
from iin_core.stylise.tone import tone

QUICK = NeuralSettings(updates=15)


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.SiLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.Flatten(), nn.Linear(512, 4)
        ).eval()


@pytest.fixture(scope="module")
def images():
    return torch.from_numpy(coloured_digits(colours=2)[0][:24:2])


def test_the_features_statistics_come_to_be_the_sketch_s(network, images):
    """Means and covariances are nearer to the sketch's than before, for every image."""
    style, sketch = Style.of(network, [], images), torch.as_tensor(drawn_stroke(7.0))[None]
    drawings = tone(images)
    redrawn = transfer(drawings, sketch, style, QUICK, seed=0)
    before, after = (_style_loss(x, sketch[None], style, [4, 4]) for x in (drawings, redrawn))
    assert (after < 0.7 * before).all()
    assert redrawn.min() >= 0
    assert redrawn.max() <= 1


def test_content_weighs_against_style(network, images):
    """With a larger weight an image stays nearer to what it was."""
    style, sketch = Style.of(network, [], images), torch.as_tensor(drawn_stroke(7.0))[None]
    moved = [
        (transfer(tone(images), sketch, style, NeuralSettings(updates=15, content=c), seed=0) - tone(images))
        .square()
        .mean()
        for c in (0.1, 30.0)
    ]
    assert moved[1] < 0.8 * moved[0]


def test_the_network_is_left_as_it_was(network, images):
    """No weight moves, no hook stays, gradients are wanted as before; the seed decides."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    style, sketch = Style.of(network, [], images), torch.as_tensor(drawn_stroke(7.0))[None]
    runs = [transfer(tone(images), sketch, style, NeuralSettings(updates=3), seed=s) for s in (0, 0, 1)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(param.requires_grad and param.grad is None for param in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_layers_are_the_convolutions_with_large_maps_or_those_named(network, images):
    """What sees a large part of an image tells its content, not its manner."""
    assert Style.of(network, [], images).layers == ("0", "2")
    assert Style.of(network, ["1"], images).layers == ("1",)
    deep = nn.Sequential(network[0], nn.Conv2d(8, 8, 3, 8, 1))
    assert Style.of(deep, [], images).layers == ("0",)


def test_networks_without_feature_maps_are_refused(network, images):
    """A layer of vectors, a network without convolutions, and a layer that a sketch leaves constant."""
    with pytest.raises(ModelError, match="'4' gives no feature map, whose statistics could tell a style"):
        Style.of(network, ["4"], images)
    with pytest.raises(ModelError, match="The network has no convolution"):
        Style.of(nn.Flatten(), [], images)
    still = nn.Conv2d(3, 2, 3, padding=1)
    nn.init.zeros_(still.weight)
    sketch, style = torch.as_tensor(drawn_stroke(7.0))[None], Style(still, ("",), 3)
    # A mean over many places leaves a rest of most constants.
    for constant in (0.0, 0.1, 1 / 3, -0.7, 113.3):
        nn.init.constant_(still.bias, constant)
        with pytest.raises(InputError, match="answers the sketch with a constant"):
            transfer(tone(images), sketch, style, QUICK, seed=0)
