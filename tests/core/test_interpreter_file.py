"""Interpreters of every kind of flow come back from disk, those of older versions too."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from iin_core.blocks import Blocks
from iin_core.flow import build_flow
from iin_core.front import fit_front
from iin_core.interpreter import Interpreter
from iin_core.priors import NormalPrior
from iin_core.spec import FlowSpec

Z = torch.randn(40, 8, generator=torch.Generator().manual_seed(0))
SPECS = {
    "published": FlowSpec.published().model_copy(update={"couplings": 2, "hidden": 8}),
    "rotated": FlowSpec(
        couplings=2, residual_couplings=0, mixing="rotation", actnorm=True, hidden=8, nets="separate"
    ),
    "residual": FlowSpec(couplings=1, residual_couplings=2, mixing="permutation", hidden=8, nets="joint"),
    "default": FlowSpec(hidden=8),
}


def interpreter(spec, dims):
    blocks = Blocks(dims)
    flow = build_flow(spec, [blocks], [0])
    generator = torch.Generator().manual_seed(1)
    for parameter in flow.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    priors = {name: NormalPrior(dim) for name, dim in blocks.dims.items()}
    return Interpreter(fit_front(Z, spec), flow, blocks, priors, {})


@pytest.mark.parametrize("dims", [{"residual": 5, "digit": 3}, {"digit": 5, "residual": 3}], ids=str)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_flow_comes_back(spec, dims, tmp_path):
    """What a loaded interpreter encodes and decodes is bit for bit what the saved one does."""
    saved = interpreter(spec, dims)
    saved.save(tmp_path)
    loaded = Interpreter.load(tmp_path)
    assert [type(t) for t in loaded.flow.transforms] == [type(t) for t in saved.flow.transforms]
    assert torch.equal(loaded.encode(Z), saved.encode(Z))
    assert torch.equal(loaded.decode(Z), saved.decode(Z))


def test_format_1_is_read(tmp_path):
    """The first format, which named no joint networks, is read as what it was written for."""
    saved = interpreter(SPECS["published"], {"residual": 5, "digit": 3})
    saved.save(tmp_path)
    document = json.loads((tmp_path / "interpreter.json").read_text())
    document["iin_interpreter"] = 1
    for entry in document["flow"]:
        entry.pop("joint", None)
    (tmp_path / "interpreter.json").write_text(json.dumps(document))
    tensors = load_file(tmp_path / "interpreter.safetensors")
    first = {"front.mean", "front.forward", "front.backward"}
    first |= {f"flow.{name}" for name in saved.flow.state_dict()}
    kept = {name: tensor for name, tensor in tensors.items() if name in first}
    save_file(kept, tmp_path / "interpreter.safetensors")
    assert torch.equal(Interpreter.load(tmp_path).encode(Z), saved.encode(Z))
