"""The figures of a sealed evaluation."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


def draw(folder: Path, title: str, leakage: pd.DataFrame, training: pd.DataFrame) -> dict[str, str]:
    """Draw what the unit allows; swaps are drawn by the experiment of that name.

    Args:
        folder: made if it is not there.
        title: the unit's name.
        leakage: the leakage table.
        training: the training curves.

    Returns:
        file name → caption.
    """
    from iin_core.figures import curves, leakage_matrix

    folder.mkdir(exist_ok=True)
    captions = {}
    for probe in ("mlp", "linear"):
        table = leakage[(leakage["method"] == "iin") & (leakage["probe"] == probe)]
        if len(table):
            leakage_matrix(folder / "leakage.png", table, title=f"{title} · {probe} probe")
            captions["leakage.png"] = f"What an {probe} probe reads of each concept from each block."
            break
    if len(training):
        curves(folder / "curves.png", training, title=title)
        captions["curves.png"] = "Loss, and negative log-likelihood per dimension, over training."
    return captions
