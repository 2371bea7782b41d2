"""The layer × concept chart: how readable each concept is, by the depth of the layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from iin_core.figures.canvas import (
    MARKERS,
    QUIET,
    SERIES,
    Destination,
    drawing,
    head,
    name_text,
    require_rows,
    save,
)
from iin_core.figures.depth import frame, layers_of, model_panels, places, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = ("model", "layer", "index", "concept", "accuracy", "chance", "low", "high")


def layer_concept_chart(path: Destination, table: pd.DataFrame, *, title: str) -> None:
    """Draw the accuracy of a probe on the whole activation, a line a concept, a panel a model.

    Bars are the given intervals; the dotted line in a concept's colour is its chance.

    Args:
        path: ends in .png or .svg.
        table: one row for each model, layer and concept; `index` is the layer's depth in its model.
            `low` and `high` may be missing values (NaN).
        title: drawn above.

    Raises:
        InputError: columns missing, or no rows.
    """
    fix = "give the probes' accuracies of one layer or more"
    require_rows(table, _COLUMNS, "a layer × concept chart", fix)
    concepts = list(dict.fromkeys(table["concept"]))
    models = list(dict.fromkeys(table["model"]))
    with drawing():
        figure, (panels,) = model_panels(table, models, 3.7)
        for axes, model in zip(panels, models, strict=True):
            _panel(axes, table[table["model"] == model], concepts)
        panels[0].set_ylabel("accuracy of a probe")
        _legend(figure, panels[0], concepts, table)
        head(figure, title)
        save(figure, path)


def _panel(axes: Axes, table: pd.DataFrame, concepts: list[str]) -> None:
    layers = layers_of(table)
    for k, concept in enumerate(concepts):
        rows = table[table["concept"] == concept].sort_values("index")
        _line(axes, places(rows, layers, k, len(concepts)), rows, k)
    frame(axes, layers)
    axes.set_ylim(-0.02, 1.04)
    axes.set_yticks(np.linspace(0, 1, 6))


def _line(axes: Axes, x: np.ndarray, rows: pd.DataFrame, k: int) -> None:
    colour, marker = SERIES[k % len(SERIES)], MARKERS[k % len(MARKERS)]
    how: dict[str, Any] = {"color": colour, "marker": marker, "capsize": 2.5, "elinewidth": 1.1}
    axes.errorbar(x, rows["accuracy"], spread(rows, "accuracy"), ms=5.5, lw=1.8, **how)
    for chance in rows["chance"].dropna().unique()[:1]:
        axes.axhline(chance, color=colour, lw=1.2, ls=(0, (1, 2)))


def _legend(figure: Figure, axes: Axes, concepts: list[str], table: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D

    chance = table.groupby("concept", sort=False)["chance"].first()
    handles = [
        Line2D(
            [],
            [],
            color=SERIES[k % len(SERIES)],
            marker=MARKERS[k % len(MARKERS)],
            lw=1.8,
            label=f"{name_text(concept)} (chance {chance[concept]:.2f})",
        )
        for k, concept in enumerate(concepts)
    ]
    handles.append(Line2D([], [], color=QUIET, lw=1.2, ls=(0, (1, 2)), label="chance"))
    columns = max(1, int(figure.get_figwidth() // 1.9))
    figure.legend(handles=handles, loc="outside lower left", ncols=min(columns, len(handles)), fontsize=8.5)
