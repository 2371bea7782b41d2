"""A drawn stroke, and the measure of its thickness."""

from __future__ import annotations

import numpy as np
import pytest

from iin_core.examples.strokes import drawn_stroke, stroke_thickness


@pytest.mark.parametrize("width", [3.0, 4.0, 6.0])
def test_the_measure_finds_the_width_that_was_drawn(width):
    """Within half a pixel."""
    assert stroke_thickness(drawn_stroke(width)[None, None]) == pytest.approx([width], abs=0.5)


def test_brightness_and_hue_are_no_thickness():
    """The brightest channel counts, against its own greatest value."""
    stroke = drawn_stroke(4.0)
    tints = np.stack([stroke[None] * np.array(tint)[:, None, None] for tint in ((1, 0.1, 0.1), (0, 0, 0.4))])
    first, second = stroke_thickness(tints)
    assert first == pytest.approx(second)


def test_an_image_without_ink_has_no_thickness():
    """NaN, not 0."""
    assert np.isnan(stroke_thickness(np.zeros((1, 1, 8, 8)))).all()
