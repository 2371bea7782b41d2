"""What happens along a line between two rows: curves with bands, one colour a kind of line."""

from __future__ import annotations

import numpy as np
import pandas as pd

from iin_core.figures.canvas import (
    SERIES,
    Destination,
    drawing,
    head,
    name_text,
    new_figure,
    require_rows,
    save,
)

_COLUMNS = ("space", "quantity", "share", "value", "low", "high")
_SPACES = {"code": "straight in z̃", "activation": "straight in z"}
_DASHES: tuple[str | tuple[int, tuple[int, int]], ...] = ("-", (0, (4, 2)))


def line_curves(path: Destination, table: pd.DataFrame, *, title: str) -> None:
    """Draw quantities along lines from one row (0) to another (1): a panel a quantity.

    Args:
        path: ends in .png or .svg.
        table: one row for each space (``code``, ``activation``), quantity and share of the way; bands
            are from `low` to `high`.
        title: drawn above.

    Raises:
        InputError: columns missing, or no rows.
    """
    fix = "give a quantity at two points of a line or more"
    require_rows(table, _COLUMNS, "curves along lines", fix)
    quantities = list(dict.fromkeys(table["quantity"]))
    with drawing():
        figure = new_figure(max(3.1 * len(quantities), 4.2), 3.0)
        panels = figure.subplots(1, len(quantities), squeeze=False)[0]
        for axes, quantity in zip(panels, quantities, strict=True):
            for k, space in enumerate(dict.fromkeys(table["space"])):
                rows = table[(table["quantity"] == quantity) & (table["space"] == space)].sort_values("share")
                low, high = (rows[name].fillna(rows["value"]).to_numpy(float) for name in ("low", "high"))
                colour = SERIES[k % len(SERIES)]
                axes.fill_between(rows["share"], low, high, color=colour, alpha=0.18, lw=0)
                dash = _DASHES[k % len(_DASHES)]
                axes.plot(
                    rows["share"],
                    rows["value"],
                    color=colour,
                    lw=1.8,
                    ls=dash,
                    label=_SPACES.get(space, space),
                )
            axes.set_title(name_text(quantity, 48), fontsize=8.5)
            axes.set_xlabel("share of the way")
            axes.set_xticks(np.linspace(0, 1, 5))
            axes.grid(axis="y")
            axes.set_axisbelow(True)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=2, fontsize=8.5)
        head(figure, title)
        save(figure, path)
