"""Charts over the depth of a network: a panel a model, a place a layer, a line a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from iin_core.figures.canvas import name_text, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CROWDED, _LONG = 6, 10


def model_panels(
    table: pd.DataFrame, models: Sequence[str], height: float, n_lines: int = 1
) -> tuple[Figure, np.ndarray]:
    """A figure of so many inches in height, and its panels (n_lines, models) with the models' names above.

    A panel is as wide as its model has layers, but never too narrow for a title; the panels of a line
    share their axis.
    """
    widths = [max(table.loc[table["model"] == model, "index"].nunique(), 1.6) for model in models]
    figure = new_figure(min(max(2.2 + 0.95 * sum(widths), 5.2), 16), height)
    panels: np.ndarray = figure.subplots(
        n_lines, len(models), sharex="col", sharey="row", squeeze=False, width_ratios=widths
    )
    for axes, model in zip(panels[0], models, strict=True):
        axes.set_title(name_text(model, 24))
    return figure, panels


def legend_below(figure: Figure, panels: np.ndarray, *, most: int) -> None:
    """One line for each name, whatever panel has it, at most so many beside one another."""
    found: dict[str, Any] = {}
    for axes in panels.flat:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    columns = min(most, len(found))
    figure.legend(list(found.values()), list(found), loc="outside lower left", ncols=columns, fontsize=8.5)


def layers_of(table: pd.DataFrame) -> pd.DataFrame:
    """One row a layer, in the order of depth."""
    return table.drop_duplicates("index").sort_values("index")


def places(rows: pd.DataFrame, layers: pd.DataFrame, k: int, n: int) -> np.ndarray:
    """Where the rows of the k-th of n lines stand: beside the others, so that equal values do not hide."""
    place = {index: i for i, index in enumerate(layers["index"])}
    x = np.array([place[index] for index in rows["index"]], dtype=float)
    return x + (k - (n - 1) / 2) * min(0.06, 0.3 / n)


def spread(rows: pd.DataFrame, column: str = "value") -> np.ndarray:
    """(2, n): from `low` up to a column and from it up to `high`; 0 where there is no interval."""
    middle, low, high = (rows[name].to_numpy(float) for name in (column, "low", "high"))
    ends: np.ndarray = np.nan_to_num(np.clip(np.stack([middle - low, high - middle]), 0, None))
    return ends


def frame(axes: Axes, layers: pd.DataFrame) -> None:
    """Name the layers below, turned where there is little room, and draw the grid."""
    axes.set_xticks(range(len(layers)), [name_text(name, 16) for name in layers["layer"]])
    if len(layers) > _CROWDED or max(len(str(name)) for name in layers["layer"]) > _LONG:
        turn_names(axes)
    axes.set_xlim(-0.5, len(layers) - 0.5)
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def turn_names(axes: Axes) -> None:
    """Let the names below run upwards."""
    for text in axes.get_xticklabels():
        text.set(rotation=35, ha="right", rotation_mode="anchor")
