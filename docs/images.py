"""Make the pictures of README and docs from the demo's results: `.venv/bin/python docs/images.py [ROOT]`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd

from iin_core.figures import layer_concept_chart, response_over_depth
from tasks.experiments.sealing import read_found
from tasks.output import Root, open_root
from tasks.plan import Plan, make_plan
from tasks.report.facts import read_facts
from tasks.study_file import load_study

HERE = Path(__file__).parent
COPIED = ("walks", "embeddings", "interpolation")


def main(root_url: str) -> None:
    """Write layers.png, swap.png and the figures of the experiments into docs/images."""
    plan = make_plan(load_study(HERE.parent / "studies" / "digits.yaml"))
    root = open_root(root_url, create=False)
    folder = HERE / "images"
    folder.mkdir(exist_ok=True)
    readable = read_facts(plan, root).readable
    layer_concept_chart(folder / "layers.png", readable, title="How readable each concept is in each layer")
    headline = next(unit for unit in plan.units if unit.headline)
    swap = root.open("evaluations", headline.evaluate.key).file("figures/swap_0.png")
    with swap.open("rb") as source, (folder / "swap.png").open("wb") as target:
        shutil.copyfileobj(source, target)
    _copy_experiments(plan, root, folder)
    _response_over_depth(plan, root, folder)


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
