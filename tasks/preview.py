"""The preview of a study's sketches: one page, made before anything is trained."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from iin_core.spec import PairSpec
from iin_core.stylise.drawn import background
from tasks.errors import StudyError
from tasks.plan import filled
from tasks.probe import at
from tasks.report.embedded import file_uri
from tasks.report.text import name, number
from tasks.sources.data.sketches import NAME, Sketched, open_sketched
from tasks.sources.data.sketches_spec import SKETCH
from tasks.storage import readable_errors, replace
from tasks.study_file import LoadedStudy

if TYPE_CHECKING:
    from jinja2 import Template
    from torch import Tensor
    from upath import UPath

    from tasks.output import Root

FOLDER = "previews"
_TEMPLATE = Path(__file__).parent / "report" / "preview.html.j2"
_HARDLY = 0.05
"""Two versions whose mean difference is a smaller share of the images' mean value hardly differ."""


@dataclass(frozen=True)
class Preview:
    """A written page.

    Attributes:
        path: of the page.
        n_images: how many images the study redraws.
        n_pairs: how many negative pairs each concept told by the data gets.
        differences: `a and b` → mean difference of these versions, as a share of the images' mean value.
        cautions: what should be looked at before compute is spent.
    """

    path: UPath
    n_images: int
    n_pairs: int
    differences: dict[str, float]
    cautions: tuple[str, ...]


def write_preview(loaded: LoadedStudy, root: Root, n_shown: int = 10) -> Preview:
    """Redraw a few images in the manner of each sketch and write ``<root>/previews/<study>.html``.

    Args:
        loaded: a study whose data are `sketches`.
        root: where the page goes.
        n_shown: images, evenly taken from the data.

    Raises:
        StudyError: the data are no sketches, or images and sketches that cannot serve.
        EnvironmentProblem: no space left, or no right to write.
    """
    from iin_core.stylise.preview import differences, preview_grid

    source = loaded.study.data.source
    if source.builtin != NAME:
        raise StudyError(
            "The study's data are no sketches, so there is nothing to preview.",
            where=loaded.where("data", "source"),
            fix="give it `source: {builtin: sketches, arguments: …}`; docs/experiments/sketches.md shows one",
        )
    with at(loaded, "data", "source"):
        made = open_sketched(source, loaded.folder)
        rows = np.unique(np.linspace(0, len(made.table) - 1, max(1, n_shown)).astype(np.int64))
        redrawn = made.shown(rows)
    images = made.images[rows]
    found = {f"{a} and {b}": share for (a, b), share in differences(images, redrawn).items()}
    with tempfile.TemporaryDirectory() as folder:
        grid = Path(folder) / "preview.png"
        preview_grid(
            grid, images, made.sketches, redrawn, title=f"{made.spec.concept}: images and their versions"
        )
        figure = file_uri(grid.read_bytes(), "png")
    n = len(made.table)
    versions = 1 + len(made.sketches)
    cautions = tuple(_cautions(loaded, made, found))
    n_pairs = n * versions * (versions - 1) // 2
    facts: dict[str, Any] = {
        "study": loaded.study,
        "made": made,
        "figure": figure,
        "differences": {pair: number(share) for pair, share in found.items()},
        "cautions": cautions,
        "concepts": list(_uses(loaded, made)),
        "n_images": n,
        "n_rows": n * versions,
        "n_pairs": n_pairs,
        "versions": ["original", *made.sketches],
        "name": name,
    }
    path = root.path / FOLDER / f"{loaded.study.name}.html"
    with readable_errors("the preview", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, _template().render(**facts).encode())
    return Preview(path, n, n_pairs, found, cautions)


def _uses(loaded: LoadedStudy, made: Sketched) -> Iterator[dict[str, str]]:
    """What the concept sets of the study make of the sketches."""
    for concepts, entry in loaded.study.concepts.items():
        for factor, spec in filled(entry.factors).items():
            how = _how(spec, made)
            if how:
                yield {"set": concepts, "concept": factor, "how": how}


def _how(spec: PairSpec, made: Sketched) -> str:
    if spec.kind == "pairs" and spec.file is None and spec.column == made.spec.concept:
        more = (
            ", and same-sketch pairs: versions of different images in the manner of one sketch share it alone"
        )
        negative = "negative pairs: two versions of one image share everything but this concept"
        return f"{negative}{more if made.spec.pairs == 'both' else ''}"
    if spec.kind == "label" and spec.column == SKETCH:
        return (
            "same-sketch pairs: versions of different images in the manner of one sketch share this concept"
        )
    if spec.kind == "label" and spec.column == made.spec.concept:
        return "labels, with the images as they are for a class of their own, which they are not"
    return ""


def _cautions(loaded: LoadedStudy, made: Sketched, found: dict[str, float]) -> Iterator[str]:
    names = list(made.sketches)
    for pair, share in found.items():
        if "original" not in pair.split(" and ") and share < _HARDLY:
            yield (
                f"The versions {pair} hardly differ: the sketches differ in nothing that the method "
                f"{made.spec.method!r} sees, or too little."
            )
    if not made.spec.invert and all(_dark_ink(made.sketches[n]) != _dark_ink(made.images) for n in names):
        yield (
            "The sketches are drawn the other way round than the images (dark on bright, or bright on dark): "
            "set `invert: true`."
        )
    if not list(_uses(loaded, made)):
        yield (
            f"No concept of the study is told by the sketches: add a set with {{{made.spec.concept}: pairs}}."
        )


def _dark_ink(images: Tensor) -> bool:
    """Whether what is drawn is darker than its ground."""
    ground = background(images if images.ndim > 3 else images[None])
    return float(ground.mean()) > float(images.mean())


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))


def preview_facts(preview: Preview) -> dict[str, Any]:
    """For `--json`."""
    return vars(preview) | {"path": str(preview.path), "cautions": list(preview.cautions)}
