"""What is drawing and what is colour."""

from __future__ import annotations

import numpy as np
import torch

from iin_core.examples.strokes import drawn_stroke
from iin_core.stylise import drawings
from iin_core.stylise.tone import to_levels

HUES = torch.tensor([[1.0, 0.1, 0.1], [0.1, 1.0, 0.1], [0.6, 0.06, 0.06]])
IMAGES = HUES[:, :, None, None] * torch.tensor(drawn_stroke(4.0))


def test_images_of_one_drawing_are_redrawn_once():
    """Hue and brightness are no part of a drawing."""
    found = drawings(IMAGES)
    assert len(found.distinct) == 1
    assert found.which.tolist() == [0, 0, 0]


def test_a_drawing_that_is_left_as_it_is_gives_the_images_back():
    """Within the steps of a byte."""
    found = drawings(IMAGES)
    assert (found.coloured(found.distinct, np.arange(3)) - IMAGES).abs().max() < 0.01


def test_a_redrawn_image_keeps_hue_and_brightness():
    """Ink where there was none takes the colour of its surroundings."""
    thick = to_levels(torch.tensor(drawn_stroke(9.0))[None, None])
    redrawn = drawings(IMAGES).coloured(thick, np.arange(3))
    assert torch.allclose(redrawn.amax((2, 3)), IMAGES.amax((2, 3)), atol=0.02)
    inked = redrawn[:, :, thick[0, 0] > 200]
    assert (
        inked.mean(2) / inked.mean(2).amax(1, keepdim=True) - HUES / HUES.amax(1, keepdim=True)
    ).abs().max() < 0.05


def test_a_black_image_stays_black():
    """There is nothing to be drawn, and nothing to divide by."""
    found = drawings(torch.zeros(1, 3, 8, 8))
    assert found.coloured(np.full((1, 1, 8, 8), 255, np.uint8), np.arange(1)).max() == 0
