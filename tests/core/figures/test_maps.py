"""Maps of rows, with walks on them or factor against factor, and curves along lines."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iin_core.errors import InputError
from iin_core.figures import factor_map, line_curves, walk_map

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(60, 2))
CONCEPTS = {"digit": RNG.integers(10, size=60), "size$": RNG.random(60)}
WALKS = {"digit": RNG.normal(size=(9, 2, 2)), "residual": RNG.normal(size=(9, 2, 2))}
CURVES = pd.DataFrame(
    [(s, q, t, 1.0, np.nan, 2.0) for s in ("code", "activation") for q in ("a", "b") for t in (0, 0.5, 1)],
    columns=["space", "quantity", "share", "value", "low", "high"],
)


def test_each_factor_that_walks_has_a_panel_for_each_concept(tmp_path: Path) -> None:
    """Class names stand on the map, concepts at the side, factors above; equal input gives equal bytes."""
    for name in ("a.svg", "b.svg"):
        walk_map(tmp_path / name, POINTS, CONCEPTS, WALKS, title="t")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text.count(">walk in digit<") == text.count(">walk in residual<") == 2
    assert text.count(">shades: size$<") == 1
    assert text == (tmp_path / "b.svg").read_text(encoding="utf-8")


def test_shades_of_numbers_have_a_scale(tmp_path: Path) -> None:
    """From where to where they go is said; numbers that are not known leave the map as it is."""
    size = {"size": np.r_[np.linspace(0, 1, 59), np.nan], "none": np.full(60, np.nan)}
    coordinates = {"a": POINTS[:, 0], "b": POINTS[:, 1]}
    factor_map(tmp_path / "a.svg", coordinates, size, title="t")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text.count(">shades: size<") == text.count(">0.02 dark to 0.98 light<") == 1
    assert ">none has a value<" in text


def test_names_stand_where_their_classes_are_apart(tmp_path: Path) -> None:
    """Ten clusters are named; ten classes all over the map are not, since names would hide each other."""
    apart = np.repeat(np.stack([np.arange(10), np.arange(10) % 3], 1), 6, 0) + 0.01 * POINTS
    for name, points in (("apart", apart), ("mixed", POINTS)):
        classes = {
            "digit": np.repeat([f"class{i}" for i in range(10)], 6) if name == "apart" else CONCEPTS["digit"]
        }
        walk_map(tmp_path / f"{name}.svg", points, classes, {"digit": WALKS["digit"]}, title="t")
    assert all(f">class{i}<" in (tmp_path / "apart.svg").read_text(encoding="utf-8") for i in range(10))


def test_factors_are_drawn_pair_by_pair(tmp_path: Path) -> None:
    """Three factors make three pairs, each under every concept; a missing label has no colour."""
    coordinates = {name: RNG.normal(size=60) for name in ("digit", "colour", "residual")}
    labels = np.array(["red", "blue", None] * 20, dtype=object)
    coordinates["colour"] = np.array([0.0, 9.0, 5.0] * 20)
    factor_map(tmp_path / "a.svg", coordinates, {"colour": labels}, title="t")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text.count(">shades: colour<") == 3
    assert ">red<" in text
    assert ">None<" not in text


def test_curves_along_lines_name_both_spaces(tmp_path: Path) -> None:
    """A panel a quantity, a colour a space; where there is no interval the band is the line."""
    line_curves(tmp_path / "a.svg", CURVES, title="t")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text.count(">straight in z̃<") == text.count(">straight in z<") == 1
    assert ">a<" in text
    assert ">b<" in text


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    """Shapes that do not fit are told, one factor has no other, and empty tables no curves."""
    with pytest.raises(InputError, match="does not belong together") as caught:
        walk_map(tmp_path / "a.svg", POINTS[:50], CONCEPTS, WALKS, title="t")
    assert "points (50, 2)" in caught.value.where
    with pytest.raises(InputError, match="One factor alone"):
        factor_map(tmp_path / "a.svg", {"digit": POINTS[:, 0]}, CONCEPTS, title="t")
    with pytest.raises(InputError, match="coordinates of different shapes"):
        factor_map(tmp_path / "a.svg", {"a": POINTS[:, 0], "b": POINTS[:9, 1]}, CONCEPTS, title="t")
    with pytest.raises(InputError, match="at least one row"):
        line_curves(tmp_path / "a.svg", CURVES[:0], title="t")
