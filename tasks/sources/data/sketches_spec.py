"""The arguments of the data source `sketches`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from iin_core.spec import Spec
from tasks.study import Name, SourceSpec

ORIGINAL = "original"
"""The value of the concept's column in rows that are as the data gave them."""
SKETCH = "sketch"
"""The column that names the sketch of a redrawn row, and is empty in others."""


class StyleSpec(SourceSpec):
    """The network whose features tell a style: the studied one, or another, named in the same way."""

    layers: tuple[str, ...] = ()
    """Names or globs of modules that give feature maps; all convolutions whose maps are at least a quarter
    as high and wide as the images when left out."""
    fit: dict[str, JsonValue] | None = None
    """For sources that declare how they are fitted: the settings of that fit, on the original images."""


class SketchesSpec(Spec):
    """Images, and the sketches in whose manner each of them is redrawn."""

    images: SourceSpec
    """A data set of images in [0, 1], in the forms of `data.source`."""
    concept: Name
    """What the sketches differ in: the column that tells the versions of an image apart."""
    sketches: Annotated[dict[Name, str], Field(min_length=2)]
    """Name → image file, of the size and channels of the images."""
    method: Literal["classical", "neural"] = "classical"
    pairs: Literal["negative", "both"] = "negative"
    """What `{concept: pairs}` gets: versions of one image differ in the concept alone; `both`: and versions
    of different images in the manner of one sketch share it alone."""
    colour: Literal["keep", "transfer"] = "keep"
    """`keep`: only the drawing is redrawn, hue and brightness of an image stay."""
    invert: bool = False
    """Whether the sketches are dark on bright where the images are bright on dark, or the other way round."""
    network: StyleSpec | None = None
    """Of `method: neural`."""
    settings: dict[str, int | float] = {}
    """Of the method, see `iin_core.stylise`."""
    seed: int = 0

    @model_validator(mode="after")
    def _fits_together(self) -> SketchesSpec:
        if (self.method == "neural") != (self.network is not None):
            raise ValueError(
                "a network is for `method: neural`, which needs one: network: {builtin: …} or {import: …}"
            )
        if ORIGINAL in self.sketches:
            raise ValueError(f"{ORIGINAL!r} names the images as they are, not a sketch")
        if self.concept in (SKETCH, "source", "split", "pair"):
            raise ValueError(f"the concept cannot be called {self.concept!r}, which is a column of its own")
        return self
