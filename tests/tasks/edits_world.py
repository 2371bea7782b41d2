"""A small study of images whose shape, ink and weight are directions of an exact autoencoder's code."""

from __future__ import annotations

from pathlib import Path

import torch

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.flow import NormalizingFlow
from iin_core.front import Front
from iin_core.interpreter import Interpreter
from iin_core.priors import NormalPrior, Prior, fit_class_prior, fit_value_prior
from tasks.layer_rows import LayerRows
from tasks.planned import Unit
from tasks.study_file import LoadedStudy, load_study

CODE = '''
import numpy as np
import torch
from torch import nn

BASIS = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(0))).Q[:8]
SHAPES = np.array(["disc", "ring", "star"])
CORNERS = torch.tensor([[1.2, 0.0], [-0.6, 1.0], [-0.6, -1.0]])


def images(n=400, lonely=False, flat=False, scale=1.0):
    """One image a source: three shapes, two inks, a weight, four directions of noise."""
    rng = np.random.default_rng(0)
    shape, ink, weight = rng.integers(3, size=n), rng.integers(2, size=n), rng.normal(size=n)
    z = np.hstack([CORNERS[shape], 2 * ink[:, None] - 1.0, weight[:, None], 0.5 * rng.normal(size=(n, 4))])
    z[:, :3] += 0.1 * rng.normal(size=(n, 3))
    x = scale * (0.5 + 0.2 * torch.from_numpy(z).float() @ BASIS).numpy()
    names = SHAPES[shape].astype(object)
    side = np.searchsorted([0.5 * n, 0.6 * n], np.arange(n), "right")
    split = np.array(["train", "validation", "heldout"])[side]
    if lonely:
        names[[0, n - 1]] = "blob"
    table = {"shape": names, "ink": np.array(["dark", "pale"])[ink], "weight": weight, "split": split}
    return x if flat else x.reshape(-1, 1, 4, 4), {**table, "source": np.arange(n)}


class Exact(nn.Module):
    """Returns what it is given, through a code of eight numbers."""

    def __init__(self, wrong=False):
        super().__init__()
        self.code = nn.Linear(16, 8, bias=False)
        self.code.weight = nn.Parameter(5 * BASIS.clone())
        self.wrong, self.maps = wrong, nn.Identity()

    def forward(self, images):
        z = self.code(images.flatten(1) - 0.5)
        self.maps(z[:, :, None].expand(-1, -1, 3))
        decoded = 0.5 + 0.2 * z @ BASIS
        return decoded if self.wrong else decoded.reshape(-1, 1, 4, 4)


class Named(Exact):
    """Returns logits of shape and ink instead of images."""

    def forward(self, images):
        z = self.code(images.flatten(1) - 0.5)
        return named(z)


class Reader(nn.Module):
    """Reads shape, ink and weight off the pixels."""

    def forward(self, images):
        z = 5 * (images.flatten(1) - 0.5) @ BASIS.T
        return {**named(z), "weight": z[:, 3]}


def named(z):
    """Logits of shape and ink."""
    return {"shape": -torch.cdist(z[:, :2], CORNERS), "ink": torch.stack([-z[:, 2], z[:, 2]], 1)}
'''
STUDY = """
iin: 1
name: inks
data:
  source: {import: "edits_code:images", arguments: {DATA}}
  split: {column: split}
models:
  net:
    source: {import: "edits_code:MODEL", arguments: {ARGUMENTS}}
    layers: {LAYER}
    SEEN
concepts:
  all: {shape: label, ink: label, weight: numeric}
  none: {}
evaluation: {level: default, pairs: 100, bootstrap: 50, probes: [linear]}
seeds: [0]
overrides: [{concepts: all, dimensions: {shape: 2, ink: 1, weight: 1}}]
experiments: EXPERIMENTS
"""
DECODES = 'decoder: output\n    reader: {source: {import: "edits_code:Reader"}}'
HEADS = "head: [{concept: shape, classes: [disc, ring, star]}, {concept: ink}]"


def write_study(folder: Path, experiments: str, **changes: str) -> LoadedStudy:
    """Write the study and its code, and load it.

    Args:
        folder: where to.
        experiments: what it asks for.
        changes: `data`, arguments of the images; `model` and its `arguments`; `layer`, with its reading;
            `seen`, head or decoder.
    """
    (folder / "edits_code.py").write_text(CODE)
    filled = {
        "data": "",
        "arguments": "",
        "model": "Exact",
        "layer": "code: flatten",
        "seen": DECODES,
        **changes,
    }
    text = STUDY.replace("EXPERIMENTS", experiments)
    for name, value in filled.items():
        text = text.replace(name.upper(), value)
    path = folder / "inks.yaml"
    path.write_text(text)
    return load_study(path)


def exact(rows: LayerRows, unit: Unit) -> Interpreter:
    """The IIN that is right: the code's own directions, in the order of the blocks, with fitted priors."""
    blocks = Blocks({RESIDUAL: 4, "shape": 2, "ink": 1, "weight": 1})
    turn = torch.eye(8)[:, [4, 5, 6, 7, 0, 1, 2, 3]].contiguous()
    train, code = rows.of("train"), rows.of("train").z @ turn
    labels = {name: train.table[name].to_numpy() for name in blocks.concepts}
    priors: dict[str, Prior] = {RESIDUAL: NormalPrior(4)}
    for name in ("shape", "ink"):
        block = code[:, blocks[name]]
        priors[name] = fit_class_prior(block, labels[name], (block, labels[name]))
    priors["weight"] = fit_value_prior(code[:, blocks["weight"]], labels["weight"])
    front = Front(torch.zeros(8), turn, turn.T.contiguous(), 0.0, 1.0)
    return Interpreter(front, NormalizingFlow([]), blocks, priors, {})
