"""Sketches: read as they are drawn, and refused where they cannot serve."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from iin_core.errors import InputError
from iin_core.stylise import check_images, check_sketches, read_sketch

IMAGES = torch.rand(3, 3, 8, 10, generator=torch.Generator().manual_seed(0))


def sketch(seed=0, channels=3, height=8, width=10):
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("P", 3), ("1", 1), ("RGBA", 3)])
def test_files_of_every_kind_are_read(tmp_path, mode, channels):
    """Grey stays one channel; palettes and transparency become RGB."""
    pixels = np.arange(8 * 10 * 3).reshape(8, 10, 3).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save(tmp_path / "a.png")
    assert read_sketch(tmp_path / "a.png").shape == (channels, 8, 10)


def test_what_is_transparent_is_white(tmp_path):
    """As on paper."""
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert read_sketch(tmp_path / "a.png").min() == 1


def test_files_that_are_no_sketch_are_refused(tmp_path):
    """A file that is not there, and one that is no image."""
    with pytest.raises(InputError, match=r"There is no sketch 'thin\.png'"):
        read_sketch(tmp_path / "thin.png")
    (tmp_path / "text.png").write_text("thin")
    with pytest.raises(InputError, match=r"The sketch 'text\.png' is no image that can be read"):
        read_sketch(tmp_path / "text.png")


@pytest.mark.parametrize(
    ("sketches", "what", "fix"),
    [
        ({"a": sketch()}, "1 sketch shows no difference", "give two that differ"),
        (
            {"a": sketch(), "b": sketch(1, height=10)},
            "The sketch 'b' has 10x10 pixels, the images have 10x8",
            "draw it on 10x8 pixels",
        ),
        (
            {"a": sketch(channels=1), "b": sketch(1)},
            "The sketch 'a' is greyscale, the images are RGB",
            "PNG of the mode RGB",
        ),
        (
            {"a": sketch(), "b": torch.full((3, 8, 10), 0.7)},
            "The sketch 'b' is blank: its values go from 0.7 to 0.7",
            "draw something on it",
        ),
        (
            {"a": sketch(), "b": sketch()},
            "The sketches 'a' and 'b' are the same image",
            "draw the second one",
        ),
    ],
)
def test_sketches_that_cannot_serve_are_refused(sketches, what, fix):
    """Another size, another number of channels, a blank one, one alone, one twice: each with its remedy."""
    with pytest.raises(InputError) as caught:
        check_sketches(sketches, IMAGES)
    assert what in caught.value.what
    assert fix in caught.value.fix
    assert caught.value.where


@pytest.mark.parametrize(
    ("images", "what"),
    [
        (torch.rand(4, 6), "have the shape (6,), and are no images"),
        (torch.rand(4, 2, 8, 8), "and are no images"),
        (torch.full((4, 1, 8, 8), -0.5), "have values from -0.5 to -0.5; they are redrawn in [0, 1]"),
    ],
)
def test_examples_that_are_no_images_are_refused(images, what):
    """Rows of features, two channels, and normalised values."""
    with pytest.raises(InputError) as caught:
        check_images(images)
    assert what in caught.value.what


def test_sketches_that_can_serve_pass():
    """Two different ones of the images' size and channels."""
    check_images(IMAGES)
    check_sketches({"a": sketch(), "b": sketch(1)}, IMAGES)
