"""The step rows: the table of examples with their split, and what is known of its columns."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from iin_core.concept_checks import MAX_LABELS
from iin_core.errors import InputError
from iin_core.rows import assign_splits, check_splits
from tasks.claim import claim
from tasks.conditions import study_data
from tasks.errors import StudyError
from tasks.output import Attempt, Output, Root
from tasks.plan import Plan, probed_concepts
from tasks.sources.concepts.pair_table import read_pairs
from tasks.sources.concepts.told_pairs import PAIR
from tasks.sources.data import Data
from tasks.study import SplitSpec

SPLIT = "split"
PAIRS = "pairs.parquet"


def make_rows(plan: Plan, root: Root) -> Output:
    """Seal the row table, if it is not sealed yet.

    Raises:
        StudyError: data that is not what was planned, a split that leaks, or columns that cannot be
            stored.
    """
    with claim(root, [plan.rows]) as missing:
        for step in missing:
            begun = time.perf_counter()
            data = study_data(plan.study, plan.folder)
            _refuse_changed(data, plan)
            table = split_table(data, plan.study.data.split)
            pairs = _pairs(plan, table)
            with root.begin(step) as attempt:
                meta = _write(attempt, table, pairs)
                attempt.seal(meta, times={"rows": time.perf_counter() - begun})
    return root.open("rows", plan.rows.key)


def _pairs(plan: Plan, table: pd.DataFrame) -> pd.DataFrame | None:
    """The lines of all files of pairs, with the concept that each belongs to."""
    parts = [
        read_pairs(name, spec, plan.folder, table).assign(concept=name)
        for name, spec in probed_concepts(plan.study).items()
        if spec.kind == "pairs"
    ]
    return pd.concat(parts, ignore_index=True) if parts else None


def _refuse_changed(data: Data, plan: Plan) -> None:
    if data.fingerprint() != plan.rows.fingerprints["data"]:
        raise StudyError(
            f"The data source {data.name!r} gives other data each time, or changed since the plan was made.",
            where="data.source",
            fix="let the source give the same rows each time (seed its random numbers), then run again",
        )


def split_table(data: Data, spec: SplitSpec) -> pd.DataFrame:
    """The table of a data set with its columns `source` and `split` in front.

    Args:
        data: of the study.
        spec: shares and seed, or the column that holds the split already.

    Returns:
        One row for each example, in the order of the data.

    Raises:
        StudyError: no such column, a source on two sides, too few sources, or a column called
            `split` that the study does not name.
    """
    table = data.table
    if spec.column is not None and spec.column not in table:
        raise StudyError(
            f"The data has no column {spec.column!r} that could hold the split.",
            where=f"the table's columns: {', '.join(map(str, table.columns))}",
            fix="correct the name, or take it out to let the study split",
        )
    if spec.column != SPLIT and SPLIT in table:
        raise StudyError(
            "The data has a column called 'split' that the study does not use.",
            where="the data's table",
            fix="name it: {column: split}, or rename it in the data",
        )
    try:
        if spec.column is None:
            shares = (spec.train, spec.validation, spec.heldout)
            side = assign_splits(table["source"], shares=shares, seed=spec.seed).astype(object)
        else:
            check_splits(table["source"], table[spec.column])
            side = table[spec.column].astype(str).to_numpy(dtype=object)
    except InputError as error:
        raise StudyError(error.what, where=error.where, fix=error.fix) from error
    rest = table.drop(columns=["source", SPLIT], errors="ignore")
    return pd.concat([table[["source"]], pd.DataFrame({SPLIT: side}, index=table.index), rest], axis=1)


def describe_columns(table: pd.DataFrame) -> dict[str, Any]:
    """What is known of the columns that could be concepts, from themselves alone.

    Args:
        table: with `source` and `split`.

    Returns:
        Under ``columns``: kind (label, numeric), number of values, and for labels values, chance
        (share of the most frequent) and entropy (nats); numbers: least, greatest, mean and standard
        deviation. Under ``dependence``: for each two label columns their mutual information over the
        smaller of their entropies, 0 (independent) to 1 (one determines the other).
    """
    columns = [name for name in table.columns if name not in ("source", SPLIT, PAIR)]
    labels = {name: table[name] for name in columns if is_label(table[name])}
    described: dict[str, Any] = {}
    for name in columns:
        if name in labels:
            described[name] = _describe_label(labels[name])
        elif pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_bool_dtype(table[name]):
            described[name] = _describe_number(table[name])
    return {"columns": described, "dependence": dependence(labels)}


def is_label(column: pd.Series) -> bool:
    """Whether a column could be a label: not of floats, and not with a value for each row."""
    n_values = int(column.nunique())
    return not pd.api.types.is_float_dtype(column) and 2 <= n_values <= min(MAX_LABELS, len(column) // 2)


def dependence(labels: Mapping[str, pd.Series]) -> dict[str, dict[str, float]]:
    """Normalised mutual information of each two label columns.

    Correlated concepts read as leakage unless their own dependence is shown beside it.
    """
    codes = {name: pd.factorize(column)[0] for name, column in labels.items()}
    names = list(codes)
    result: dict[str, dict[str, float]] = {}
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            both = (codes[a] >= 0) & (codes[b] >= 0)
            code_a, code_b = codes[a][both].astype(np.int64), codes[b][both].astype(np.int64)
            entropy_a, entropy_b = _entropy(np.bincount(code_a)), _entropy(np.bincount(code_b))
            joint = pd.Series(code_a * (codes[b].max() + 1) + code_b)
            information = entropy_a + entropy_b - _entropy(joint.value_counts(sort=False).to_numpy())
            least = min(entropy_a, entropy_b)
            result.setdefault(a, {})[b] = round(max(0.0, information) / least, 12) if least > 0 else 0.0
    return result


def _describe_label(column: pd.Series) -> dict[str, Any]:
    counts = column.value_counts(sort=False)
    values = sorted(counts.index.tolist(), key=lambda value: (str(type(value)), value))
    return {
        "kind": "label",
        "n_values": len(values),
        "values": [value if isinstance(value, (str, int, bool)) else str(value) for value in values],
        "chance": float(counts.max() / counts.sum()),
        "entropy": _entropy(counts.to_numpy()),
    }


def _describe_number(column: pd.Series) -> dict[str, Any]:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = values[np.isfinite(values)]
    facts: dict[str, Any] = {"kind": "numeric", "n_values": len(np.unique(values))}
    if len(values):
        parts = {"min": values.min(), "max": values.max(), "mean": values.mean(), "std": values.std()}
        facts |= {name: float(part) for name, part in parts.items()}
    return facts


def _entropy(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _write(attempt: Attempt, table: pd.DataFrame, pairs: pd.DataFrame | None) -> dict[str, Any]:
    try:
        stored = pa.Table.from_pandas(table, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise StudyError(
            f"The data's table cannot be stored: {error.args[-1]}.",
            where=f"data.source; {error.args[0]}",
            fix="let each column hold values of one type: numbers, text, booleans or dates",
        ) from error
    with (attempt.path / "rows.parquet").open("wb") as file:
        pq.write_table(stored, file)
    if pairs is not None:
        with (attempt.path / PAIRS).open("wb") as file:
            pq.write_table(pa.Table.from_pandas(pairs, preserve_index=False), file)
    described = describe_columns(table)
    (attempt.path / "concepts.json").write_text(json.dumps(described, indent=1, allow_nan=False) + "\n")
    sides = table.drop_duplicates("source")[SPLIT].value_counts()
    return {
        "n_rows": len(table),
        "n_sources": int(sides.sum()),
        **({"pairs": len(pairs)} if pairs is not None else {}),
        "sources": {side: int(count) for side, count in sorted(sides.items())},
    }
