"""What a study found: the table of its scores, and its outputs for a notebook."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from iin_core.errors import nearest
from tasks.errors import StudyError
from tasks.local_copy import local_copy
from tasks.output import Output, Root, open_root
from tasks.study_record import LayerRecord, StudyRecord, UnitRecord, read_record, unit_record

if TYPE_CHECKING:
    import numpy as np

    from iin_core.interpreter import Interpreter
    from tasks.plan import Plan

COLUMNS = ("model", "layer", "index", "concepts", "seed", "budget", "headline", "status")
SCORE = "score/"


def score_table(plan: Plan, root: Root) -> pd.DataFrame:
    """One row a unit, in the order of the plan: what it is, what became of it, its headline scores.

    Columns: model, layer, index (of the layer), concepts, seed, budget, headline, status ("evaluated",
    "trained" or "missing"), then every ``score/…`` of any unit. A score that is not there or not applicable
    is NaN.

    Raises:
        DamagedOutput: a sealed evaluation is no longer whole.
    """
    return _table([unit_record(unit) for unit in plan.units], root)


def read_scores(output: Output) -> dict[str, float | None]:
    """Every score of a sealed evaluation; None where it is not applicable."""
    scores: dict[str, float | None] = _read_json(output, "scores.json")
    return scores


def read_reasons(output: Output) -> dict[str, str]:
    """Score → why it is not applicable, of a sealed evaluation."""
    return _read_json(output, "why.json") if "why.json" in output.files else {}


def open_study(root: str | os.PathLike[str] | Root, name: str) -> OpenStudy:
    """Open what a study left in a root, for a notebook.

    Args:
        root: path or URL of the root.
        name: the study's name.

    Raises:
        EnvironmentProblem: this is no root.
        StudyError: no study of this name; the nearest names are shown.
    """
    opened = root if isinstance(root, Root) else open_root(os.fspath(root), create=False)
    return OpenStudy(opened, read_record(opened, name))


@dataclass(frozen=True, repr=False)
class OpenStudy:
    """The outputs of one study; get one from `open_study`."""

    root: Root
    record: StudyRecord

    def __repr__(self) -> str:
        layers, units = len(self.record.layers), len(self.record.units)
        return f"<study {self.record.name!r} in {self.root.url}: {layers} layers, {units} units>"

    @property
    def scores(self) -> pd.DataFrame:
        """The table of `score_table`, as things stand now."""
        return _table(self.record.units, self.root)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The row table: source, split, then every column of the data; row i belongs to activation i.

        Raises:
            DamagedOutput: the row table is not there or no longer whole.
        """
        from tasks.layer_rows import read_table

        return read_table(self.root, self.record.rows)

    def rows_of(self, layer: str) -> pd.DataFrame:
        """The row table of a layer: `rows`, or where its reading gives several rows an example one line each.

        Args:
            layer: its name; "model/layer" where several models have one of this name.

        Raises:
            StudyError: no such layer, or several.
            DamagedOutput: not there or no longer whole.
        """
        from tasks.layer_rows import layer_table

        return layer_table(self.root, self.record.rows, self._layer(layer).activations)

    def activations(self, layer: str) -> np.ndarray:
        """The activations (n, N) of a layer, float32.

        Args:
            layer: its name; "model/layer" where several models have one of this name.

        Raises:
            StudyError: no such layer, or several.
            DamagedOutput: not there or no longer whole.
        """
        from tasks.activations import load_activations

        wanted = self._layer(layer)
        return load_activations(self.root.open("activations", wanted.activations))

    def interpreter(self, layer: str, concepts: str, seed: int = 0) -> Interpreter:
        """The trained IIN of a layer, a concept set and a seed.

        Args:
            layer: its name; "model/layer" where several models have one of this name.
            concepts: the name of the concept set.
            seed: the seed.

        Raises:
            StudyError: there is no such unit; what there is is shown.
            DamagedOutput: it is not trained yet, or no longer whole.
        """
        from iin_core.interpreter import Interpreter

        unit = self._unit(layer, concepts, seed)
        with local_copy(self.root.open("units", unit.train), "interpreter") as folder:
            return Interpreter.load(folder)

    def experiments(self, name: str) -> dict[str, pd.DataFrame]:
        """The tables of an experiment, each of all its units, layers or models one below the other.

        Args:
            name: of the experiment.

        Returns:
            Table → rows, in front of which model, layer, index, concepts and seed say what they are of;
            the table "scores" has a row a score with what it is held against.

        Raises:
            StudyError: the study does not ask for it.
            DamagedOutput: one of its outputs is no longer whole.
        """
        from tasks.experiments.results import experiment_tables

        return experiment_tables(self.root, self.record, name)

    def _layer(self, layer: str) -> LayerRecord:
        found = [
            known for known in self.record.layers if layer in (known.layer, f"{known.model}/{known.layer}")
        ]
        if len(found) == 1:
            return found[0]
        known = [f"{known.model}/{known.layer}" for known in found or self.record.layers]
        raise StudyError(
            f"{'Several models have' if found else 'The study has no'} layer {layer!r}.",
            where=f"study {self.record.name}",
            fix=f"name one of: {', '.join(known) if found else nearest(layer, _with_short_names(known))}",
        )

    def _unit(self, layer: str, concepts: str, seed: int) -> UnitRecord:
        wanted = self._layer(layer)
        units = [
            unit for unit in self.record.units if (unit.model, unit.layer) == (wanted.model, wanted.layer)
        ]
        _check_known("concept set", concepts, {unit.concepts for unit in units}, wanted)
        units = [unit for unit in units if unit.concepts == concepts]
        _check_known("seed", seed, {unit.seed for unit in units}, wanted)
        return next(unit for unit in units if unit.seed == seed)


def _table(units: Sequence[UnitRecord], root: Root) -> pd.DataFrame:
    rows = [_row(unit, root) for unit in units]
    scores = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    table = pd.DataFrame(rows, columns=[*COLUMNS, *scores])
    return table.astype(dict.fromkeys(scores, "float64"))


def _row(unit: UnitRecord, root: Root) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(unit, name) for name in COLUMNS if name != "status"}
    if not _is_sealed(root, "evaluations", unit.evaluate):
        return row | {"status": "trained" if _is_sealed(root, "units", unit.train) else "missing"}
    scores = read_scores(root.open("evaluations", unit.evaluate))
    row["status"] = "evaluated"
    return row | {name: value for name, value in scores.items() if name.startswith(SCORE)}


def _is_sealed(root: Root, kind: str, key: str) -> bool:
    return (root.folder(kind, key) / "manifest.json").exists()


def _read_json(output: Output, name: str) -> Any:
    try:
        return json.loads(output.read(name))
    except ValueError as error:
        raise output.damaged("is no JSON", name) from error


def _with_short_names(names: Sequence[str]) -> list[str]:
    return [*names, *(name.split("/", 1)[1] for name in names)]


def _check_known(what: str, name: object, known: set[Any], layer: LayerRecord) -> None:
    if name in known:
        return
    shown = nearest(name, sorted(known)) if isinstance(name, str) else ", ".join(map(str, sorted(known)))
    raise StudyError(
        f"Layer {layer.layer!r} has no unit of {what} {name!r}.",
        where=f"{layer.model}/{layer.layer}",
        fix=f"name one of: {shown or 'none'}",
    )
