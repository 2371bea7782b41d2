"""A check on all rows, and on the training rows alone, of which pairs are made."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from iin_core.errors import InputError


def on_all_and_training(check: Callable[[pd.DataFrame], None], table: pd.DataFrame) -> None:
    """Check a table, then its training rows.

    Raises:
        InputError: what `check` raises; of the training rows it says so.
    """
    check(table)
    try:
        check(table[table["split"] == "train"])
    except InputError as error:
        raise InputError(
            f"In the training rows: {error.what}", where=f"{error.where}; training rows", fix=error.fix
        ) from error
