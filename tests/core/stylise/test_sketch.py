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


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("LA", 1), ("RGB", 3), ("P", 3), ("1", 1), ("RGBA", 3)]
)
def test_files_of_every_kind_are_read(tmp_path, mode, channels):
    """Grey stays one channel; palettes and transparency become RGB."""
    pixels = np.arange(8 * 10 * 3).reshape(8, 10, 3).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save(tmp_path / "a.png")
    assert read_sketch(tmp_path / "a.png").shape == (channels, 8, 10)


def test_what_is_transparent_is_white(tmp_path):
    """As on paper."""
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert read_sketch(tmp_path / "a.png").min() == 1


def test_sixteen_bits_are_read_whole(tmp_path):
    """The same values as of eight bits, not clipped at the darkest 256th of them."""
    grey = np.linspace(0, 255, 80).round().reshape(8, 10)
    Image.fromarray(grey.astype(np.uint8)).save(tmp_path / "eight.png")
    Image.fromarray((grey * 257).astype(np.uint16)).save(tmp_path / "sixteen.png")
    eight, sixteen = (read_sketch(tmp_path / f"{name}.png") for name in ("eight", "sixteen"))
    torch.testing.assert_close(eight, sixteen)
    assert eight.unique().numel() > 70


def test_a_palette_gives_its_colours(tmp_path):
    """Not the numbers of the palette's entries; what is transparent in it is white."""
    drawn = Image.new("RGB", (10, 8), (250, 10, 10))
    drawn.paste((0, 0, 0), (0, 0, 5, 8))
    drawn.quantize(4).save(tmp_path / "a.png")
    assert read_sketch(tmp_path / "a.png")[0].unique().tolist() == pytest.approx([0, 250 / 255])
    made = drawn.quantize(4)
    made.save(tmp_path / "b.png", transparency=made.getpixel((9, 0)))
    assert (read_sketch(tmp_path / "b.png")[:, :, 5:] == 1).all()


def test_what_a_camera_stored_turned_is_turned_back(tmp_path):
    """EXIF says which side is up."""
    pixels = np.zeros((8, 10), np.uint8)
    pixels[0] = 255
    turned = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "a.png", exif=exif)
    assert read_sketch(tmp_path / "a.png").shape == (1, 8, 10)
    assert (read_sketch(tmp_path / "a.png")[0, 0] == 1).all()


def test_pixels_without_a_range_are_refused(tmp_path):
    """Floating-point pixels could be anything."""
    Image.fromarray(np.ones((8, 10), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(InputError, match=r"have no known range \(mode 'F'\)") as error:
        read_sketch(tmp_path / "a.tiff")
    assert error.value.fix == "save it as PNG with 8 or 16 bits a channel"


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
