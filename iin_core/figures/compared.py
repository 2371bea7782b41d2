"""Layers compared: several measures of each concept over depth, with what seeds and sources leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from iin_core.figures.canvas import (
    MARKERS,
    SERIES,
    Destination,
    drawing,
    head,
    name_text,
    require_rows,
    save,
)
from iin_core.figures.depth import frame, layers_of, legend_below, model_panels, places, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = ("measure", "model", "layer", "index", "concept", "value", "low", "high")


def layers_compared(path: Destination, table: pd.DataFrame, *, title: str) -> None:
    """Draw each measure in a row of panels, a panel a model, a line a concept, over the depth of the layer.

    Bars are the given intervals. All panels of a row share their axis.

    Args:
        path: ends in .png or .svg.
        table: one row for each measure, model, layer and concept; `index` orders the layers of a model.
            `low` and `high` may be missing values (NaN), and so may a measure of some of the layers.
        title: drawn above.

    Raises:
        InputError: columns missing, or no rows.
    """
    require_rows(table, _COLUMNS, "a comparison of layers", "give the measures of one layer or more")
    measures, models, concepts = (
        list(dict.fromkeys(table[name])) for name in ("measure", "model", "concept")
    )
    with drawing():
        figure, panels = model_panels(table, models, 0.9 + 1.75 * len(measures), len(measures))
        for row, measure in zip(panels, measures, strict=True):
            for axes, model in zip(row, models, strict=True):
                own = table[table["model"] == model]
                _panel(axes, own[own["measure"] == measure], own, concepts)
            # When all are drawn: a limit set before would cut what the later panels of the row hold.
            # A little below 0, so that marks there are whole.
            row[0].set_ylim(bottom=-0.03 * row[0].get_ylim()[1])
            row[0].set_ylabel(name_text(measure, 26), fontsize=8.5)
        legend_below(figure, panels, most=6)
        head(figure, title)
        save(figure, path)


def _panel(axes: Axes, rows: pd.DataFrame, of_model: pd.DataFrame, concepts: list[str]) -> None:
    layers = layers_of(of_model)
    for k, concept in enumerate(concepts):
        own = rows[rows["concept"] == concept].sort_values("index")
        if own.empty:
            continue
        colour, marker = SERIES[k % len(SERIES)], MARKERS[k % len(MARKERS)]
        axes.errorbar(
            places(own, layers, k, len(concepts)), own["value"], spread(own), color=colour, marker=marker,
            ms=4.5, lw=1.6, capsize=2, elinewidth=1.0, label=name_text(concept),
        )  # fmt: skip
    frame(axes, layers)
