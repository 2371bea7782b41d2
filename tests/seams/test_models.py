"""What every model source promises; each built-in network and an imported one go through it."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
from torch import nn

from iin_core.errors import nearest
from iin_core.examples import MODELS
from iin_core.split import module_names
from tasks.errors import StudyError
from tasks.sources.models import SOURCES, fit_declared, model_fingerprint, open_model
from tasks.study import SourceSpec

CASES = {
    **{name: SourceSpec(builtin=name) for name in MODELS},
    "import": SourceSpec(**{"import": "torch.nn:Linear"}, arguments={"in_features": 3, "out_features": 2}),
}
every_source = pytest.mark.parametrize("source", CASES.values(), ids=CASES)


def test_every_kind_of_source_is_here():
    """A kind that is added to the table must be added to this suite."""
    assert set(SOURCES) == {"builtin", "import"}
    assert len(MODELS) > 0


@every_source
def test_a_model_is_ready_to_be_read(source, tmp_path):
    """It is a module in evaluation mode on the CPU, with finite weights and modules to name."""
    model = open_model(source, tmp_path)
    assert isinstance(model, nn.Module)
    assert not any(module.training for module in model.modules())
    for tensor in model.state_dict().values():
        assert tensor.device.type == "cpu"
        assert torch.isfinite(tensor).all()


@every_source
def test_the_same_source_gives_the_same_model(source, tmp_path):
    """Weights and fingerprint are the same each time, whatever the caller's random numbers."""
    torch.manual_seed(1)
    first = open_model(source, tmp_path)
    torch.manual_seed(2)
    second = open_model(source, tmp_path)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name])
    assert model_fingerprint(first, source, tmp_path) == model_fingerprint(second, source, tmp_path)


@every_source
def test_a_checkpoint_makes_another_model(source, tmp_path):
    """A checkpoint's tensors are the model's, and the fingerprint tells them from the drawn ones."""
    drawn = open_model(source, tmp_path)
    before = model_fingerprint(drawn, source, tmp_path)
    changed = {name: tensor + 1 for name, tensor in drawn.state_dict().items()}
    torch.save(changed, tmp_path / "weights.pt")
    given = source.model_copy(update={"checkpoint": "weights.pt"})
    model = open_model(given, tmp_path)
    for name, tensor in changed.items():
        assert torch.equal(model.state_dict()[name], tensor)
    assert model_fingerprint(model, given, tmp_path) != before


@every_source
def test_a_fit_takes_what_the_study_gives(source, tmp_path):
    """A declared fit can be called with a model, data, rows, settings and a seed."""
    fit = fit_declared(source, tmp_path)
    if source.builtin is not None:
        assert fit is not None, "built-in networks have no weights of their own"
    if fit is not None:
        inspect.signature(fit).bind(None, None, None, settings={}, seed=0)


@pytest.mark.parametrize("name", MODELS)
def test_modules_of_built_in_models_can_be_named(name):
    """Every built-in network has named modules that a study can list."""
    model = open_model(SourceSpec(builtin=name), Path())
    assert module_names(model, ["*"])


@pytest.mark.parametrize(
    "source", [SourceSpec(builtin="nothing"), SourceSpec(**{"import": "torch.nn:Nothing"})]
)
def test_an_unknown_name_is_refused_before_anything_is_built(source, tmp_path):
    """Each kind of source shows names that it knows."""
    with pytest.raises(StudyError, match="nearest: "):
        open_model(source, tmp_path)
    assert nearest("nothing", sorted(MODELS)) != "none"
