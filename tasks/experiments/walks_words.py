"""What walks say, in sentences with numbers."""

from __future__ import annotations

import pandas as pd

from tasks.experiments.seen import WHO
from tasks.experiments.spec import WalksSpec

_WHO = {**WHO, "neighbours": "the nearest training rows"}
_FAR = 0.1
_TRUSTED = 0.7
"""Who is right about fewer of the rows as they are is not quoted: what changes then is the noise."""


def words(table: pd.DataFrame, steps: pd.DataFrame, spec: WalksSpec) -> list[str]:
    """How to read it, then for each factor what changes along its walk, and how sound the walk is."""
    said = [
        "Each walk changes one factor of a held-out row and keeps its prior: what changes along it is what "
        "that factor carries, and what stays is what it does not."
    ]
    for factor, rows in table.groupby("factor", sort=False):
        parts = [
            f"{row['concept']} in {row['changes']:.1%} of the steps by {_WHO[row['by']]}"
            for row in rows.to_dict("records")
            if row["right"] >= _TRUSTED
        ]
        if parts:
            said.append(f"Along a walk in {factor!r} what is said changes: {', '.join(parts)}.")
    for row in steps.to_dict("records"):
        if spec.method == "langevin":
            said.append(
                f"Of the Langevin proposals in {row['factor']!r}, {row['acceptance']:.0%} were accepted."
            )
        if row["beyond"] > _FAR:
            said.append(
                f"The walk in {row['factor']!r} is where its prior is, and {row['beyond']:.0%} of it where "
                "fewer than 1 % of the held-out rows are: the prior fits this block badly."
            )
    return said
