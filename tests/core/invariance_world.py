"""A code z̄ and a layer z of which is known what the layer discards, and how much of it can be read.

Two concepts lie in z̄ as clusters, beside a nuisance; z is a smooth function of the first one's part alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SEEN, UNSEEN = 4, 3
_SEPARATION = 2.0


@dataclass(frozen=True)
class World:
    """Rows with their truth.

    Args:
        z_bar: (n, 6); z: (n, 10).
        seen: (n,) of 4 classes, which z tells; unseen: (n,) of 3, of which z is independent.
        known: the share of rows whose `unseen` the best reader of z̄ tells.
    """

    z_bar: np.ndarray
    z: np.ndarray
    seen: np.ndarray
    unseen: np.ndarray
    known: float


def world(n: int, seed: int) -> World:
    """Draw so many rows; the maps are the same for every seed."""
    rng, maps = np.random.default_rng(seed), np.random.default_rng(99)
    seen, unseen = rng.integers(SEEN, size=n), rng.integers(UNSEEN, size=n)
    centres = _SEPARATION * _circle(UNSEEN)
    first = 3 * _circle(SEEN)[seen] + rng.normal(size=(n, 2))
    second = centres[unseen] + rng.normal(size=(n, 2))
    turn = np.linalg.qr(maps.normal(size=(6, 6)))[0]
    mixed = np.concatenate([first, second, rng.normal(size=(n, 2))], 1) @ turn
    # Strictly increasing in every coordinate: nothing is lost.
    z_bar = mixed + 0.3 * np.tanh(mixed)
    z = np.tanh(first @ maps.normal(size=(2, 10)) / 3)
    best = ((second[:, None] - centres) ** 2).sum(-1).argmin(1)
    return World(z_bar.astype(np.float32), z.astype(np.float32), seen, unseen, float((best == unseen).mean()))


def _circle(n: int) -> np.ndarray:
    angle = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], 1)
