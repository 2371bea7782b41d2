"""Training curves: the loss, and the negative log-likelihood on training and validation rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from iin_core.figures.canvas import (
    SERIES,
    Destination,
    drawing,
    head,
    new_figure,
    require_rows,
    save,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = ("update", "loss", "nll_train", "nll_validation")


def curves(path: Destination, table: pd.DataFrame, *, title: str) -> None:
    """Draw the loss, and beside it the NLL per dimension (nats, ½·log 2π left out).

    The first twentieth of the updates may leave the frame, so that the rest can be told apart.

    Args:
        path: ends in .png or .svg.
        table: one row an update that was written down; missing values (NaN) are passed over.
        title: drawn above.

    Raises:
        InputError: columns missing, or no rows.
    """
    require_rows(table, _COLUMNS, "training curves", "give the losses that the training wrote down")
    with drawing():
        figure = new_figure(7.2, 2.7)
        left, right = figure.subplots(1, 2)
        _line(left, table, "loss", SERIES[0], "-", "loss")
        left.set_ylabel("loss")
        _line(right, table, "nll_train", SERIES[0], "-", "training rows")
        _line(right, table, "nll_validation", SERIES[1], (0, (4, 1.5)), "validation rows")
        right.set_ylabel("NLL per dimension (nats)")
        right.legend(fontsize=8)
        _frame(left, table, ["loss"])
        _frame(right, table, ["nll_train", "nll_validation"])
        head(figure, title)
        save(figure, path)


def _line(axes: Axes, table: pd.DataFrame, column: str, colour: str, style: object, label: str) -> None:
    rows = table[np.isfinite(table[column].astype(float))]
    few = "o" if len(rows) < 3 else None
    axes.plot(rows["update"], rows[column], color=colour, ls=style, lw=1.6, marker=few, label=label)


def _frame(axes: Axes, table: pd.DataFrame, columns: list[str]) -> None:
    axes.set_xlabel("update")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    late = table.loc[table["update"] >= 0.05 * table["update"].max(), columns].to_numpy(float)
    late = late[np.isfinite(late)]
    if late.size:
        room = 0.06 * (late.max() - late.min()) or 0.5
        axes.set_ylim(late.min() - room, late.max() + room)
