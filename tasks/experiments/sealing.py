"""What an experiment found, as files of its sealed output, and back."""

from __future__ import annotations

import io
import json
import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from iin_core.errors import InputError
from tasks.experiments.found import Drawn, Found, Undrawn
from tasks.local_copy import local_folder

if TYPE_CHECKING:
    from upath import UPath

    from iin_core.metrics.score import Score
    from tasks.output import Output

COMPANIONS = ("low", "high", "chance", "control", "control_high")
"""What stands beside a score, as `<score>_<companion>`, where it was measured."""
OWN = ("scores.json", "why.json", "found.json")
FIGURES = "figures"


def write_found(found: Found, drawn_in: Path, folder: UPath) -> dict[str, Any]:
    """Write all files of an experiment's output; what meta says of it is returned.

    Args:
        found: by the experiment.
        drawn_in: where its figures were written.
        folder: of the output.

    Raises:
        InputError: files that would hide one another, or a figure or table that is not there.
    """
    drawn = [entry for entry in found.drawn if isinstance(entry, Drawn)]
    undrawn = [asdict(entry) for entry in found.drawn if isinstance(entry, Undrawn)]
    _check(found, drawn, drawn_in)
    numbers, why = flat_scores(found)
    told = {"words": list(found.words), "figures": [asdict(entry) for entry in drawn]}
    told["tables"] = list(found.tables)
    if undrawn:
        told["undrawn"] = undrawn
    for file, content in zip(OWN, (numbers, why, told), strict=True):
        (folder / file).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, table in found.tables.items():
        (folder / f"{name}.csv").write_text(table.to_csv(index=False), encoding="utf-8")
    for name, data in found.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    if drawn:
        (folder / FIGURES).mkdir(exist_ok=True)
        with local_folder(folder / FIGURES) as figures:
            for entry in drawn:
                shutil.copyfile(drawn_in / entry.file, figures / entry.file)
    return {"figures": {entry.file: entry.caption for entry in drawn}, "tables": list(found.tables)}


def flat_scores(found: Found) -> tuple[dict[str, float | None], dict[str, str]]:
    """Score → number with what stands beside it, None where it is not finite, and for each None why."""
    numbers: dict[str, float | None] = {}
    why = dict(found.why)
    for key, score in found.scores.items():
        for name, value in _named(key, score):
            numbers[name] = value if value is not None and math.isfinite(value) else None
            if numbers[name] is None:
                why.setdefault(name, "the value is not finite")
    return {**numbers, **{key: None for key in why if key not in numbers}}, why


def _named(key: str, score: Score) -> Iterator[tuple[str, float | None]]:
    yield key, float(score.value)
    for name in COMPANIONS:
        value = getattr(score, name)
        if value is not None:
            yield f"{key}_{name}", float(value)


def _check(found: Found, drawn: list[Drawn], drawn_in: Path) -> None:
    if not found.words:
        raise _wrong("says nothing", "give at least a sentence on how to read it (`words`)")
    names = [*OWN, *(f"{name}.csv" for name in found.tables), *found.files]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise _wrong(f"writes {', '.join(sorted(twice))} twice", "give each file a name of its own")
    for entry in drawn:
        if Path(entry.file).name != entry.file or not (drawn_in / entry.file).is_file():
            raise _wrong(f"did not draw {entry.file!r}", "write the figure into the context's folder")
        if entry.table is not None and entry.table not in found.tables:
            raise _wrong(
                f"names a table {entry.table!r} behind {entry.file!r} that it does not have",
                "name one of its tables",
            )


def _wrong(what: str, fix: str) -> InputError:
    return InputError(f"The experiment {what}.", where="what its `run` returned", fix=fix)


@dataclass(frozen=True)
class Sealed:
    """What a sealed experiment says.

    Args:
        output: the sealed output.
        scores: number, None where it does not apply.
        why: score → why it is None.
        words: findings; the first says how to read it.
        drawn: the figures.
        tables: names of its tables.
        undrawn: the figures that could not be drawn.
    """

    output: Output
    scores: Mapping[str, float | None]
    why: Mapping[str, str]
    words: tuple[str, ...]
    drawn: tuple[Drawn, ...]
    tables: tuple[str, ...]
    undrawn: tuple[Undrawn, ...] = ()

    def table(self, name: str) -> pd.DataFrame:
        """One of its tables; a label such as `NA` stays text, an empty cell is NaN."""
        data = io.BytesIO(self.output.read(f"{name}.csv"))
        return pd.read_csv(data, keep_default_na=False, na_values=[""])

    def figure(self, file: str) -> bytes:
        """One of its figures."""
        return self.output.read(f"{FIGURES}/{file}")

    def beside(self, key: str) -> dict[str, float | None]:
        """What stands beside a score, by companion; None where there is none."""
        return {name: self.scores.get(f"{key}_{name}") for name in COMPANIONS}

    @property
    def numbers(self) -> list[str]:
        """The scores without what stands beside them."""
        beside = {f"{key}_{name}" for key in self.scores for name in COMPANIONS}
        return [key for key in self.scores if key not in beside]


def read_found(output: Output) -> Sealed:
    """What a sealed experiment says.

    Raises:
        DamagedOutput: a file of it is missing, cut short or changed.
    """
    scores, why, told = (json.loads(output.read(file)) for file in OWN)
    known = {field.name for field in fields(Drawn)}
    drawn = tuple(Drawn(**{k: v for k, v in entry.items() if k in known}) for entry in told["figures"])
    undrawn = tuple(Undrawn(entry["figure"], entry["why"]) for entry in told.get("undrawn", ()))
    return Sealed(output, scores, why, tuple(told["words"]), drawn, tuple(told["tables"]), undrawn)
