"""Few coordinates of many: UMAP where the extra is installed, principal components without it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.errors import InputError

Embedding = Literal["auto", "umap", "pca"]
Coordinates = NDArray[np.float64]
_NEIGHBOURS = 15
_FEWEST_FOR_UMAP = 10


@dataclass(frozen=True)
class Projection:
    """A map to few coordinates, fitted once and applied to any rows.

    Args:
        method: `umap` or `pca`.
        words: what it is, for a caption.
        apply: rows (n, N) → coordinates (n, dims).
    """

    method: str
    words: str
    apply: Callable[[ArrayLike], Coordinates]


def has_umap() -> bool:
    """Whether the extra is installed."""
    return find_spec("umap") is not None


def fit_projection(rows: ArrayLike, dims: int, method: Embedding = "auto", seed: int = 0) -> Projection:
    """Fit a map of rows (n, N) to few coordinates.

    Args:
        rows: (n, N), finite.
        dims: coordinates; for principal components at most N.
        method: `auto` takes UMAP where it is installed and there are ten rows or more.
        seed: of UMAP; with it one thread works, and the same rows give the same coordinates.

    Raises:
        InputError: UMAP was asked for and is not installed, or there are too few rows.
    """
    known = np.asarray(rows, dtype=np.float64)
    if method == "umap" or (method == "auto" and has_umap() and len(known) >= _FEWEST_FOR_UMAP):
        return _umap(known, dims, seed)
    return _pca(known, dims)


def _pca(rows: NDArray[np.float64], dims: int) -> Projection:
    if len(rows) < 2 or rows.shape[1] < dims:
        raise InputError(
            f"{len(rows)} rows of {rows.shape[1]} dimensions have no {dims} principal components.",
            where="embedding: pca",
            fix="give more rows, or a block of more dimensions",
        )
    mean = rows.mean(0)
    _, values, axes = np.linalg.svd(rows - mean, full_matrices=False)
    axes = axes[:dims]
    # A component's sign is arbitrary: its largest entry is made positive, so that it is one thing.
    axes = axes * np.sign(axes[np.arange(dims), np.abs(axes).argmax(1)])[:, None]
    total = float(np.square(values).sum())
    share = float(np.square(values[:dims]).sum() / total) if total > 0 else 0.0
    name = "the first principal component" if dims == 1 else f"the first {dims} principal components"

    def apply(more: ArrayLike) -> Coordinates:
        found: Coordinates = (np.asarray(more, dtype=np.float64) - mean) @ axes.T
        return found

    return Projection("pca", f"{name} ({share:.0%} of the variance)", apply)


def _umap(rows: NDArray[np.float64], dims: int, seed: int) -> Projection:
    if not has_umap():
        raise InputError(
            "UMAP is asked for and not installed.",
            where="embedding: umap",
            fix="pip install 'iin[umap]', or take `embedding: pca`",
        )
    if len(rows) < _FEWEST_FOR_UMAP:
        raise InputError(
            f"{len(rows)} rows are too few for UMAP.",
            where="embedding: umap",
            fix=f"give at least {_FEWEST_FOR_UMAP} rows, or take `embedding: pca`",
        )
    with warnings.catch_warnings():
        # It warns of TensorFlow, which it does without, and of the one thread that a seed asks for.
        warnings.simplefilter("ignore")
        import umap

        neighbours = min(_NEIGHBOURS, len(rows) - 1)
        fitted: Any = umap.UMAP(n_components=dims, n_neighbors=neighbours, random_state=seed, n_jobs=1)
        known = np.asarray(fitted.fit_transform(rows), dtype=np.float64)

    def apply(more: ArrayLike) -> Coordinates:
        asked = np.asarray(more, dtype=np.float64)
        if asked.shape == rows.shape and np.array_equal(asked, rows):
            return known
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(fitted.transform(asked), dtype=np.float64)

    return Projection("umap", f"UMAP to {dims}-D ({neighbours} neighbours, seed {seed})", apply)
