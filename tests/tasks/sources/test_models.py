"""Models of the user's own: by import path, with checkpoints, and what is refused."""

from __future__ import annotations

import itertools
import textwrap

import pytest
import torch
from torch import nn

from iin_core.errors import CheckpointError, ModelError
from tasks.errors import StudyError
from tasks.sources.models import fit_declared, load_weights, model_fingerprint, open_model
from tasks.study import SourceSpec

CODE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.fc = nn.Linear(2, width)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x):
        return self.norm(self.fc(x))


def net(width=3):
    return Net(width)


def _fit(model, data, rows, *, settings, seed):
    return {"loss": [1.0]}


net.fit = _fit
instance = Net()


def raises():
    return torch.zeros(2)[5]


def a_dict():
    return {"model": Net()}


def lazy():
    return nn.Sequential(nn.LazyLinear(3))


def diverged():
    model = Net()
    with torch.no_grad():
        model.fc.weight[0, 0] = float("nan")
    return model
"""
_numbers = itertools.count()


@pytest.fixture
def module(tmp_path):
    """The name of a module of the user's beside the study; another one in each test."""
    name = f"users_own_{next(_numbers)}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(CODE))
    return name


def _source(module, attribute="net", **fields):
    return SourceSpec(**{"import": f"{module}:{attribute}"}, **fields)


def test_a_factory_is_called_with_its_arguments(module, tmp_path):
    """The model comes in evaluation mode on the CPU, made with the study's arguments."""
    model = open_model(_source(module, arguments={"width": 5}), tmp_path)
    assert model.fc.out_features == 5
    assert not model.norm.training
    assert open_model(_source(module, "Net"), tmp_path).fc.out_features == 3


def test_a_factory_of_an_installed_package(tmp_path):
    """An import path may name anything installed."""
    source = SourceSpec(**{"import": "torch.nn:Linear"}, arguments={"in_features": 2, "out_features": 3})
    assert isinstance(open_model(source, tmp_path), nn.Linear)


def test_weights_that_a_factory_draws_are_the_same_each_time(module, tmp_path):
    """Two calls give the same model, and the caller's own random numbers are left alone."""
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = open_model(_source(module), tmp_path)
    assert torch.equal(torch.rand(1), expected)
    second = open_model(_source(module), tmp_path)
    assert torch.equal(first.fc.weight, second.fc.weight)


def test_a_checkpoint_is_found_beside_the_study(module, tmp_path):
    """A relative checkpoint starts at the study's folder."""
    wanted = nn.ModuleDict({"fc": nn.Linear(2, 3), "norm": nn.BatchNorm1d(3)})
    torch.save(wanted.state_dict(), tmp_path / "weights.pt")
    model = open_model(_source(module, checkpoint="weights.pt"), tmp_path)
    assert torch.equal(model.fc.weight, wanted.fc.weight)
    with pytest.raises(CheckpointError, match="There is no such checkpoint"):
        open_model(_source(module, checkpoint="wieghts.pt"), tmp_path)


def test_weights_saved_from_data_parallel_load(tmp_path):
    """The prefix `module.` is taken off where every name has it."""
    model, other = nn.Linear(2, 3), nn.Linear(2, 3)
    torch.save({"state_dict": {f"module.{k}": v for k, v in other.state_dict().items()}}, tmp_path / "w.pt")
    load_weights(model, tmp_path / "w.pt")
    assert torch.equal(model.weight, other.weight)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    """The text names what is missing, what has another shape, and what is too much; nothing is loaded."""
    model = nn.Linear(2, 3)
    before = model.weight.clone()
    torch.save({"weight": torch.zeros(4, 2), "extra": torch.zeros(1)}, tmp_path / "w.pt")
    with pytest.raises(ModelError) as error:
        load_weights(model, tmp_path / "w.pt")
    assert (
        "does not fit Linear: 'weight' is (4, 2), the model's is (3, 2); 'bias' is missing; "
        "'extra' is not in the model." in str(error.value)
    )
    assert torch.equal(model.weight, before)


def test_a_factory_that_raises_is_named_with_its_own_line(module, tmp_path):
    """The exception is shown with the file and line of the user's code."""
    with pytest.raises(StudyError, match=rf"raised IndexError: (.|\n)*{module}\.py:\d+"):
        open_model(_source(module, "raises"), tmp_path)


def test_what_is_no_module_is_refused(module, tmp_path):
    """A factory must return a torch module; its file and line are shown."""
    with pytest.raises(ModelError, match=rf"returned a dict, not a torch\.nn\.Module(.|\n)*{module}\.py:\d+"):
        open_model(_source(module, "a_dict"), tmp_path)


def test_a_finished_model_is_no_factory(module, tmp_path):
    """A module-level instance would be shared by everything that opens it, so it is refused."""
    with pytest.raises(StudyError, match="is a finished Net, not a factory"):
        open_model(_source(module, "instance"), tmp_path)


def test_arguments_that_the_factory_does_not_take_are_refused(module, tmp_path):
    """The text shows the factory's own signature."""
    with pytest.raises(StudyError, match=r"unexpected keyword argument 'depth'(.|\n)*net\(width=3\)"):
        open_model(_source(module, arguments={"depth": 1}), tmp_path)


def test_unknown_names_are_refused_with_the_nearest(module, tmp_path):
    """A misspelt factory or built-in shows what was perhaps meant."""
    with pytest.raises(StudyError, match=r"no attribute 'ent'(.|\n)*nearest: net"):
        open_model(_source(module, "ent"), tmp_path)
    with pytest.raises(
        StudyError, match=r"no built-in model 'digit_clasifier'(.|\n)*nearest: digit_classifier"
    ):
        open_model(SourceSpec(builtin="digit_clasifier"), tmp_path)


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ("lazy", r"without values in 0\.weight, 0\.bias"),
        ("diverged", r"weights of '.*:diverged' are not finite in fc\.weight"),
    ],
)
def test_unusable_weights_are_refused(module, tmp_path, attribute, text):
    """Weights that are not there yet, or not finite, are refused by name."""
    with pytest.raises(ModelError, match=text):
        open_model(_source(module, attribute), tmp_path)


def test_a_checkpoint_that_is_not_finite_is_refused(module, tmp_path):
    """Weights are checked after the checkpoint is loaded."""
    broken = nn.ModuleDict({"fc": nn.Linear(2, 3), "norm": nn.BatchNorm1d(3)})
    broken.norm.running_var.fill_(float("inf"))
    torch.save(broken.state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ModelError, match=r"not finite in norm\.running_var"):
        open_model(_source(module, checkpoint="weights.pt"), tmp_path)


def test_a_fit_is_the_factorys_attribute(module, tmp_path):
    """A factory declares a fit by its attribute `fit`; others have none."""
    fit = fit_declared(_source(module), tmp_path)
    assert fit is not None
    assert fit(None, None, None, settings={}, seed=0) == {"loss": [1.0]}
    assert fit_declared(_source(module, "Net"), tmp_path) is None


def test_the_fingerprint_is_of_content(module, tmp_path):
    """Equal models have equal fingerprints; a tensor, an argument or a line of code makes another."""
    source = _source(module)
    model = open_model(source, tmp_path)
    fingerprint = model_fingerprint(model, source, tmp_path)
    assert model_fingerprint(open_model(source, tmp_path), source, tmp_path) == fingerprint
    model.norm.running_mean[0] += 1
    assert model_fingerprint(model, source, tmp_path) != fingerprint
    model.norm.running_mean[0] -= 1
    assert model_fingerprint(model, _source(module, arguments={"width": 3}), tmp_path) != fingerprint
    file = tmp_path / f"{module}.py"
    file.write_text(file.read_text() + "\n# another line\n")
    assert model_fingerprint(model, source, tmp_path) != fingerprint


def test_the_fingerprint_counts_the_code_of_the_modules(module, tmp_path):
    """A class from another file than the factory's counts too."""
    (tmp_path / f"{module}_factory.py").write_text(
        f"from {module} import Net\ndef make():\n    return Net()\n"
    )
    source = _source(f"{module}_factory", "make")
    model = open_model(source, tmp_path)
    fingerprint = model_fingerprint(model, source, tmp_path)
    file = tmp_path / f"{module}.py"
    file.write_text(file.read_text() + "\n# another line\n")
    assert model_fingerprint(model, source, tmp_path) != fingerprint
