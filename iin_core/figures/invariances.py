"""What a layer tells of each concept and what it discards: one layer as dots, all layers over depth."""

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
    new_figure,
    require_rows,
    save,
)
from iin_core.figures.depth import frame, layers_of, places, spread, turn_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {
    "z": "layer z",
    "embedding": "what the flow reads of z",
    "v": "v: what the layer discards",
    "z_bar": "code of the autoencoder",
}
_COLUMNS = ("code", "concept", "accuracy", "low", "high", "chance")
_OVER_DEPTH = (*_COLUMNS, "model", "layer", "index")
_DOTTED = (0, (1, 2))
_REFUSED = ("a chart of what a layer discards", "give what probes read of one concept or more")


def invariance_dots(path: Destination, table: pd.DataFrame, *, title: str) -> None:
    """Draw what a probe reads of each concept from z, its embedding, v and z̄, with intervals and chance.

    Args:
        path: ends in .png or .svg.
        table: one row a code and concept; codes as `NAMES`.
        title: drawn above.

    Raises:
        InputError: columns missing, or no rows.
    """
    require_rows(table, _COLUMNS, *_REFUSED)
    concepts, codes = list(dict.fromkeys(table["concept"])), [c for c in NAMES if c in set(table["code"])]
    with drawing():
        figure = new_figure(6.8, 1.5 + 0.32 * len(concepts) * (len(codes) + 0.6))
        axes = figure.add_subplot()
        for i, concept in enumerate(concepts):
            _concept(axes, table[table["concept"] == concept], codes, i)
        axes.set_yticks(range(len(concepts)), [name_text(concept) for concept in concepts])
        axes.set_ylim(len(concepts) - 0.5, -0.5)
        axes.set_xlim(-0.02, 1.04)
        axes.set_xlabel("accuracy of a probe on held-out sources")
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        _legend(figure, codes)
        head(figure, title)
        save(figure, path)


def invariances_over_depth(path: Destination, table: pd.DataFrame, *, title: str) -> None:
    """Draw the same over the layers of a model, in the order in which they are called, a panel a concept.

    Args:
        path: ends in .png or .svg.
        table: one row a layer, code and concept; `index` is the layer's place.
        title: drawn above.

    Raises:
        InputError: columns missing, or no rows.
    """
    require_rows(table, _OVER_DEPTH, *_REFUSED)
    concepts, codes = list(dict.fromkeys(table["concept"])), [c for c in NAMES if c in set(table["code"])]
    layers = layers_of(table)
    with drawing():
        width = max(2.4, 0.75 * len(layers) + 0.6)
        figure = new_figure(min(max(width * len(concepts), 5.6), 16), 3.8)
        panels = figure.subplots(1, len(concepts), sharey=True, squeeze=False)[0]
        for axes, concept in zip(panels, concepts, strict=True):
            _panel(axes, table[table["concept"] == concept], codes, layers)
            axes.set_title(name_text(concept))
        panels[0].set_ylabel("accuracy of a probe")
        _legend(figure, codes)
        head(figure, title)
        save(figure, path)


def _concept(axes: Axes, table: pd.DataFrame, codes: list[str], i: int) -> None:
    rows = table.set_index("code")
    places = i + (np.arange(len(codes)) - (len(codes) - 1) / 2) * 0.8 / len(codes)
    for place, code in zip(places, codes, strict=True):
        if code in rows.index:
            row = rows.loc[[code]]
            ends = spread(row, "accuracy")
            axes.errorbar(row["accuracy"], [place], xerr=ends, capsize=2.5, elinewidth=1.1, **_style(code))
    chance = float(table["chance"].iloc[0])
    axes.plot([chance] * 2, [i - 0.45, i + 0.45], color=QUIET, lw=1.2, ls=_DOTTED)


def _panel(axes: Axes, table: pd.DataFrame, codes: list[str], layers: pd.DataFrame) -> None:
    for k, code in enumerate(codes):
        rows = table[table["code"] == code].sort_values("index")
        x, ends = places(rows, layers, k, len(codes)), spread(rows, "accuracy")
        axes.errorbar(x, rows["accuracy"], yerr=ends, capsize=2.5, elinewidth=1.1, lw=1.8, **_style(code))
    axes.axhline(float(table["chance"].iloc[0]), color=QUIET, lw=1.2, ls=_DOTTED)
    frame(axes, layers)
    turn_names(axes)
    axes.set_ylim(-0.02, 1.04)


def _style(code: str) -> dict[str, Any]:
    k = list(NAMES).index(code)
    return {"color": SERIES[k], "marker": MARKERS[k], "ms": 5}


def _legend(figure: Figure, codes: list[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], lw=1.6, label=NAMES[code], **_style(code)) for code in codes]
    handles.append(Line2D([], [], color=QUIET, lw=1.2, ls=_DOTTED, label="chance"))
    columns = max(1, int(figure.get_figwidth() // 2.2))
    figure.legend(handles=handles, loc="outside lower left", ncols=columns, fontsize=8.5)
