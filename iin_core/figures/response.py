"""Network response: how far the output moves for each factor drawn anew, and how that changes with depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from iin_core.figures.canvas import (
    INK,
    MARKERS,
    QUIET,
    SERIES,
    Destination,
    drawing,
    head,
    name_text,
    new_figure,
    require_rows,
    save,
)
from iin_core.figures.depth import frame, layers_of, legend_below, model_panels, places, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALL = "all"
_BARS = ("factor", "drawn", "statistic", "value", "low", "high")
_DEPTH = ("model", "layer", "index", "factor", "value", "low", "high")
_NAMES = {
    "kl": "expected KL divergence (nats)",
    "tv": "expected total variation",
    "class_std": "std of the class index (as published)",
    "distance": "squared distance, 1 = another row",
}
_FIX = "give the responses of one factor or more"
_DRAWS = {"prior": "from its prior", "rows": "from other rows", "normal": "from N(0, I), as published"}


def response_bars(path: Destination, table: pd.DataFrame, *, title: str) -> None:
    """Draw how far the output moves for each factor, a panel a statistic, a colour a way of drawing.

    The dashed line is the response where every block is drawn anew (factor ``all``): the ceiling.

    Args:
        path: ends in .png or .svg.
        table: one row for each factor, way of drawing and statistic; `low` and `high` may be NaN.
        title: drawn above.

    Raises:
        InputError: columns missing, or no rows.

    Source: Esser et al., CVPR 2020, figure 4, with KL and total variation in place of the class index.
    """
    require_rows(table, _BARS, "a chart of responses", _FIX)
    statistics = list(dict.fromkeys(table["statistic"]))
    factors = [name for name in dict.fromkeys(table["factor"]) if name != ALL]
    with drawing():
        width = max(2.9 * len(statistics), 5.2)
        figure = new_figure(width, 1.5 + 0.24 * len(factors) * table["drawn"].nunique())
        panels = figure.subplots(1, len(statistics), sharey=True, squeeze=False)[0]
        for axes, statistic in zip(panels, statistics, strict=True):
            _bars(axes, table[table["statistic"] == statistic], factors)
            axes.set_xlabel(_NAMES.get(statistic, statistic), fontsize=8.5)
        panels[0].set_yticks(range(len(factors)), [name_text(name, 20) for name in factors])
        panels[0].invert_yaxis()
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=int(width // 1.7), fontsize=8)
        head(figure, title)
        save(figure, path)


def response_over_depth(path: Destination, table: pd.DataFrame, *, title: str, label: str) -> None:
    """Draw the response to each factor over the depth of the layer, a panel a model, a line a factor.

    Args:
        path: ends in .png or .svg.
        table: one row for each model, layer and factor; `index` is the layer's depth. Several rows for
            one of them (seeds) are drawn one over the other. The factor ``all`` is the ceiling.
        title: drawn above.
        label: of the value, at the side.

    Raises:
        InputError: columns missing, or no rows.
    """
    require_rows(table, _DEPTH, "a chart of responses over depth", _FIX)
    models = list(dict.fromkeys(table["model"]))
    factors = list(dict.fromkeys(table["factor"]))
    with drawing():
        figure, panels = model_panels(table, models, 3.7)
        for axes, model in zip(panels[0], models, strict=True):
            _depth(axes, table[table["model"] == model], factors)
        panels[0, 0].set_ylabel(label)
        panels[0, 0].set_ylim(bottom=0)
        legend_below(figure, panels, most=len(factors))
        head(figure, title)
        save(figure, path)


def _bars(axes: Axes, table: pd.DataFrame, factors: list[str]) -> None:
    ways = list(dict.fromkeys(table["drawn"]))
    height = 0.8 / len(ways)
    for k, way in enumerate(ways):
        rows = table[(table["drawn"] == way) & (table["factor"] != ALL)].set_index("factor")
        rows = rows.reindex(factors)
        y = np.arange(len(factors)) + (k - (len(ways) - 1) / 2) * height
        axes.barh(
            y,
            rows["value"],
            0.92 * height,
            xerr=spread(rows),
            color=SERIES[k % len(SERIES)],
            ecolor=INK,
            capsize=2,
            error_kw={"elinewidth": 1.0},
            label=_DRAWS.get(way, way),
        )
    ceiling = table.loc[table["factor"] == ALL, "value"].dropna()
    if len(ceiling):
        axes.axvline(
            float(ceiling.iloc[0]), color=QUIET, lw=1.2, ls=(0, (4, 2)), label="all blocks drawn anew"
        )
    axes.set_xlim(left=0)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


def _depth(axes: Axes, table: pd.DataFrame, factors: list[str]) -> None:
    layers = layers_of(table)
    for k, factor in enumerate(factors):
        rows = table[table["factor"] == factor].sort_values("index")
        ceiling = factor == ALL
        axes.errorbar(
            places(rows, layers, k, len(factors)),
            rows["value"],
            spread(rows),
            color=QUIET if ceiling else SERIES[k % len(SERIES)],
            marker="_" if ceiling else MARKERS[k % len(MARKERS)],
            ls=(0, (4, 2)) if ceiling else "-",
            ms=5.5,
            lw=1.4 if ceiling else 1.8,
            capsize=2.5,
            elinewidth=1.1,
            label="all blocks" if ceiling else name_text(factor),
        )
    frame(axes, layers)
