"""The figures of a sealed evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.errors import InputError
from tasks.evaluation.interchanges import swap_delta
from tasks.evaluation.material import Material, draw_pairs
from tasks.evaluation.network import Network

N_BASES, N_DONORS = 8, 6


def draw(
    folder: Path, title: str, network: Network, material: Material, found: tuple[pd.DataFrame, pd.DataFrame]
) -> dict[str, str]:
    """Draw what the unit allows.

    Args:
        folder: made if it is not there.
        title: the unit's name.
        network: decodes swaps where it can.
        material: the unit's.
        found: (leakage table, training curves).

    Returns:
        file name → caption.
    """
    from iin_core.figures import curves, leakage_matrix

    leakage, training = found
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
    if network.decodes and network.reading.editable:
        captions |= _swap_grids(folder, title, network, material)
    return captions


def _swap_grids(folder: Path, title: str, network: Network, material: Material) -> dict[str, str]:
    from iin_core.figures import swap_grid

    captions: dict[str, str] = {}
    for i, factor in enumerate(material.factors):
        bases, donors = _chosen(material)
        decoded = _decoded(network, material, (bases, donors), factor)
        tops, sides = (_plain(network, material.rows[chosen]) for chosen in (bases, donors))
        if any(images.ndim != 4 or images.shape[1] not in (1, 3) for images in (tops, sides)):
            return captions
        grid = decoded.reshape(len(donors), len(bases), *decoded.shape[1:])
        name = f"swap_{i}.png"
        swap_grid(folder / name, tops, sides, grid, title=f"{title} · {factor} of the donor")
        captions[name] = f"Each base (top) with the {factor} of each donor (left), decoded."
    return captions


def _chosen(material: Material) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bases and donors, positions among the held-out rows, in pairs that differ where they can."""
    try:
        base, donor = draw_pairs(material, [], 200, 0)
    except InputError:
        base, donor = np.arange(len(material.rows)), np.arange(len(material.rows))[::-1]
    bases, donors = (np.array(list(dict.fromkeys(found.tolist()))) for found in (base, donor))
    return bases[:N_BASES], donors[:N_DONORS]


def _plain(network: Network, rows: NDArray[np.int64]) -> Tensor:
    return torch.cat(list(network.outputs(rows)))


def _decoded(
    network: Network, material: Material, chosen: tuple[NDArray[np.int64], NDArray[np.int64]], factor: str
) -> Tensor:
    bases, donors = chosen
    base, donor = np.tile(bases, len(donors)), np.repeat(donors, len(bases))
    coded = material.methods["iin"]

    def delta(part: slice) -> Tensor:
        return swap_delta(coded, material.z, (base[part], donor[part]), factor)

    return torch.cat(list(network.outputs(material.rows[base], delta)))
