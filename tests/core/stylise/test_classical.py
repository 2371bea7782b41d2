"""Images redrawn with a sketch's patches."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from iin_core.examples.coloured_digits import coloured_digits
from iin_core.examples.strokes import drawn_stroke, stroke_thickness
from iin_core.stylise import ClassicalSettings, restyle
from iin_core.stylise.drawn import drawn_on
from iin_core.stylise.tone import tone


@pytest.fixture(scope="module")
def digits():
    return tone(torch.from_numpy(coloured_digits(colours=2)[0][:60:2]))


def restyled(images, sketch, seed=0):
    return restyle(images, torch.as_tensor(sketch)[None], ClassicalSettings(), seed=seed)


def test_strokes_become_as_thick_as_the_sketch_s(digits):
    """Thin and thick sketches make every image thinner and thicker than the other does, as they are."""
    thin, thick = (restyled(digits, drawn_stroke(width, soft=4.0)) for width in (3.5, 8.0))
    of_thin, of_thick = stroke_thickness(thin.numpy()), stroke_thickness(thick.numpy())
    assert (of_thin < of_thick).all()
    assert of_thin.std() < stroke_thickness(digits.numpy()).std()


def test_what_is_shown_stays(digits):
    """Seen from afar a version is more like its image than like any other."""
    far = functional.avg_pool2d(restyled(digits, drawn_stroke(6.0)), 4).flatten(1)
    near = functional.avg_pool2d(digits, 4).flatten(1)
    far, near = (x - x.mean(1, keepdim=True) for x in (far, near))
    alike = functional.normalize(far) @ functional.normalize(near).T
    assert (alike.argmax(1) == torch.arange(len(digits))).float().mean() > 0.9


def test_nothing_is_made_for_thickness_alone(digits):
    """Two sketches that differ in softness make versions that differ in softness."""
    hard, soft = (restyled(digits, drawn_stroke(6.0, soft=soft)) for soft in (1.0, 6.0))

    def steepest(images):
        return images.diff(dim=3).abs().flatten(1).quantile(0.98, dim=1)

    assert (steepest(hard) > 1.3 * steepest(soft)).all()


def test_an_image_in_the_sketch_s_own_manner_hardly_changes():
    """What has these patches already keeps them."""
    own = torch.as_tensor(drawn_stroke(6.0))
    assert (restyled(own[None, None], own) - own).abs().mean() < 0.02


def test_the_same_seed_gives_the_same_whatever_lies_beside(digits):
    """An image does not depend on the others of its batch; another seed moves it a little."""
    sketch = drawn_stroke(5.0)
    whole = restyled(digits[:6], sketch)
    torch.testing.assert_close(restyled(digits[2:4], sketch), whole[2:4], atol=1e-4, rtol=0)
    assert 0 < (restyled(digits[:6], sketch, seed=1) - whole).abs().mean() < 0.1


def test_an_empty_image_stays_empty():
    """Where nothing is drawn nothing is redrawn."""
    assert restyled(torch.zeros(2, 1, 32, 32), drawn_stroke(5.0)).abs().max() == 0


def test_background_is_told_from_drawing():
    """Far from the stroke nothing counts, at it all does; on a ground of another brightness too."""
    stroke = torch.as_tensor(drawn_stroke(4.0))[None, None]
    for image in (stroke, 0.2 + 0.6 * stroke, 1 - stroke):
        drawn = drawn_on(image, 5)
        assert not drawn[0, 0, :3, :3].any()
        assert drawn[stroke > 0.5].all()
