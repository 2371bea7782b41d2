"""Images redrawn in the manner of a sketch: from two sketches that differ in one thing come negative pairs.

Both variants move the *local* statistics of an image, taken wherever something is drawn, to those of the
sketch: whatever two sketches differ in locally (the thickness of strokes, their roundness, softness or
texture) is what the two versions of an image differ in. Nothing is made for one concept.
"""

from collections.abc import Mapping
from typing import Literal

from iin_core.stylise.classical import ClassicalSettings, restyle
from iin_core.stylise.neural import NeuralSettings, Style, transfer
from iin_core.stylise.sketch import check_images, check_sketches, read_sketch
from iin_core.stylise.tone import Drawings, drawings

Method = Literal["classical", "neural"]
SETTINGS: Mapping[Method, type[ClassicalSettings | NeuralSettings]] = {
    "classical": ClassicalSettings,
    "neural": NeuralSettings,
}

__all__ = [
    "SETTINGS",
    "ClassicalSettings",
    "Drawings",
    "Method",
    "NeuralSettings",
    "Style",
    "check_images",
    "check_sketches",
    "drawings",
    "read_sketch",
    "restyle",
    "transfer",
]
