"""Network response: how far the output moves for each factor drawn anew, and how that changes with depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from iin_core.errors import InputError
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
    require_columns,
    save,
)

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
    require_columns(list(table.columns), _BARS, "a chart of responses")
    _refuse_empty(table, "a chart of responses")
    statistics = list(dict.fromkeys(table["statistic"]))
    factors = [name for name in dict.fromkeys(table["factor"]) if name != ALL]
    with drawing():
        figure = new_figure(
            max(2.9 * len(statistics), 4.2), 1.5 + 0.24 * len(factors) * table["drawn"].nunique()
        )
        panels = figure.subplots(1, len(statistics), sharey=True, squeeze=False)[0]
        for axes, statistic in zip(panels, statistics, strict=True):
            _bars(axes, table[table["statistic"] == statistic], factors)
            axes.set_xlabel(_NAMES.get(statistic, statistic), fontsize=8.5)
        panels[0].set_yticks(range(len(factors)), [name_text(name, 20) for name in factors])
        panels[0].invert_yaxis()
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=4, fontsize=8)
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
    require_columns(list(table.columns), _DEPTH, "a chart of responses over depth")
    _refuse_empty(table, "a chart of responses over depth")
    models = list(dict.fromkeys(table["model"]))
    factors = list(dict.fromkeys(table["factor"]))
    with drawing():
        sizes = [max(table.loc[table["model"] == model, "index"].nunique(), 1.6) for model in models]
        figure = new_figure(min(max(2.2 + 0.95 * sum(sizes), 5.2), 16), 3.7)
        panels = figure.subplots(1, len(models), sharey=True, squeeze=False, width_ratios=sizes)[0]
        for axes, model in zip(panels, models, strict=True):
            _depth(axes, table[table["model"] == model], factors)
            axes.set_title(name_text(model, 24))
        panels[0].set_ylabel(label)
        panels[0].set_ylim(bottom=0)
        handles, labels = panels[0].get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        figure.legend(
            list(unique.values()), list(unique), loc="outside lower left", ncols=len(unique), fontsize=8.5
        )
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
            xerr=_spread(rows),
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
    layers = table.drop_duplicates("index").sort_values("index")
    positions = {index: i for i, index in enumerate(layers["index"])}
    for k, factor in enumerate(factors):
        rows = table[table["factor"] == factor].sort_values("index")
        x = np.array([positions[index] for index in rows["index"]], dtype=float)
        x += (k - (len(factors) - 1) / 2) * min(0.06, 0.3 / len(factors))
        ceiling = factor == ALL
        axes.errorbar(
            x,
            rows["value"],
            _spread(rows),
            color=QUIET if ceiling else SERIES[k % len(SERIES)],
            marker="_" if ceiling else MARKERS[k % len(MARKERS)],
            ls=(0, (4, 2)) if ceiling else "-",
            ms=5.5,
            lw=1.4 if ceiling else 1.8,
            capsize=2.5,
            elinewidth=1.1,
            label="all blocks" if ceiling else name_text(factor),
        )
    axes.set_xticks(range(len(layers)), [name_text(name, 16) for name in layers["layer"]])
    if len(layers) > 6 or max(len(str(name)) for name in layers["layer"]) > 10:
        for text in axes.get_xticklabels():
            text.set(rotation=35, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.5, len(layers) - 0.5)
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def _spread(rows: pd.DataFrame) -> np.ndarray:
    middle, low, high = (rows[name].to_numpy(float) for name in ("value", "low", "high"))
    spread: np.ndarray = np.nan_to_num(np.clip(np.stack([middle - low, high - middle]), 0, None))
    return spread


def _refuse_empty(table: pd.DataFrame, what: str) -> None:
    if table.empty:
        raise InputError(
            f"{what[0].upper()}{what[1:]} needs at least one row.",
            where="an empty table",
            fix="give the responses of one factor or more",
        )
