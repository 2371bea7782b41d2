"""Fit one model on a worker and seal its weights."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from tasks.errors import StudyError
from tasks.layer_rows import read_table
from tasks.local_copy import local_copy
from tasks.output import Root, open_root
from tasks.sources.data import open_data
from tasks.sources.models import fit_declared, load_weights, open_model
from tasks.step import Step
from tasks.study import SourceSpec

WEIGHTS = "model.safetensors"
_SEED = "seed"
_log = logging.getLogger("tasks")


@dataclass(frozen=True)
class Fitting:
    """What a worker needs in order to fit one model.

    Attributes:
        step: the step prepare.
        source: of the model.
        settings: of the fit; `seed` among them, 0 when left out.
        data: the source of the examples.
        folder: the study's.
        rows_key: of the sealed row table.
    """

    step: Step
    source: SourceSpec
    settings: dict[str, Any]
    data: SourceSpec
    folder: Path
    rows_key: str


def fit_and_seal(root_url: str, fitting: Fitting) -> None:
    """Fit the model and seal its weights and curves.

    Raises:
        StudyError: the source does not say how its model is fitted.
    """
    root = open_root(root_url, create=False)
    fit = fit_declared(fitting.source, fitting.folder)
    if fit is None:
        raise StudyError(
            f"The source of {fitting.step.label} does not say how its model is fitted.",
            where=f"fit: of {fitting.step.label}",
            fix="leave fit: out, or give the factory an attribute `fit`",
        )
    model = open_model(fitting.source, fitting.folder)
    settings = {name: value for name, value in fitting.settings.items() if name != _SEED}
    begun = time.perf_counter()
    curves = fit(
        model,
        open_data(fitting.data, fitting.folder),
        read_table(root, fitting.rows_key),
        settings=settings,
        seed=fitting.settings.get(_SEED, 0),
    )
    seconds = time.perf_counter() - begun
    with root.begin(fitting.step) as attempt:
        (attempt.path / WEIGHTS).write_bytes(save({k: v.contiguous() for k, v in model.state_dict().items()}))
        (attempt.path / "curves.json").write_text(json.dumps(curves, indent=1) + "\n")
        attempt.seal({}, times={"fit": seconds})
    _log.info("fitted in %.0f s", seconds)


def open_prepared(root: Root, source: SourceSpec, folder: Path, prepared: Step | None) -> nn.Module:
    """The model of a source, with its sealed weights where the study fitted it; in evaluation mode."""
    model = open_model(source, folder)
    if prepared is not None:
        with local_copy(root.open(prepared.kind, prepared.key)) as weights:
            load_weights(model, weights / WEIGHTS)
    return model
