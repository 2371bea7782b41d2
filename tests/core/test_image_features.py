"""The features in whose space images are compared, and images as decoders give them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from iin_core.errors import InputError, ModelError
from iin_core.examples import DigitReader
from iin_core.image_features import ImageFeatures, as_images, before_last_linear


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(4, 2)  # named first, called last
        self.first = nn.Linear(12, 4)
        self.drop = nn.Dropout(0.9)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.drop(self.first(images.flatten(1)).relu()))


def test_without_a_layer_it_is_what_enters_the_linear_layer_called_last() -> None:
    """In the order of calls, not of names, and without dropout; no hook and no mode is left behind."""
    net, images = _Net().train(), torch.rand(5, 3, 2, 2)
    found = before_last_linear(net, images)
    assert torch.equal(found, net.first(images.flatten(1)).relu())
    assert net.training
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in net.modules())


def test_the_example_reader_gives_what_both_of_its_heads_read() -> None:
    """64 features, the same as its module `fc` gives."""
    reader, images = DigitReader().eval(), torch.rand(3, 3, 32, 32)
    found = ImageFeatures(reader)(images)
    assert found.shape == (3, 64)
    assert torch.equal(found, ImageFeatures(reader, "fc")(images))


def test_features_in_batches_are_those_at_once() -> None:
    """More images than one batch holds keep their order."""
    net, images = _Net().eval(), torch.rand(600, 3, 2, 2)
    assert torch.allclose(ImageFeatures(net)(images), before_last_linear(net, images), atol=1e-6)


def test_what_is_taken_is_said() -> None:
    """A report names the network and its layer."""
    assert ImageFeatures(_Net()).described == "the input of the last linear layer of _Net"
    assert ImageFeatures(_Net(), "first").described == "layer 'first' of _Net (flatten)"


def test_a_network_without_a_linear_layer_needs_a_name() -> None:
    """The message shows how a layer is named."""
    with pytest.raises(ModelError, match="no linear layer at its end") as caught:
        before_last_linear(nn.Sequential(nn.Flatten()), torch.rand(2, 3, 2, 2))
    assert "layer: name" in caught.value.fix


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (torch.zeros(2, 10), r"\(2, 10\) where the data has \(n, 3, 2, 2\)"),
        (torch.zeros(2, 3, 4, 4), r"\(2, 3, 4, 4\) where"),
        ({"image": 1}, "dict where"),
    ],
)
def test_what_is_no_image_of_the_datas_kind_is_refused(output: object, told: str) -> None:
    """Logits, other sizes and mappings are named with the shape that there should be."""
    with pytest.raises(InputError, match=told) as caught:
        as_images(output, (3, 2, 2), "decoder: output")
    assert "leave out `decoder`" in caught.value.fix


def test_images_pass() -> None:
    """In float32, whatever the model computes in."""
    assert as_images(torch.zeros(2, 3, 2, 2).double(), (3, 2, 2), "").dtype == torch.float32
