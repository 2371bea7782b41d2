"""Editing a running model through interpreters of its layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from iin_core.attached import attached
from iin_core.blocks import Blocks
from iin_core.errors import InputError, ModelError
from iin_core.flow import build_flow
from iin_core.front import fit_front
from iin_core.interpreter import Interpreter
from iin_core.priors import ClassPrior, NormalPrior
from iin_core.readings import Flatten, Pool
from iin_core.spec import FlowSpec, ReadingSpec
from iin_core.split import capture

BLOCKS = Blocks({"residual": 2, "digit": 2})


class Net(nn.Module):
    """Two blocks and a head; `skip` leaves out the second block, `twice` runs it again."""

    def __init__(self):
        super().__init__()
        self.block1 = nn.Linear(3, 4)
        self.block2 = nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)
        self.mode = "once"

    def forward(self, x):
        h = self.block1(x).tanh()
        if self.mode != "skip":
            h = self.block2(h)
        if self.mode == "twice":
            h = self.block2(h)
        return self.head(h)


class Pair(nn.Module):
    """A block that returns two tensors."""

    def __init__(self):
        super().__init__()
        self.block = nn.LSTM(4, 4, batch_first=True)

    def forward(self, x):
        return self.block(x)[0]


class Maps(nn.Module):
    """Feature maps of four channels, in the dtype of the weights."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.dropout = nn.Dropout()
        self.fc = nn.Linear(36, 2)

    def forward(self, x):
        return self.fc(self.dropout(self.conv(x)).flatten(1))


def _interpreter(seed=0, meta=None):
    """A flow that is far from the identity, behind whitening."""
    generator = torch.Generator().manual_seed(seed)
    flow = build_flow(FlowSpec(couplings=2, hidden=8, depth=1), 4, [seed])
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    front = fit_front(torch.randn(50, 4, generator=generator), FlowSpec())
    classes = ClassPrior(
        (0, 7), torch.randn(2, 2, generator=generator), torch.full((2,), 0.2), torch.ones(2) / 2
    )
    return Interpreter(front, flow, BLOCKS, {"residual": NormalPrior(2), "digit": classes}, meta or {})


@pytest.fixture
def interpreter():
    """An interpreter of four features with one labelled concept."""
    return _interpreter()


@pytest.fixture
def net():
    """A plain model, in training mode as torch makes it."""
    torch.manual_seed(0)
    return Net()


@pytest.fixture
def x():
    """Five examples."""
    return torch.randn(5, 3, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def donors():
    """Five other examples."""
    return torch.randn(5, 3, generator=torch.Generator().manual_seed(2))


def _n_hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def _codes(interpreter, model, inputs, layer="block2"):
    return interpreter.encode(capture(model, inputs, {layer: Flatten()})[layer])


def test_a_swap_gives_the_donors_factor_and_keeps_the_rest(interpreter, net, x, donors):
    """The layer's code is the base's with the donor's block, and the head runs on that."""
    seen = []
    with interpreter.attached(net, layer="block2") as edit:
        edit.swap(donors, "digit")
        net.head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        y = net(x)
    base, donor, edited = (
        _codes(interpreter, net, x),
        _codes(interpreter, net, donors),
        interpreter.encode(seen[0]),
    )
    torch.testing.assert_close(edited[:, BLOCKS["digit"]], donor[:, BLOCKS["digit"]], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        edited[:, BLOCKS["residual"]], base[:, BLOCKS["residual"]], atol=1e-4, rtol=1e-4
    )
    assert torch.equal(y, net.head(seen[0]))
    assert not torch.equal(y, net(x))


def test_an_example_that_is_its_own_donor_keeps_every_bit(interpreter, net, x):
    """Swapping nothing for nothing is the identity, exactly."""
    with interpreter.attached(net, layer="block2") as edit:
        edit.swap(x, ["digit", "residual"])
        edited = net(x)
    assert torch.equal(edited, net(x))


def test_a_pass_without_an_edit_keeps_every_bit():
    """Attached and cleared interpreters leave a bfloat16 model as it is."""
    torch.manual_seed(0)
    model = Maps().to(torch.bfloat16).eval()
    images = torch.randn(5, 1, 5, 5, dtype=torch.bfloat16)
    plain = model(images)
    with _interpreter().attached(model, layer="conv", reading=ReadingSpec(pool="mean")) as edit:
        assert torch.equal(model(images), plain)
        edit.resample("digit", seed=0)
        changed = model(images)
        assert changed.dtype == torch.bfloat16
        assert not torch.equal(changed, plain)
        edit.clear()
        assert torch.equal(model(images), plain)
    assert torch.equal(model(images), plain)


def test_resample_and_edit(interpreter, net, x):
    """Resampling is seeded, and an edit sets the concept to a label."""
    with interpreter.attached(net, layer="block2") as edit:
        edit.resample("residual", seed=3)
        first, again = net(x), net(x)
        edit.clear()
        edit.resample("residual", seed=4)
        other = net(x)
        edit.clear()
        edit.edit("digit", to=7)
        edited = net(x)
    expected = net.head(interpreter.edit(capture(net, x, {"block2": Flatten()})["block2"], "digit", to=7))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.testing.assert_close(edited, expected)


def test_edits_follow_each_other(interpreter, net, x, donors):
    """A second edit is made on what the first one gives."""
    with interpreter.attached(net, layer="block2") as edit:
        edit.swap(donors, "residual")
        edit.edit("digit", to=0)
        y = net(x)
    base, donor = (capture(net, inputs, {"block2": Flatten()})["block2"] for inputs in (x, donors))
    expected = interpreter.edit(interpreter.swap(base, donor, "residual"), "digit", to=0)
    torch.testing.assert_close(y, net.head(expected))


def test_several_layers_with_one_and_with_several_interpreters(net, x, donors):
    """Each layer is edited through its own interpreter, and one layer can be picked."""
    first, second = _interpreter(1), _interpreter(2)
    with attached([first, second], net, ["block1", "block2"]) as edit:
        edit.swap(donors, "digit", layer="block1")
        only_first = net(x)
        edit.swap(donors, "digit", layer="block2")
        both = net(x)
    with first.attached(net, layer=["block1", "block2"]) as edit:
        edit.swap(donors, "digit")
        shared = net(x)
    with first.attached(net, layer="block1") as edit:
        edit.swap(donors, "digit")
        assert torch.equal(net(x), only_first)
    assert not torch.equal(only_first, both)
    assert not torch.equal(both, shared)


def test_gradients_flow_through_the_edit(interpreter, net, x):
    """Parameters and inputs in front of the edited layer get the gradient that finite differences give."""
    net.double()
    x = x.double().requires_grad_()
    with interpreter.attached(net, layer="block2") as edit:
        edit.resample("digit", seed=0)

        def loss(inputs):
            return net(inputs).square().sum()

        loss(x).backward()
        direction = torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(5))
        with torch.no_grad():
            numeric = (loss(x + 1e-3 * direction) - loss(x - 1e-3 * direction)) / 2e-3
    assert x.grad is not None
    torch.testing.assert_close((x.grad * direction).sum(), numeric, rtol=1e-2, atol=1e-3)
    assert net.block1.weight.grad is not None
    assert net.block1.weight.grad.abs().sum() > 0


def test_the_model_is_as_before(interpreter, net, x, donors):
    """Modes and hooks are as they were, also when the block raises; its exception comes out unchanged."""

    def fails():
        with interpreter.attached(net, layer="block2") as edit:
            edit.swap(donors, "digit")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fails()
    assert _n_hooks(net) == 0
    assert net.training


def test_donors_are_read_in_evaluation_mode():
    """Dropout in front of a layer does not touch the donors, and the model's mode stays."""
    model = Maps().train()
    images = torch.randn(5, 1, 5, 5)
    with _interpreter().attached(model, layer="conv", reading={"pool": "mean"}) as edit:
        edit.swap(images, "digit")
        assert model.dropout.training
        model(images)


def test_the_reading_that_the_interpreter_was_fitted_with_is_the_default():
    """`meta["reading"]` is used where none is given."""
    model = Maps().eval()
    images = torch.randn(5, 1, 5, 5)
    with _interpreter(meta={"reading": {"pool": "mean"}}).attached(model, layer="conv") as edit:
        edit.resample("digit", seed=0)
        moved = model.conv(images) - model.conv.forward(images)
    torch.testing.assert_close(moved, moved.mean((2, 3), keepdim=True).expand_as(moved))


def test_an_edit_that_no_pass_follows_is_an_error(interpreter, net, x):
    """Leaving the context with an edit that was never applied raises."""

    def forgets():
        with interpreter.attached(net, layer="block2") as edit:
            net(x)
            edit.resample("digit", seed=0)

    with pytest.raises(ModelError, match=r"layer 'block2' was not applied: no pass followed it"):
        forgets()
    assert _n_hooks(net) == 0


def test_a_second_edit_that_no_pass_follows_is_an_error(interpreter, net, x):
    """That an earlier edit was applied does not excuse the later one."""

    def forgets():
        with interpreter.attached(net, layer="block2") as edit:
            edit.resample("digit", seed=0)
            net(x)
            edit.edit("digit", to=7)

    with pytest.raises(ModelError, match="no pass followed it"):
        forgets()


def test_a_pass_that_skips_the_layer_is_an_error_at_once(interpreter, net, x):
    """A pass of the model that does not call an edited layer raises in that pass."""
    net.mode = "skip"
    with interpreter.attached(net, layer="block2") as edit:
        net(x)
        edit.resample("digit", seed=0)
        with pytest.raises(
            ModelError, match=r"'block2' was not applied: the pass did not call the layer(.|\n)*clear\(\)"
        ):
            net(x)
        edit.clear()


def test_a_layer_that_runs_twice_cannot_be_edited(interpreter, net, x):
    """An edit for one activation is not applied to two."""
    net.mode = "twice"
    with interpreter.attached(net, layer="block2") as edit:
        edit.resample("digit", seed=0)
        with pytest.raises(ModelError, match="called twice in one forward pass"):
            net(x)
        edit.clear()


def test_parts_of_the_model_may_be_run_alone(interpreter, net, x):
    """Calling the layer itself applies the edit; no pass of the whole model is needed."""
    with interpreter.attached(net, layer="block2") as edit:
        edit.resample("digit", seed=0)
        h = net.block1(x)
        assert torch.equal(net.block2(h), net.block2(h))


def test_a_layer_of_tuples_is_edited_at_its_first_entry(interpreter):
    """A recurrent module returns (result, state): the result is edited, the state passes by."""
    model, x = Pair(), torch.randn(5, 1, 4)
    plain, state = model.block(x)
    with interpreter.attached(model, layer="block") as edit:
        edit.resample("digit", seed=0)
        changed, beside = model.block(x)
    expected = interpreter.resample(plain.detach()[:, 0], factor="digit", seed=0)
    torch.testing.assert_close(changed.detach()[:, 0], expected, atol=1e-5, rtol=0)
    assert all(torch.equal(one, other) for one, other in zip(beside, state, strict=True))


def test_donors_for_another_number_of_examples_are_refused(interpreter, net, x, donors):
    """Swaps are one to one."""
    with interpreter.attached(net, layer="block2") as edit:
        edit.swap(donors[:3], "digit")
        with pytest.raises(InputError, match=r"There are 3 donors for 5 examples(.|\n)*layer 'block2'"):
            net(x)
        edit.clear()


def test_unknown_factors_labels_and_layers_are_refused(interpreter, net, x, donors):
    """Names are checked when the edit is given, labels when it is applied."""
    with interpreter.attached(net, layer="block2") as edit:
        with pytest.raises(InputError, match=r"'block2' has no factor 'colour'(.|\n)*residual, digit"):
            edit.swap(donors, "colour")
        with pytest.raises(InputError, match=r"'block1' is not attached(.|\n)*attached: block2"):
            edit.resample("digit", layer="block1")
        edit.edit("digit", to=3)
        with pytest.raises(InputError, match="no class 3"):
            net(x)
        edit.clear()
    with pytest.raises(ModelError, match="no module 'blokc2'"), interpreter.attached(net, layer="blokc2"):
        pass
    with pytest.raises(InputError, match=r"'block\*' is a pattern, not one layer(.|\n)*block1, block2"):
        interpreter.attached(net, layer="block*").__enter__()


def test_an_interpreter_of_another_width_is_refused_with_the_reading_that_fits(interpreter):
    """A reading that makes rows of another width than the interpreter's is refused when donors are read."""
    model = Maps().eval()
    with interpreter.attached(model, layer="conv") as edit:
        with pytest.raises(InputError) as error:
            edit.swap(torch.randn(5, 1, 5, 5), "digit")
        assert "read by 'flatten' has 36 features; the interpreter explains 4" in str(error.value)
        assert "attach it with the reading 'pool: mean' or 'pool: max'" in str(error.value)


def test_a_reading_without_a_way_back_is_refused(interpreter):
    """`pool: max` cannot be attached."""
    with pytest.raises(InputError, match=r"not applicable, lossy(.|\n)*layer 'conv'"):
        interpreter.attached(Maps(), layer="conv", reading=Pool("max")).__enter__()


def test_numbers_of_layers_and_interpreters_must_agree(interpreter, net):
    """Two interpreters for one layer, or a layer twice, are refused."""
    with pytest.raises(InputError, match="2 interpreters and 1 readings are given"):
        attached([interpreter, interpreter], net, "block1").__enter__()
    with pytest.raises(InputError, match="each layer once"):
        attached(interpreter, net, ["block1", "block1"]).__enter__()
