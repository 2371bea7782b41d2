"""The tables of an experiment, over all units, layers or models of a study."""

from __future__ import annotations

from typing import Any

import pandas as pd

from iin_core.errors import nearest
from tasks.errors import StudyError
from tasks.experiments.sealing import Sealed, read_found
from tasks.output import Root
from tasks.sealed import read_output
from tasks.study_record import ExperimentRecord, StudyRecord

WHICH = ("model", "layer", "index", "concepts", "seed")


def experiment_tables(root: Root, record: StudyRecord, name: str) -> dict[str, pd.DataFrame]:
    """Table → its rows of everything that is sealed of an experiment, see `OpenStudy.experiments`.

    Raises:
        StudyError: the study does not ask for it.
        DamagedOutput: one of its outputs is no longer whole.
    """
    wanted = [entry for entry in record.experiments if entry.experiment == name]
    if not wanted:
        known = list(dict.fromkeys(entry.experiment for entry in record.experiments))
        raise StudyError(
            f"The study has no experiment {name!r}.",
            where=f"study {record.name}",
            fix=f"nearest: {nearest(name, known)}; or ask for it under `experiments:` and run the study",
        )
    parts: dict[str, list[pd.DataFrame]] = {}
    for entry in wanted:
        output = read_output(root.folder("experiments", entry.key), "experiments", entry.key)
        if output is None:
            continue
        found = read_found(output)
        for table, rows in {"scores": score_rows(found), **{t: found.table(t) for t in found.tables}}.items():
            parts.setdefault(table, []).append(_with_which(rows, entry))
    return {table: pd.concat(rows, ignore_index=True) for table, rows in parts.items()}


def score_rows(found: Sealed) -> pd.DataFrame:
    """A row a score: score, value, low, high, chance, control, control_high, why."""
    rows = [
        {"score": key, "value": found.scores[key], **found.beside(key), "why": found.why.get(key, "")}
        for key in found.numbers
    ]
    columns = ["score", "value", "low", "high", "chance", "control", "control_high", "why"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(dict.fromkeys(columns[1:-1], "float64"))


def _with_which(rows: pd.DataFrame, entry: ExperimentRecord) -> pd.DataFrame:
    which: dict[str, Any] = {name: getattr(entry, name) for name in WHICH}
    of_it = [name for name in WHICH if which[name] not in ("", None) and (name != "index" or entry.layer)]
    # A table that tells of several layers itself says so in its own columns.
    own = {name: which[name] for name in of_it if name not in rows.columns}
    front = pd.DataFrame({name: [value] * len(rows) for name, value in own.items()}, index=rows.index)
    return pd.concat([front, rows], axis=1)
