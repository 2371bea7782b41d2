"""A study in the form in which the steps leave it, with experiments on units, layers and models."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from iin_core.figures import curves
from iin_core.figures.compared import layers_compared
from iin_core.figures.invariances import invariances_over_depth
from iin_core.figures.response import response_over_depth
from iin_core.metrics.score import Score
from tasks.experiments.found import Drawn, Found
from tasks.experiments.sealing import write_found
from tasks.experiments.spec import ExperimentSpec
from tasks.output import Root
from tests.tasks.experiments_world import asked_for, planned
from tests.tasks.report_world import ReportWorld, make_report_world

LAYERS = ("conv1", "conv2", "fc")


@contextmanager
def experiments_world(
    root: Root,
    folder: Path,
    found: Callable[[str, Path], Found],
    *,
    undone: int = 0,
) -> Iterator[ReportWorld]:
    """A study with an experiment on each unit of the set digit, on each layer and on each model.

    Args:
        root: where it is sealed.
        folder: where experiments draw; a folder each is made in it.
        found: what an experiment finds, by its label and the folder in which it draws.
        undone: how many of the last are not sealed.
    """
    world = make_report_world(root)
    world.seal_all()
    with asked_for(norms=ExperimentSpec(concepts="digit"), layer=ExperimentSpec(), model=ExperimentSpec()):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tasks.experiments.planning.why_not", lambda *_: "")
            patch.setattr("tasks.experiments.planning.resolved", lambda name: lambda *_: {})
            plan = planned(dataclasses.replace(world.plan))
        for i, entry in enumerate(plan.experiments[: len(plan.experiments) - undone]):
            drawn_in = folder / str(i)
            drawn_in.mkdir()
            with root.begin(entry.step) as attempt:
                meta = write_found(found(entry.step.label, drawn_in), drawn_in, attempt.path)
                attempt.seal(meta, times={})
        yield dataclasses.replace(world, plan=plan)


def charts(label: str, folder: Path) -> Found:
    """One of each kind of chart over depth, and a picture, with the tables behind them."""
    rows = [
        {"model": model, "layer": layer, "index": i, "value": 0.2 * i, "low": 0.1 * i, "high": 0.3 * i}
        for model in ("classifier", "autoencoder")
        for i, layer in enumerate(LAYERS)
    ]
    concepts = ["digit", "colour"]
    compared = _times(rows, measure=["carried by the layer", "told by another block"], concept=concepts)
    response = _times(rows, factor=["digit", "colour", "residual"])
    told = _times(rows[: len(LAYERS)], code=["z", "v"], concept=concepts, chance=[0.1])
    told = told.rename(columns={"value": "accuracy"})
    layers_compared(folder / "compared.svg", compared, title=label)
    response_over_depth(folder / "response.svg", response, title=label, label="total variation")
    invariances_over_depth(folder / "invariances.svg", told, title=label)
    training = pd.DataFrame({"update": range(9), "loss": 1.0, "nll_train": 0.5, "nll_validation": 0.6})
    curves(folder / "picture.png", training, title=label)
    drawn = [
        Drawn(
            f"{name}.svg",
            f"{name} of {label}: {'how to read it. ' * 9}",
            "Line charts. Values.",
            name,
        )
        for name in ("compared", "response", "invariances")
    ]
    drawn.append(Drawn("picture.png", "A picture.", "Curves that are all flat.", "training"))
    tables = {"compared": compared, "response": response, "invariances": told, "training": training}
    scores = {"norms/a": Score(0.5, low=0.4, high=0.6, chance=0.1), "norms/none": Score(float("nan"))}
    return Found(scores, tables, drawn, [f"How to read {label}.", "It is 0.50 [0.40, 0.60].", "And more."])


def _times(rows: list[dict], **columns: list) -> pd.DataFrame:
    """Every row with every combination of the columns' values."""
    table = pd.DataFrame(rows)
    for name, values in columns.items():
        table = table.merge(pd.DataFrame({name: values}), how="cross")
    return table
