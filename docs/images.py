"""Make the pictures of README and docs from the demo's results: `.venv/bin/python docs/images.py [ROOT]`."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from iin_core.figures import layer_concept_chart, response_over_depth
from tasks.experiments.sealing import read_found
from tasks.output import Root, open_root
from tasks.plan import Plan, make_plan
from tasks.report.facts import read_facts
from tasks.study_file import load_study
from tasks.study_record import read_record, study_names

HERE = Path(__file__).parent
COPIED = ("walks", "embeddings", "interpolation")
EDITS = {
    ("swaps", "digit+colour", "swaps_0.png"): "swap.png",
    ("edits", "digit+colour", "edits_0_strip_0.png"): "edits_strip.png",
    ("edits", "digit+colour", "edits_0_success.svg"): "edits_success.svg",
    ("edits", "brightness", "edits_0_values.svg"): "edits_values.svg",
    ("transfer", "digit+colour", "transfer_0.png"): "transfer.png",
    ("transfer", "digit+colour", "transfer_0_reader.svg"): "transfer_read.svg",
}
"""Experiment, concept set and figure → its name in the docs."""


def main(root_url: str) -> None:
    """Write layers.png, swap.png and the figures of the experiments into docs/images."""
    plan = make_plan(load_study(HERE.parent / "studies" / "digits.yaml"))
    root = open_root(root_url, create=False)
    folder = HERE / "images"
    folder.mkdir(exist_ok=True)
    readable = read_facts(plan, root).readable
    layer_concept_chart(folder / "layers.png", readable, title="How readable each concept is in each layer")
    _copy_edits(plan, root, folder)
    _copy_experiments(plan, root, folder)
    _response_over_depth(plan, root, folder)
    _layers_compared(root, folder)


def _layers_compared(root: Root, folder: Path) -> None:
    """The chart of studies/digits_layers.yaml, where it was run in this root too."""
    if "digits_layers" not in study_names(root):
        return
    for entry in read_record(root, "digits_layers").experiments:
        if entry.experiment == "layers":
            found = read_found(root.open("experiments", entry.key))
            (folder / "layers_compared.svg").write_bytes(found.figure("layers.svg"))


def _copy_edits(plan: Plan, root: Root, folder: Path) -> None:
    """The figures of swaps, edits and transfers that pages show."""
    for planned in plan.experiments:
        unit, found = planned.unit, root.find(planned.step)
        if found is None or unit is None or unit.layer.layer != "bottleneck" or unit.seed != 0:
            continue
        for (experiment, concepts, file), name in EDITS.items():
            if (experiment, concepts) == (planned.name, unit.concepts):
                (folder / name).write_bytes(read_found(found).figure(file))


def _copy_experiments(plan: Plan, root: Root, folder: Path) -> None:
    """The figures of the headline unit's experiments, those that the study has asked for."""
    headline = next(unit for unit in plan.units if unit.headline)
    for planned in plan.experiments:
        found = root.find(planned.step)
        if planned.name not in COPIED or planned.unit != headline or found is None:
            continue
        for drawn in read_found(found).drawn:
            (folder / drawn.file).write_bytes(read_found(found).figure(drawn.file))


def _response_over_depth(plan: Plan, root: Root, folder: Path) -> None:
    """The response of the digit to each factor of the classifier's layers."""
    rows = []
    for planned in plan.experiments:
        found = root.find(planned.step) if planned.name == "response" else None
        if found is None or planned.unit is None or planned.unit.model != "classifier":
            continue
        table = read_found(found).table("response")
        table = table[(table["statistic"] == "tv") & (table["drawn"] == "prior")]
        layer = planned.unit.layer
        rows.append(table.assign(model="classifier", layer=layer.layer, index=layer.index))
    if rows:
        title = "How far the classifier's answer moves when one factor of a layer is drawn anew"
        response_over_depth(
            folder / "response_depth.svg", pd.concat(rows), title=title, label="total variation"
        )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "iin-data")
