"""Random movements of images."""

import torch

from iin_core.examples.presentations import SHIFT, moved, random_movements


def _plain(n):
    return torch.eye(2, 3).repeat(n, 1, 1)


def test_no_movement_leaves_images_as_they_are():
    """The identity map gives the same images up to rounding."""
    images = torch.rand(3, 3, 8, 8)
    torch.testing.assert_close(moved(images, _plain(3)), images, atol=1e-5, rtol=0)


def test_a_shift_moves_the_image():
    """Shifting by one pixel of eight is the image one column on."""
    images = torch.rand(2, 3, 8, 8)
    shift = _plain(2)
    shift[:, 0, 2] = 2 / 8
    torch.testing.assert_close(moved(images, shift)[..., :-1], images[..., 1:], atol=1e-5, rtol=0)


def test_movements_are_small_and_differ():
    """Each is near the identity, and no two are the same."""
    movements = random_movements(200)
    assert movements.shape == (200, 2, 3)
    assert (movements[:, :, 2].abs() <= SHIFT).all()
    assert (movements - _plain(200)).abs().max() < 0.4
    assert len(movements.unique(dim=0)) == 200
