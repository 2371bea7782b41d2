"""Finding, probing, reading and changing the modules of a running model."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import pytest
import torch
from torch import nn

from iin_core.errors import InputError, ModelError
from iin_core.readings import Flatten, Pool
from iin_core.split import capture, module_names, observe, probe, refuse_non_finite, run_edited


class Net(nn.Module):
    """Convolutions with an in-place activation behind each."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4, 5, 3)
        self.relu2 = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(5, 2)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        x = self.relu1(self.conv1(x))
        x = self.relu2(self.conv2(x))
        return self.fc(self.dropout(x.mean((2, 3))))


class Returns(nn.Module):
    """Returns what a function makes of its input."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, x):
        return self.make(x)


class Odd(nn.Module):
    """Modules that cannot be read."""

    def __init__(self):
        super().__init__()
        self.shared = nn.Linear(4, 4)
        self.late = Returns(lambda x: (None, x))
        self.pair = nn.MultiheadAttention(4, 1)
        self.sequence_first = nn.Linear(4, 4)
        self.named = Named()

    def forward(self, x):
        x = self.shared(self.shared(x))
        y = self.late(x[:, None])[1]
        self.sequence_first(y.transpose(0, 1))
        self.pair(y, y, y)
        return self.named(y[:, 0])["text"], y


class Named(nn.Module):
    """Returns a mapping."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 2)

    def forward(self, x):
        return {"text": "no tensor", "out": self.inner(x)}


class Keywords(nn.Module):
    """Called with keyword arguments."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 4)

    def forward(self, tokens, weight):
        return (self.embed(tokens) * weight).sum(1)


@pytest.fixture
def net():
    """A network in training mode."""
    torch.manual_seed(0)
    return Net().train()


@pytest.fixture
def images():
    """Six images."""
    return torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def _n_hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_globs_follow_the_models_order(net):
    """Names and globs select modules in the order of the model, each once."""
    assert module_names(net, ["fc", "conv*", "conv1"]) == ["conv1", "conv2", "fc"]
    assert module_names(net, ["relu?"]) == ["relu1", "relu2"]


def test_a_glob_leaves_out_the_model_itself(net):
    """`*` means the named modules."""
    assert "" not in module_names(net, ["*"])


def test_an_unknown_module_is_refused_with_the_nearest_names(net):
    """A misspelt name shows the names that were perhaps meant."""
    with pytest.raises(ModelError, match=r"no module 'cnov1'(.|\n)*nearest names: conv1"):
        module_names(net, ["cnov1"])


def test_probe_tells_shape_dtype_and_order(net, images):
    """One forward pass says what each module returns and when."""
    probes = probe(net, images, ["fc", "conv1", "conv2"])
    assert {name: p.shape for name, p in probes.items()} == {
        "fc": (2,),
        "conv1": (4, 6, 6),
        "conv2": (5, 4, 4),
    }
    assert [probes[name].order for name in ("conv1", "conv2", "fc")] == [0, 1, 2]
    assert {p.n_calls for p in probes.values()} == {1}
    assert probes["fc"].dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "shared",
            r"'shared' \(Linear\) was called twice in one forward pass(.|\n)*give each use a module",
        ),
        ("late", r"'late' \(Returns\) returns a tuple of 2, not a tensor(.|\n)*wrap it in a module"),
        (
            "pair.out_proj",
            r"'pair\.out_proj' \(NonDynamically.*\) was never called(.|\n)*name a module that forward calls",
        ),
        ("sequence_first", r"returns shape \(1, 5, 4\) for 5 examples: its first axis is not the batch"),
        ("named", r"'named' \(Named\) returns a dict, not a tensor(.|\n)*such as named\.inner"),
    ],
)
def test_modules_that_cannot_be_read_are_refused(name, text):
    """Each kind of unreadable module is named, with what to name instead."""
    x = torch.randn(5, 4)
    with pytest.raises(ModelError, match=text):
        probe(Odd(), x, [name])
    assert observe(Odd(), x, [name, "named.inner"])[name].problem is not None


def test_observing_does_not_stop_at_a_problem():
    """`observe` describes readable modules beside unreadable ones."""
    seen = observe(Odd(), torch.randn(5, 4), ["shared", "named.inner"])
    assert seen["shared"].n_calls == 2
    assert seen["named.inner"].problem is None
    assert seen["named.inner"].shape == (2,)


def test_a_model_that_raises_is_named_down_to_the_module(net):
    """An exception of the model's own says which module was running and in which line of whose code."""
    with pytest.raises(ModelError) as error:
        probe(net, torch.randn(6, 1, 8, 8), ["fc"])
    assert "The model raised RuntimeError: " in str(error.value)
    assert "module 'conv1' (Conv2d)" in str(error.value)
    assert "test_split.py line" in str(error.value)
    assert isinstance(error.value.__cause__, RuntimeError)


def test_a_model_that_exits_is_an_error_like_any_other():
    """`sys.exit` in a forward pass does not end the program that reads the model."""

    class Leaves(nn.Module):
        def forward(self, x):
            raise SystemExit("usage: train.py")

    with pytest.raises(ModelError, match="The model raised SystemExit: usage"):
        probe(Leaves(), torch.randn(2, 3), [])


def test_inputs_that_are_no_inputs_are_refused(net):
    """A list is neither a tensor nor keyword arguments."""
    with pytest.raises(InputError, match="tensor"):
        probe(net, [1, 2], ["fc"])


def test_capture_reads_what_the_modules_returned(net, images):
    """Rows are the activation as the module returned it, although the next one changes it in place."""
    rows = capture(net, images, {"conv2": Pool("mean"), "conv1": Flatten()})
    expected = net.conv1(images)
    assert list(rows) == ["conv2", "conv1"]
    torch.testing.assert_close(rows["conv1"], expected.flatten(1).detach())
    assert (rows["conv1"] < 0).any()
    torch.testing.assert_close(rows["conv2"], net.conv2(expected.relu()).mean((2, 3)).detach())


def test_capture_stops_behind_the_deepest_layer(net, images):
    """Modules behind the last wanted layer do not run, even where the model swallows exceptions."""
    called = []
    net.fc.register_forward_hook(lambda *_: called.append("fc"))
    capture(net, images, {"conv1": Pool("mean"), "conv2": Pool("mean")})
    assert called == []

    class Swallows(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            try:
                return self.net(x)
            except Exception:
                return None

    assert capture(Swallows(), images, {"net.conv1": Pool("mean")})["net.conv1"].shape == (6, 4)


def test_what_the_model_raises_comes_out_unchanged(net):
    """`capture` neither wraps nor swallows an exception of the model's own, and removes its hooks."""
    with pytest.raises(RuntimeError, match="to have 3 channels"):
        capture(net, torch.randn(6, 1, 8, 8), {"fc": Flatten()})
    assert _n_hooks(net) == 0
    assert net.training


def test_modes_and_hooks_are_as_before(net, images):
    """A model in training mode is read in evaluation mode and is in training mode again; no hook stays."""
    net.relu1.eval()
    first, second = (capture(net, images, {"dropout": Flatten()})["dropout"] for _ in range(2))
    assert torch.equal(first, second)
    probe(net, images, ["fc"])
    run_edited(net, images, {})
    assert net.training
    assert net.dropout.training
    assert not net.relu1.training
    assert _n_hooks(net) == 0


@pytest.mark.parametrize(
    "run", [capture, lambda m, x, r: run_edited(m, x, {n: (f, torch.zeros(5, 4)) for n, f in r.items()})]
)
@pytest.mark.parametrize(
    ("layers", "text"),
    [
        (["pair.out_proj"], "never called"),
        (["shared", "named.inner"], "called twice"),
        (["late"], "returns a tuple of 2"),
    ],
)
def test_capture_and_edit_refuse_unreadable_modules(run, layers, text):
    """What `probe` refuses is refused when it is read or edited, too."""
    with pytest.raises(ModelError, match=text):
        run(Odd(), torch.randn(5, 4), {layer: Flatten() for layer in layers})


Parts = namedtuple("Parts", ["hidden", "weights"])
SEVERAL = {
    "tuple": lambda x: (2 * x, x.sum()),
    "list": lambda x: [2 * x, x.sum()],
    "named tuple": lambda x: Parts(2 * x, x.sum()),
    "torch's own": lambda x: torch.max(torch.stack([2 * x, 2 * x - 1]), 0),
    "mapping": lambda x: OrderedDict(hidden=2 * x, weights=x.sum()),
    "tuple of one": lambda x: (2 * x,),
}


@pytest.mark.parametrize("make", SEVERAL.values(), ids=SEVERAL)
def test_the_first_of_several_outputs_is_the_activation(make):
    """It is read and changed; the kind of the output and what is beside it stay."""
    seen = []
    model = nn.Sequential(Returns(make), Returns(lambda out: seen.append(out) or torch.zeros(3)))
    x = torch.arange(12.0).view(3, 4)
    assert observe(model, x, ["0"])["0"].shape == (4,)
    assert torch.equal(capture(model, x, {"0": Flatten()})["0"], 2 * x)
    run_edited(model, x, {"0": (Flatten(), torch.ones(3, 4))})
    plain, changed = make(x), seen[-1]
    assert type(changed) is type(plain)
    before, after = (list(out.values()) if isinstance(out, dict) else list(out) for out in (plain, changed))
    assert torch.equal(after[0], 2 * x + 1)
    assert len(after) == len(before)
    assert all(torch.equal(one, other) for one, other in zip(after[1:], before[1:], strict=True))


def test_a_reading_that_does_not_fit_names_the_layer(net, images):
    """The refusal of a reading carries the layer at which it happened."""
    with pytest.raises(InputError, match=r"'pool: mean' cannot read(.|\n)*where: layer 'fc' \(Linear\)"):
        capture(net, images, {"fc": Pool("mean")})


def test_keyword_inputs():
    """A mapping is passed as keyword arguments, and its first tensor tells the batch."""
    model = Keywords()
    inputs = {"tokens": torch.arange(6).view(3, 2), "weight": 2.0}
    rows = capture(model, inputs, {"embed": Flatten()})["embed"]
    torch.testing.assert_close(rows, model.embed.weight[:6].detach().reshape(3, 8))


def test_an_edit_of_zero_gives_the_same_bits(net, images):
    """A change of zero leaves the output bit-identical, also in bfloat16."""
    for dtype in (torch.float32, torch.bfloat16):
        model = net.to(dtype).eval()
        x = images.to(dtype)
        edits = {"conv1": (Flatten(), torch.zeros(6, 144)), "conv2": (Pool("mean"), torch.zeros(6, 5))}
        assert torch.equal(run_edited(model, x, edits), model(x))


def test_an_edit_moves_the_activation_and_what_follows(net, images):
    """The model continues from the edited activation; earlier layers are as they were."""
    delta = torch.randn(6, 2)
    plain = run_edited(net, images, {})
    torch.testing.assert_close(run_edited(net, images, {"fc": (Flatten(), delta)}), plain + delta)
    assert not torch.equal(run_edited(net, images, {"conv1": (Flatten(), torch.ones(6, 144))}), plain)


def test_a_change_for_other_examples_is_refused(net, images):
    """A change needs one row for each example."""
    with pytest.raises(InputError, match=r"shape \(5, 2\)(.|\n)*layer 'fc'"):
        run_edited(net, images, {"fc": (Flatten(), torch.zeros(5, 2))})


def test_rows_that_are_not_finite_are_named():
    """NaN and infinity are refused with the layer and the numbers of the rows in the table."""
    rows = torch.zeros(20, 3)
    refuse_non_finite(rows, "conv1", 100)
    rows[4, 1] = float("nan")
    rows[7, 0] = float("-inf")
    with pytest.raises(InputError, match=r"2 of 20 rows of layer 'conv1' are not finite: rows 104, 107\."):
        refuse_non_finite(rows, "conv1", 100)
    with pytest.raises(InputError, match=r"rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …\."):
        refuse_non_finite(torch.full((20, 3), float("nan")), "conv1")
