"""Published conditional checkpoints load and compute what the published networks compute."""

from __future__ import annotations

import math

import pytest
import torch

from iin_core.errors import CheckpointError, InputError
from iin_core.invariance import ConditionalInterpreter
from iin_core.published import load_published
from tests.core.published_conditional_reference import (
    DenseEmbedder,
    Invariances,
    Net2Net,
    SpatialEmbedder,
    drawn,
)

MAKERS = {
    "net2net, batch norm": (Net2Net, (5,)),
    "net2net, plain": (lambda: Net2Net(norm="none"), (5,)),
    "net2net, activation norm": (lambda: Net2Net(norm="act"), (5,)),
    "net2net, sequential": (lambda: Net2Net(between=True), (5,)),
    "invariances, dense": (lambda: Invariances(DenseEmbedder([20, 16, 12, 8])), (20,)),
    "invariances, spatial": (lambda: Invariances(SpatialEmbedder(28, [3, 4, 6, 5, 8])), (3, 28, 28)),
    "invariances, sequential": (lambda: Invariances(DenseEmbedder([5, 8]), between=True), (5,)),
}


def _rows(*shape, n=50, seed=9):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))


def _saved(tmp_path, model, state=None):
    """As the repositories' trainings write it."""
    path, state = tmp_path / "last.ckpt", model.state_dict() if state is None else state
    wrapped = {"state_dict": state, "epoch": 3} if isinstance(model, Net2Net) else state
    torch.save(wrapped, path)
    return path


@pytest.fixture(params=MAKERS)
def case(request):
    make, shape = MAKERS[request.param]
    return drawn(make), _rows(8), _rows(*shape, seed=3)


def test_codes_and_determinants_are_those_of_the_published_networks(tmp_path, case):
    """v and log|det| agree with the oracle, computed in float64, to 1e-5; so does the way back."""
    model, z_bar, z = case
    interpreter = load_published(_saved(tmp_path, model))
    v, log_det = interpreter.encode_with_log_det(z_bar, given=z)
    expected, expected_log_det = model.double().encode(z_bar.double(), z.double())
    torch.testing.assert_close(v.double(), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(log_det.double(), expected_log_det, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(interpreter.decode(v, given=z), z_bar, atol=1e-4, rtol=1e-4)


def test_the_leaky_relu_is_reproduced_and_its_determinant_counted_on_request(tmp_path, case):
    """As published its log-determinant is left out; counted, log|det| is that of the Jacobian."""
    model, z_bar, z = case
    path = _saved(tmp_path, model)
    v, log_det = load_published(path, activation="leaky").encode_with_log_det(z_bar, given=z)
    expected, expected_log_det = model.double().encode(z_bar.double(), z.double(), slope=0.9)
    torch.testing.assert_close(v.double(), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(log_det.double(), expected_log_det, atol=1e-5, rtol=1e-5)
    exact = load_published(path, activation="leaky", log_det="exact")
    _, counted = exact.encode_with_log_det(z_bar, given=z)
    row = z_bar[:1].double()
    jacobian = torch.autograd.functional.jacobian(lambda x: model.encode(x, z[:1].double(), 0.9)[0], row)
    whole = torch.linalg.slogdet(jacobian[0, :, 0]).logabsdet
    torch.testing.assert_close(counted[0].double(), whole, atol=1e-4, rtol=1e-4)
    n_negative = (counted - log_det) / math.log(0.9)
    torch.testing.assert_close(n_negative, n_negative.round(), atol=1e-3, rtol=0)
    torch.testing.assert_close(exact.decode(v, given=z), z_bar, atol=1e-4, rtol=1e-4)


def test_a_loaded_checkpoint_is_saved_and_loaded_bit_for_bit(tmp_path, case):
    """The folder holds all that the code depends on."""
    model, z_bar, z = case
    interpreter = load_published(_saved(tmp_path, model), activation="leaky")
    interpreter.save(tmp_path / "folder")
    again = ConditionalInterpreter.load(tmp_path / "folder")
    assert torch.equal(again.encode(z_bar, given=z), interpreter.encode(z_bar, given=z))
    assert again.meta == interpreter.meta


def test_what_else_a_training_holds_is_left_out_and_named(tmp_path):
    """The two other models of a net2net training are no part of the flow."""
    interpreter = load_published(_saved(tmp_path, drawn(Net2Net)))
    assert interpreter.meta["published"] == "CompVis/net2net"
    assert interpreter.meta["left_out"] == {"first_stage_model": 2, "cond_stage_model": 2}
    assert interpreter.n_given == 5


def test_a_flow_may_come_without_its_prefix(tmp_path):
    """The flow's own state dict, ``sub_layers.…`` at the top, is read as well."""
    model, z_bar, z = drawn(Net2Net), _rows(8), _rows(5)
    torch.save(model.flow.state_dict(), tmp_path / "flow.ckpt")
    v = load_published(tmp_path / "flow.ckpt").encode(z_bar, given=z)
    torch.testing.assert_close(v, model.encode(z_bar, z)[0], atol=1e-5, rtol=1e-5)


def test_maps_of_another_size_are_refused(tmp_path):
    """A spatial embedding reads the layer that it was trained on."""
    model = drawn(MAKERS["invariances, spatial"][0])
    interpreter = load_published(_saved(tmp_path, model))
    with pytest.raises(InputError, match=r"Maps of shape \(3, 16, 16\) do not fit the embedding"):
        interpreter.encode(_rows(8), given=_rows(3, 16, 16))


def test_blocks_of_a_conditional_flow_are_refused(tmp_path):
    """v has no concepts; a single block must be as wide as v."""
    path = _saved(tmp_path, drawn(Net2Net))
    with pytest.raises(CheckpointError, match="whose v is one block, not"):
        load_published(path, {"digit": 4, "residual": 4})
    with pytest.raises(CheckpointError, match="The blocks sum to 7 dimensions, the checkpoint has 8"):
        load_published(path, {"residual": 7})
    assert dict(load_published(path, {"residual": 8}).blocks.dims) == {"residual": 8}


@pytest.mark.parametrize(
    ("name", "tensor", "text"),
    [
        ("flow.sub_layers.1.norm_layer.loc", None, r"loc' is missing"),
        (
            "flow.sub_layers.0.coupling.s.0.main.0.weight",
            torch.zeros(16, 4),
            r"shape \(16, 4\), not \(16, 12\)",
        ),
        ("flow.sub_layers.0.norm_layer.initialized", torch.tensor(0), "waits for the first batch"),
        ("flow.sub_layers.1.activation.alpha", torch.tensor(0.9), r"does not have: .*activation\.alpha"),
        ("embedder.net.0.weight", torch.full((8, 5, 1, 1), float("nan")), "is not finite"),
        ("embedder.net.0.weight", None, r"there is no 'embedder'|is missing"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tmp_path, name, tensor, text):
    """Each kind of unfit is said with the tensor's name, and where the file is."""
    model = drawn(lambda: Invariances(DenseEmbedder([5, 8])))
    state = model.state_dict()
    if tensor is None:
        del state[name]
    else:
        state[name] = tensor
    with pytest.raises(CheckpointError, match=text) as error:
        load_published(_saved(tmp_path, model, state))
    assert "last.ckpt" in str(error.value)
