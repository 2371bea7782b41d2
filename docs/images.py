"""Make the pictures of the README from the demo's results: `.venv/bin/python docs/images.py [ROOT]`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from iin_core.figures import layer_concept_chart
from tasks.output import open_root
from tasks.plan import make_plan
from tasks.report.facts import read_facts
from tasks.study_file import load_study

HERE = Path(__file__).parent


def main(root_url: str) -> None:
    """Write layers.png and swap.png into docs/images."""
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


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "iin-data")
