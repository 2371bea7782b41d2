"""A convolutional autoencoder of small images, whose code is 64 numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from iin_core.examples.optimisation import FitSettings, minimise, read_settings, seeded
from iin_core.examples.training_rows import Images, training_rows


@dataclass(frozen=True)
class AutoencoderSettings(FitSettings):
    """How the autoencoder is fitted; see `FitSettings` for what every fit has.

    Args:
        noise: on z, in units of each dimension's standard deviation: neighbours of a code decode
            into neighbours of its image.
        edges: weight of the L1 error of differences between neighbouring pixels: sharp strokes.
    """

    updates: int = 2000
    batch: int = 64
    learning_rate: float = 6e-3
    weight_decay: float = 1e-3
    noise: float = 0.1
    edges: float = 1.0


def fit_digit_autoencoder(
    model: DigitAutoencoder, data: Images, rows: pd.DataFrame, *, settings: Mapping[str, Any], seed: int
) -> dict[str, list[float]]:
    """Fit the autoencoder to the images alone; no label is read.

    Args:
        model: fitted in place, from weights drawn anew from `seed`.
        data: the images.
        rows: columns source, split.
        settings: fields of `AutoencoderSettings`.
        seed: of weights and batches; the same seed and thread count give the same bits.

    Returns:
        curves by name.

    Raises:
        InputError: unknown settings, or rows that this network cannot be fitted on.
    """
    chosen = read_settings(AutoencoderSettings(), settings)
    train = training_rows(data, rows, {})
    with seeded(model, seed):
        batches = train.batches(chosen.batch)

        def losses(_: float) -> dict[str, Tensor]:
            images = train.images[next(batches)]
            z = model.bottleneck(model.encoder(images))
            z = z + chosen.noise * z.detach().std(0, correction=0) * torch.randn(z.shape)
            logits = model.decoder(z)
            return {
                # Bounded slopes, unlike a squared error behind a sigmoid, which can get stuck at black.
                "cross_entropy": functional.binary_cross_entropy_with_logits(logits, images),
                "edges": chosen.edges * _edge_error(logits.sigmoid() - images),
            }

        return minimise(model, losses, chosen)


def _edge_error(error: Tensor) -> Tensor:
    """Mean absolute difference between neighbouring pixels of the error, both ways."""
    return error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()


class DigitAutoencoder(nn.Module):
    """Images (n, 3, 32, 32) in [0, 1] → their reconstructions.

    The output of `bottleneck` is the code z (n, 64); `decoder` turns z into logits of pixels.
    """

    fit = staticmethod(fit_digit_autoencoder)

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(_half(3, 16), _half(16, 32), _half(32, 32), nn.Flatten())
        self.bottleneck = nn.Linear(32 * 4 * 4, 64)
        self.decoder = nn.Sequential(
            nn.Linear(64, 32 * 8 * 8),
            nn.SiLU(),
            nn.Unflatten(1, (32, 8, 8)),
            nn.Conv2d(32, 32, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(32, 3 * 4 * 4, 3, padding=1),
            nn.PixelShuffle(4),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Reconstructions (n, 3, 32, 32) in [0, 1]."""
        logits: Tensor = self.decoder(self.bottleneck(self.encoder(images)))
        return logits.sigmoid()


def _half(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.SiLU())
