"""`checkpoints: runs/*.safetensors` of a model: a model for each file, in the order of their numbers."""

from __future__ import annotations

import re
from dataclasses import replace
from glob import glob
from pathlib import Path, PurePosixPath

from tasks.errors import StudyError
from tasks.study_lines import Node

FIELD = "checkpoints"


def with_checkpoints(root: Node, folder: Path, name: str) -> Node:
    """A study in its long form, each model with a glob of checkpoints replaced by one a file.

    Args:
        root: the study.
        folder: where its relative paths start.
        name: of its file.

    Raises:
        StudyError: the glob is no text, finds nothing, or stands beside a checkpoint.
    """
    if not isinstance(root.value, dict) or not isinstance(models := root.value.get("models"), Node):
        return root
    if not isinstance(models.value, dict):
        return root
    made: dict[str, Node] = {}
    for model, child in models.value.items():
        pattern = child.get(FIELD)
        made |= {model: child} if pattern is None else _models(model, child, pattern, (folder, name))
    return replace(root, value={**root.value, "models": replace(models, value=made)})


def _models(model: str, child: Node, pattern: Node, place: tuple[Path, str]) -> dict[str, Node]:
    folder, file = place
    source = child.get("source")
    where = f"{file}:{pattern.line} {pattern.field}"
    if not isinstance(pattern.value, str):
        raise StudyError(
            "`checkpoints` is not a text.", where=where, fix="write a glob: checkpoints: runs/*.safetensors"
        )
    if source is None or not isinstance(source.value, dict) or "checkpoint" in source.value:
        raise StudyError(
            f"The model {model!r} has `checkpoints` beside a checkpoint, or without a source.",
            where=where,
            fix="give a source, and one of checkpoint and checkpoints",
        )
    found = sorted(glob(pattern.value, root_dir=folder, recursive=True), key=_numbers)
    if not found:
        raise StudyError(
            f"No checkpoint is called {pattern.value!r}.",
            where=f"{where}; in {folder}",
            fix="correct the path, which starts at the study's folder",
        )
    fields = child.value if isinstance(child.value, dict) else {}
    rest = {key: value for key, value in fields.items() if key != FIELD}
    models = {}
    for path, called in zip(found, _called(found), strict=True):
        checkpoint = replace(pattern, value=path)
        own = replace(source, value={**source.value, "checkpoint": checkpoint})
        models[f"{model} {called}"] = replace(child, value={**rest, "source": own})
    return models


def _called(paths: list[str]) -> list[str]:
    """What tells files apart: their names, or their paths where two are called alike."""
    stems = [PurePosixPath(path).stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [path.replace("/", " ") for path in paths]


def _numbers(path: str) -> list[tuple[int, str]]:
    """So that epoch 9 comes before epoch 10."""
    parts = re.split(r"(\d+)", path)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
