"""The demo's data."""

import itertools

import numpy as np
import pytest

from iin_core.errors import InputError
from iin_core.examples import coloured_digits
from iin_core.examples.coloured_digits import DARKEST, PALETTE


@pytest.fixture(scope="module")
def made():
    return coloured_digits()


def test_the_data_is_the_same_each_time(made):
    """Two calls give the same bits."""
    images, table = coloured_digits()
    np.testing.assert_array_equal(images, made[0])
    assert table.equals(made[1])


def test_another_seed_changes_brightness_alone(made):
    """Sources, digits and colours do not depend on the seed."""
    _, table = coloured_digits(seed=1)
    same = ["source", "digit", "colour"]
    assert table[same].equals(made[1][same])
    assert not np.allclose(table["brightness"], made[1]["brightness"])


def test_images_are_in_the_range_that_networks_expect(made):
    """float32 of shape (n, 3, 32, 32) in [0, 1], a row of the table for each."""
    images, table = made
    assert images.dtype == np.float32
    assert images.shape == (1797 * len(PALETTE), 3, 32, 32)
    assert len(table) == len(images)
    assert images.min() >= 0
    assert 0.9 < images.max() <= 1


def test_every_source_is_seen_once_in_every_colour(made):
    """Rows lie together by source, which has one digit."""
    _, table = made
    assert table["source"].is_monotonic_increasing
    by_source = table.groupby("source")
    assert (by_source["colour"].nunique() == len(PALETTE)).all()
    assert (by_source.size() == len(PALETTE)).all()
    assert (by_source["digit"].nunique() == 1).all()
    assert set(table["digit"]) == set(range(10))


def test_a_row_is_its_source_in_its_colour_at_its_brightness(made):
    """All rows of a source have one stroke; the mean of each channel is colour times brightness."""
    images, table = made
    tints = np.array([PALETTE[name] for name in table["colour"]]) * table["brightness"].to_numpy()[:, None]
    ink = images.mean((2, 3)) / tints
    stroke = ink[:: len(PALETTE), :1].repeat(len(PALETTE), 0)
    np.testing.assert_allclose(ink, np.broadcast_to(stroke, ink.shape), rtol=1e-4)


def test_brightness_depends_on_neither_digit_nor_colour(made):
    """Its mean in each group is that of all rows, within the error of the mean."""
    _, table = made
    assert table["brightness"].between(DARKEST, 1).all()
    for concept in ("digit", "colour"):
        groups = table.groupby(concept)["brightness"].agg(["mean", "std", "size"])
        error = groups["std"] / np.sqrt(groups["size"])
        assert ((groups["mean"] - table["brightness"].mean()).abs() < 4 * error).all()


def test_colours_are_far_apart_at_any_brightness():
    """The hues of two colours differ by far more than rounding."""
    for first, second in itertools.combinations(PALETTE.values(), 2):
        a, b = np.array(first) / np.linalg.norm(first), np.array(second) / np.linalg.norm(second)
        assert np.degrees(np.arccos(a @ b)) > 30


@pytest.mark.parametrize("colours", [1, 7])
def test_a_number_of_colours_that_cannot_be_shown_is_refused(colours):
    """The message says how many there are."""
    with pytest.raises(InputError, match=r"cannot show \d colours(.|\n)*a number from 2 to 6"):
        coloured_digits(colours=colours)


def test_fewer_colours_are_the_first_of_the_palette():
    """Two colours give two rows a source."""
    images, table = coloured_digits(colours=2)
    assert len(images) == 2 * 1797
    assert list(table["colour"].unique()) == list(PALETTE)[:2]
