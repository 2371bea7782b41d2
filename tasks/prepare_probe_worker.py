"""Fit linear probes of a model's output on a worker, seal them, and open them again."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor

from iin_core.errors import InputError
from iin_core.linear_reader import LinearReader, fit_linear_reader
from iin_core.split import run_edited
from tasks.evaluation.network import probed_output, sorted_labels
from tasks.layer_rows import read_table
from tasks.local_copy import local_copy
from tasks.output import Root, open_root
from tasks.prepare_worker import WEIGHTS, open_prepared
from tasks.sources.data import open_data
from tasks.step import Step
from tasks.study import SourceSpec

MOST_ROWS = 20_000
"""Training rows that probes are fitted on, evenly taken where there are more."""
_log = logging.getLogger("tasks")


@dataclass(frozen=True)
class ProbeFitting:
    """What a worker needs in order to fit the probes of one model's output.

    Attributes:
        step: the step prepare; its `probe` has each concept with its column.
        model, prepared: the model, and the step that fits it where the study does.
        output: the part that is read.
        data: the source of the examples.
        folder: the study's.
        rows_key: of the sealed row table.
        batch: examples in one forward pass.
    """

    step: Step
    model: SourceSpec
    prepared: Step | None
    output: str | int | None
    data: SourceSpec
    folder: Path
    rows_key: str
    batch: int


def fit_probe_and_seal(root_url: str, fitting: ProbeFitting) -> None:
    """Fit the probes on the training rows and seal them, with how often each is right on either side.

    Raises:
        InputError: outputs that are not finite, or a concept without two classes.
    """
    root = open_root(root_url, create=False)
    begun = time.perf_counter()
    table = read_table(root, fitting.rows_key)
    columns: dict[str, str] = dict(fitting.step.spec["probe"])
    train, validation = (_rows(table, split) for split in ("train", "validation"))
    output = _outputs(root, fitting, np.concatenate([train, validation]))
    values = {name: table[column].to_numpy()[train] for name, column in columns.items()}
    classes = {name: sorted_labels(table[column]) for name, column in columns.items()}
    reader = fit_linear_reader(output[: len(train)], values, classes)
    said = reader(output)
    right = {
        name: {
            split: _right(said[name][part], table[column].iloc[rows], classes[name])
            for split, rows, part in (
                ("train", train, slice(len(train))),
                ("validation", validation, slice(len(train), None)),
            )
        }
        for name, column in columns.items()
    }
    with root.begin(fitting.step) as attempt:
        weights = {name: value.contiguous() for name, value in reader.state_dict().items()}
        (attempt.path / WEIGHTS).write_bytes(save(weights))
        (attempt.path / "curves.json").write_text(json.dumps({"accuracy": right}, indent=1) + "\n")
        attempt.seal({}, times={"fit": time.perf_counter() - begun})
    told = ", ".join(f"{name} {found['validation']:.2f}" for name, found in right.items())
    _log.info("probes of the output are right about %s of validation rows", told)


def open_probe(root: Root, concepts: Sequence[str], prepared: Step) -> LinearReader:
    """The sealed probes.

    Raises:
        DamagedOutput: they are missing, cut short or changed.
    """
    with local_copy(root.open(prepared.kind, prepared.key)) as folder:
        tensors: Mapping[str, Tensor] = load_file(str(folder / WEIGHTS))
    weights = [tensors[f"maps.{i}.weight"] for i in range(len(concepts))]
    sizes = {name: len(weight) for name, weight in zip(concepts, weights, strict=True)}
    reader = LinearReader(sizes, weights[0].shape[1])
    reader.load_state_dict(dict(tensors))
    return reader.eval()


def _rows(table: pd.DataFrame, split: str) -> NDArray[np.int64]:
    rows = np.flatnonzero((table["split"] == split).to_numpy())
    most = min(len(rows), MOST_ROWS)
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)] if most else rows


def _outputs(root: Root, fitting: ProbeFitting, rows: NDArray[np.int64]) -> Tensor:
    model = open_prepared(root, fitting.model, fitting.folder, fitting.prepared)
    data = open_data(fitting.data, fitting.folder)
    parts = [
        probed_output(run_edited(model, data.batch(rows[i : i + fitting.batch]), {}), fitting.output)
        for i in range(0, len(rows), fitting.batch)
    ]
    widths = {tuple(part.shape[1:]) for part in parts}
    if len(widths) > 1:
        raise InputError(
            f"The outputs of different batches have different shapes: {sorted(widths)[:4]}.",
            where="reader",
            fix="let the model return a vector of one length for each example",
        )
    return torch.cat(parts)


def _right(logits: Tensor, column: pd.Series, classes: Sequence[Any]) -> float:
    """The share of labelled rows whose class is said."""
    index = pd.Index(list(classes), dtype=object).get_indexer(column.astype(object))
    known = index >= 0
    return float((logits.argmax(1).numpy() == index)[known].mean()) if known.any() else 0.0
