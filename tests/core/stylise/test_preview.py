"""The picture of sketches and versions."""

from __future__ import annotations

import pytest
import torch

from iin_core.errors import InputError
from iin_core.stylise.preview import differences, preview_grid

IMAGES = torch.rand(3, 1, 8, 6, generator=torch.Generator().manual_seed(0))
SKETCHES = {"thin": IMAGES[0], "<thick> $x$": IMAGES[1]}
REDRAWN = {name: (IMAGES + i).clamp(0, 1) for i, name in enumerate(SKETCHES)}


def test_a_grid_is_written_with_the_same_bytes_each_time(tmp_path):
    """One row for the images and one for each sketch, whatever they are called."""
    for name in ("a.png", "b.png"):
        preview_grid(tmp_path / name, IMAGES, SKETCHES, REDRAWN, title="versions")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_versions_of_other_images_are_refused(tmp_path):
    """Each version stands under its image."""
    with pytest.raises(InputError, match="The versions of 'thin' are not of these images"):
        preview_grid(tmp_path / "a.png", IMAGES[:2], SKETCHES, REDRAWN, title="versions")


def test_differences_are_shares_of_the_images_own_mean():
    """Each two versions once; a version like its image is at 0."""
    found = differences(IMAGES, REDRAWN)
    assert list(found) == [("original", "thin"), ("original", "<thick> $x$"), ("thin", "<thick> $x$")]
    assert found["original", "thin"] == 0
    assert found["original", "<thick> $x$"] == pytest.approx(
        float((1 - IMAGES).mean() / IMAGES.mean()), rel=1e-5
    )
