"""A small study of images and two sketches, in a folder of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from iin_core.examples.strokes import drawn_stroke
from tasks.study import SourceSpec

CODE = """
import numpy as np
import torch
from torch import nn
from iin_core.examples.strokes import drawn_stroke

def images(n=12, channels=3, low=0.0):
    strokes = np.stack([drawn_stroke(2.0 + 0.25 * (i // 2), size=16) for i in range(n)])
    tints = 1.0 - 0.5 * (np.arange(n) % 2)[:, None, None, None]
    table = {"source": np.arange(n) // 2, "shade": np.where(np.arange(n) % 2, "dark", "bright")}
    return low + tints * np.repeat(strokes[:, None], channels, 1).astype(np.float32), table

def rows():
    return np.zeros((4, 6), np.float32), {"source": np.arange(4)}

def network(width=4):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, width, 3, 2, 1), nn.SiLU(), nn.Flatten(), nn.Linear(width * 64, 4))
"""


def arguments(**changes):
    """Arguments of the source, with some changed; None takes one out."""
    given = {
        "images": {"import": "sketched_images:images"},
        "concept": "thickness",
        "sketches": ["thin.png", "thick.png"],
        "settings": {"sweeps": 2, "directions": 4},
    }
    return {name: value for name, value in (given | changes).items() if value is not None}


def source(**changes):
    """The source with some arguments changed."""
    return SourceSpec(builtin="sketches", arguments=arguments(**changes))


def write_world(folder):
    """Code and sketches; an earlier folder's code of the same name is forgotten."""
    sys.modules.pop("sketched_images", None)
    sys.path[:] = [entry for entry in sys.path if not (Path(entry) / "sketched_images.py").is_file()]
    (folder / "sketched_images.py").write_text(CODE)
    for name, width in (("thin", 2.0), ("thick", 5.0)):
        pixels = (drawn_stroke(width, size=16) * 255).round().astype(np.uint8)
        Image.fromarray(np.repeat(pixels[..., None], 3, 2)).save(folder / f"{name}.png")
    return folder
