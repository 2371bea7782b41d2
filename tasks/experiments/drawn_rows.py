"""Which rows an experiment drew, as a table that is sealed beside its numbers: they can be found again."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.evaluation.material import Material


def drawn_rows(material: Material, **positions: NDArray[np.int64]) -> pd.DataFrame:
    """A line for each row, or pair of rows, in the order in which they were used.

    Args:
        material: the held-out rows.
        positions: name, such as `base` or `donor` → (n,) positions among them.

    Returns:
        Of each name a column with the rows' numbers in the data, and `<name>_source`.
    """
    columns: dict[str, NDArray[np.generic]] = {}
    for name, held in positions.items():
        columns[name] = material.rows[held]
        columns[f"{name}_source"] = material.source[held]
    return pd.DataFrame(columns)
