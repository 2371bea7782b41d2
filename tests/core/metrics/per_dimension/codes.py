"""Codes of known make for the tests of per-dimension metrics."""

import numpy as np

SIZES = (4, 6, 3)
N_TRAIN = 400


def factors(n: int, seed: int, sizes: tuple[int, ...] = SIZES) -> np.ndarray:
    """(n, k) independent classes."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=n) for size in sizes], axis=1)


def mixed(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A code (n, 6) of which some dimensions follow one factor, one several, one none."""
    table = factors(n, seed)
    noise = np.random.default_rng(seed + 1).normal(size=(n, 6))
    both = table[:, 0] + 0.7 * table[:, 1]
    code = np.stack([table[:, 0], table[:, 1], table[:, 2], both, -table[:, 1], 0 * both], axis=1)
    return code + 0.4 * noise, table


def split(code: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, ...]:
    """code, factors, test code, test factors."""
    return code[:N_TRAIN], table[:N_TRAIN], code[N_TRAIN:], table[N_TRAIN:]
