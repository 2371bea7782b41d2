"""Reading the arguments of the data source `sketches`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from iin_core.errors import nearest
from iin_core.stylise import SETTINGS, ClassicalSettings, NeuralSettings
from tasks.errors import StudyError
from tasks.sources.data.arguments import WHERE, read_spec
from tasks.sources.data.sketches_spec import SketchesSpec

_FEWEST = 2


def read_arguments(arguments: Mapping[str, Any]) -> SketchesSpec:
    """The arguments in full.

    `images` may be the name of a built-in set, `sketches` a list of files, which are called by their stems.

    Raises:
        StudyError: one is missing, unknown or of another kind.
    """
    short = _short(arguments)
    named = short.get("sketches")
    if "sketches" in short and (not isinstance(named, dict) or len(named) < _FEWEST):
        raise wrong(
            "`sketches` does not name two sketches, each of a name of its own.",
            "give files, [thin.png, thick.png], or names for them, {thin: a.png, thick: b.png}",
        )
    spec = read_spec(SketchesSpec, short, "sketches", "experiments/sketches.md")
    read_settings(spec)
    return spec


def read_settings(spec: SketchesSpec) -> ClassicalSettings | NeuralSettings:
    """The settings of the method, its defaults where none are given.

    Raises:
        StudyError: one that the method has not, or a value that cannot be.
    """
    kind = SETTINGS[spec.method]
    defaults = kind()
    known = [field.name for field in fields(kind) if field.name != "scales"]
    for name, value in spec.settings.items():
        if name not in known:
            raise wrong(
                f"The method {spec.method!r} has no setting {name!r}.", f"nearest: {nearest(name, known)}"
            )
        default = getattr(defaults, name)
        whole = isinstance(default, int)
        if value < 0 or (whole and (not isinstance(value, int) or value < 1)):
            wanted = "positive whole number" if whole else "number that is not negative"
            raise wrong(f"The setting {name!r} is {value!r}.", f"give a {wanted}, such as {default}")
    if spec.settings.get("window", 1) % 2 == 0:
        raise wrong(f"A window of {spec.settings['window']} pixels has no middle.", "give an odd number")
    given: dict[str, Any] = dict(spec.settings)
    return kind(**given)


def wrong(what: str, fix: str) -> StudyError:
    """The error for arguments that cannot be."""
    return StudyError(what, where=WHERE, fix=fix)


def _short(arguments: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(arguments)
    if isinstance(made.get("images"), str):
        made["images"] = {"builtin": made["images"]}
    files = made.get("sketches")
    if isinstance(files, list) and all(isinstance(file, str) for file in files):
        made["sketches"] = {Path(file).stem: file for file in files}
    network = made.get("network")
    if isinstance(network, dict) and isinstance(network.get("layers"), list):
        made["network"] = network | {"layers": tuple(network["layers"])}
    return made
