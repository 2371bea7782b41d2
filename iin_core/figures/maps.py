"""Maps: rows in two dimensions coloured by a concept, with walks on them or factor against factor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iin_core.concept_values import class_index
from iin_core.errors import InputError
from iin_core.figures.canvas import (
    INK,
    QUIET,
    SERIES,
    Destination,
    drawing,
    head,
    name_text,
    new_figure,
    save,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANEL_INCHES = 2.5
_APART = np.array([0.09, 0.05])
"""Of a map's width and height, between two names."""
_MOST_NAMED = 12
"""So many classes have their names on the map; more would hide it."""


def walk_map(
    path: Destination,
    points: ArrayLike,
    concepts: Mapping[str, ArrayLike],
    walks: Mapping[str, ArrayLike],
    *,
    title: str,
) -> None:
    """Draw walks over a map of rows: a column a factor that walks, a line of panels a concept.

    A class's name stands at the median of its rows; the ring is where a walk begins.

    Args:
        path: ends in .png or .svg.
        points: (n, 2) coordinates of rows.
        concepts: name → (n,) values of those rows; floats are numbers, all else is a label.
        walks: factor → (steps + 1, m, 2), m walks.
        title: drawn above.

    Raises:
        InputError: nothing to draw, or shapes that do not belong together.
    """
    places = _checked(points, concepts, walks, "a map of walks")
    with drawing():
        figure = new_figure(_PANEL_INCHES * len(walks) + 0.5, _PANEL_INCHES * len(concepts) + 0.5)
        grid = figure.subplots(len(concepts), len(walks), squeeze=False)
        for line, (concept, values) in zip(grid, concepts.items(), strict=True):
            for axes, (factor, walk) in zip(line, walks.items(), strict=True):
                _scatter(axes, places, np.asarray(values))
                _walks(axes, np.asarray(walk, dtype=float))
                axes.set_title(f"walk in {name_text(factor, 18)}", fontsize=8.5)
                axes.set(xticks=[], yticks=[])
            line[0].set_ylabel(_shades(concept, np.asarray(values)), fontsize=8.5)
        head(figure, title)
        save(figure, path)


def factor_map(
    path: Destination,
    coordinates: Mapping[str, ArrayLike],
    concepts: Mapping[str, ArrayLike],
    *,
    title: str,
) -> None:
    """Draw one coordinate of each factor against that of each other: a column a pair, a line a concept.

    Args:
        path: ends in .png or .svg.
        coordinates: factor → (n,) its coordinate, two factors or more.
        concepts: name → (n,) values; floats are numbers, all else is a label.
        title: drawn above.

    Raises:
        InputError: fewer than two factors, no concept, or shapes that do not belong together.

    Source: Esser et al., CVPR 2020, figure 6.
    """
    names = list(coordinates)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    if not pairs:
        raise InputError(
            "One factor alone has no other that it could be drawn against.",
            where=f"factors {names}",
            fix="give two factors or more",
        )
    shapes = {name: np.shape(values) for name, values in coordinates.items()}
    if len(set(shapes.values())) > 1:
        raise InputError(
            "The factors of a map have coordinates of different shapes.",
            where=f"coordinates {shapes}",
            fix="give one coordinate (n,) of each factor, of the same rows",
        )
    places = {(a, b): np.stack([coordinates[a], coordinates[b]], 1).astype(float) for a, b in pairs}
    both = {f"{a}, {b}": points[None] for (a, b), points in places.items()}
    _checked(places[pairs[0]], concepts, both, "a map of factors")
    with drawing():
        figure = new_figure(_PANEL_INCHES * len(pairs) + 0.5, _PANEL_INCHES * len(concepts) + 0.5)
        grid = figure.subplots(len(concepts), len(pairs), squeeze=False)
        for line, (concept, values) in zip(grid, concepts.items(), strict=True):
            for axes, (a, b) in zip(line, pairs, strict=True):
                _scatter(axes, places[a, b], np.asarray(values))
                axes.set_xlabel(name_text(a, 18), fontsize=8.5)
                axes.set_ylabel(name_text(b, 18), fontsize=8.5)
                axes.set_title(_shades(concept, np.asarray(values)), fontsize=8.5)
                axes.set(xticks=[], yticks=[])
        head(figure, title)
        save(figure, path)


def _scatter(axes: Axes, places: NDArray[np.float64], values: NDArray[np.generic]) -> None:
    import matplotlib as mpl

    if values.dtype.kind == "f":
        shades = mpl.colormaps["viridis"]
        x, y = places.T
        numbers = values.astype(np.float64)
        found = axes.scatter(x, y, c=numbers, cmap=shades, s=5, alpha=0.7, lw=0, rasterized=True)
        found.set_clim(*_ends(numbers))
        return
    names, codes = class_index(values)
    middles = []
    for code, name in enumerate(names):
        mine = places[codes == code]
        shade = SERIES[code] if len(names) <= len(SERIES) else mpl.colormaps["turbo"](code / (len(names) - 1))
        axes.scatter(mine[:, 0], mine[:, 1], color=shade, s=5, alpha=0.55, lw=0, rasterized=True)
        if len(mine):
            middles.append((name_text(name, 10), np.median(mine, 0)))
    _names(axes, middles, np.ptp(places, axis=0))


def _shades(concept: str, values: NDArray[np.generic]) -> str:
    """What the shades are; of numbers on a second line also from where to where."""
    text = f"shades: {name_text(concept, 18)}"
    if values.dtype.kind != "f":
        return text
    if np.isnan(values).all():
        return f"{text}\nnone has a value"
    low, high = _ends(values.astype(np.float64))
    return f"{text}\n{low:.3g} dark to {high:.3g} light"


def _ends(numbers: NDArray[np.float64]) -> tuple[float, float]:
    """Where the shades of numbers begin and end: without the outermost, which would take them all."""
    if not np.isfinite(numbers).any():
        return 0.0, 1.0
    low, high = np.quantile(numbers[np.isfinite(numbers)], [0.02, 0.98])
    return float(low), float(high)


def _names(axes: Axes, middles: list[tuple[str, NDArray[np.float64]]], size: NDArray[np.float64]) -> None:
    """The names of classes where they stand apart; none where most would lie upon one another."""
    shown: list[tuple[str, NDArray[np.float64]]] = []
    for name, middle in middles:
        if not any((np.abs(middle - other) < _APART * size).all() for _, other in shown):
            shown.append((name, middle))
    if len(middles) > _MOST_NAMED or 2 * len(shown) <= len(middles):
        return
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
    for name, (x, y) in shown:
        axes.text(x, y, name, fontsize=7, ha="center", va="center", color=INK, bbox=box)


def _walks(axes: Axes, walks: NDArray[np.float64]) -> None:
    for k in range(walks.shape[1]):
        x, y = walks[:, k].T
        axes.plot(x, y, color="white", lw=2.4, alpha=0.8)
        axes.plot(x, y, color=INK if k == 0 else QUIET, lw=1.1, marker=".", ms=3)
        axes.plot(x[:1], y[:1], marker="o", ms=8, mfc="none", mec=INK, mew=1.6)


def _checked(
    points: ArrayLike, concepts: Mapping[str, ArrayLike], walks: Mapping[str, ArrayLike], what: str
) -> NDArray[np.float64]:
    places = np.asarray(points, dtype=float)
    shapes = {name: np.shape(values) for name, values in {**concepts, **walks}.items()}
    fits = places.ndim == 2 and places.shape[1] == 2 and concepts and walks
    fits = fits and all(np.shape(values) == (len(places),) for values in concepts.values())
    fits = fits and all(np.ndim(walk) == 3 and np.shape(walk)[2] == 2 for walk in walks.values())
    if not fits:
        raise InputError(
            f"What {what} is to show does not belong together.",
            where=f"points {places.shape}, {shapes}",
            fix="give points (n, 2), one concept or more (n,), and walks (steps + 1, m, 2)",
        )
    return places
