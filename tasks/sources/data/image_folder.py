"""A folder of images, one folder a label, with what a table tells of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field

from iin_core.errors import nearest
from tasks.errors import StudyError
from tasks.sources.data.arguments import WHERE, read_spec
from tasks.sources.data.image_files import ImageInputs
from tasks.sources.data.image_form import ImageForm, ImageOptions
from tasks.sources.data.table import read_table
from tasks.study import SourceSpec

NAME = "image_folder"
FILE = "file"
"""The column that names an image from the folder on, with / between folders."""
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


class ImageFolderSpec(ImageOptions):
    """A folder of images."""

    path: Annotated[str, Field(min_length=1)]
    """Of the folder, from that of the study on."""
    label: Annotated[str, Field(min_length=1)] = "label"
    """The column that gets the name of the folder in which an image lies."""
    table: str | None = None
    """A CSV or Parquet file with a column `file` and a row for each image to be taken."""


def open_source(spec: SourceSpec, folder: Path) -> tuple[ImageInputs, pd.DataFrame]:
    """List the images; they are decoded when they are asked for.

    Args:
        spec: with the arguments of `ImageFolderSpec`.
        folder: of the study.

    Raises:
        StudyError: no such folder, no images in it, or a table that does not fit them.
    """
    own = read_spec(ImageFolderSpec, spec.arguments, NAME)
    place = folder / own.path
    if not place.is_dir():
        raise StudyError(
            f"There is no folder {own.path!r}.",
            where=f"{WHERE}.path: {place}",
            fix="paths start at the study's",
        )
    names = _listed(place)
    table = _labelled(names, own.label) if own.table is None else _told(folder / own.table, own, names)
    return ImageInputs(ImageForm.of(own, folder), tuple(place / name for name in table[FILE])), table


def _listed(place: Path) -> list[str]:
    names, others = [], set[str]()
    for name in _files(place):
        ending = Path(name).suffix.lower()
        names.append(name) if ending in _ENDINGS else others.add(ending or "no ending")
    if not names:
        seen = f" (it has {', '.join(sorted(others)[:5])})" if others else ""
        raise StudyError(
            f"There is no image in the folder{seen}.",
            where=str(place),
            fix=f"put in files that end in {', '.join(_ENDINGS)}",
        )
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise StudyError(
                "The name of a file is not UTF-8.",
                where=f"{place}: {name.encode(errors='backslashreplace').decode()}",
                fix="rename it",
            ) from error
    return sorted(names)


def _files(place: Path) -> Iterator[str]:
    """All files, through links too, each folder once: links can lead in circles."""
    seen = set[tuple[int, int]]()
    for parent, folders, files in os.walk(place, followlinks=True):
        found = os.stat(parent)
        if (found.st_dev, found.st_ino) in seen:
            folders.clear()
            continue
        seen.add((found.st_dev, found.st_ino))
        folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
        for file in files:
            if not file.startswith("."):
                yield (Path(parent) / file).relative_to(place).as_posix()


def _labelled(names: list[str], label: str) -> pd.DataFrame:
    table = pd.DataFrame({FILE: names})
    parents = [Path(name).parent.name or None for name in names]
    if any(parents):
        table[label] = parents
    return table


def _told(path: Path, own: ImageFolderSpec, names: list[str]) -> pd.DataFrame:
    where = f"{WHERE}.table: {path}"
    table = read_table(path, where)
    if FILE not in table:
        raise StudyError(
            f"The table of the images has no column {FILE!r}.",
            where=where,
            fix=f"let it name each image from {own.path!r} on; it has {', '.join(map(str, table.columns))}",
        )
    known = set(names)
    absent = [str(name) for name in table[FILE] if name not in known]
    if absent:
        raise StudyError(
            f"{len(absent)} of {len(table)} images of the table are not in the folder, first {absent[0]!r}.",
            where=where,
            fix=f"nearest: {nearest(absent[0], names)}",
        )
    if own.label not in table:
        table = table.merge(_labelled(names, own.label), on=FILE, how="left")
    return table
