"""A variational autoencoder of the size of `DigitAutoencoder`: a generator without any IIN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from iin_core.examples.digit_autoencoder import DigitAutoencoder
from iin_core.examples.optimisation import FitSettings, minimise, read_settings, seeded
from iin_core.examples.training_rows import Images, training_rows


@dataclass(frozen=True)
class VaeSettings(FitSettings):
    """How the variational autoencoder is fitted; see `FitSettings` for what every fit has.

    Args:
        beta: weight of the posterior's divergence from N(0, I); 1 is the evidence lower bound of
            images whose every value is a pixel, 3 that of grey images shown in three channels.
    """

    updates: int = 2000
    batch: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    beta: float = 1.0


def fit_digit_vae(
    model: DigitVae, data: Images, rows: pd.DataFrame, *, settings: Mapping[str, Any], seed: int
) -> dict[str, list[float]]:
    """Maximise the evidence lower bound of the images; no label is read.

    Args:
        model: fitted in place, from weights drawn anew from `seed`.
        data: the images.
        rows: columns source, split.
        settings: fields of `VaeSettings`.
        seed: of weights, batches and posteriors; the same seed and thread count give the same bits.

    Returns:
        curves by name, in nats a pixel value.

    Raises:
        InputError: unknown settings, or rows that this network cannot be fitted on.

    Source: Kingma and Welling, "Auto-encoding variational Bayes" (2014).
    """
    chosen = read_settings(VaeSettings(), settings)
    train = training_rows(data, rows, {})
    with seeded(model, seed):
        batches = train.batches(chosen.batch)

        def losses(_: float) -> dict[str, Tensor]:
            images = train.images[next(batches)]
            mean, log_variance = model.posterior(images)
            z = mean + (0.5 * log_variance).exp() * torch.randn(mean.shape)
            divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
            return {
                "cross_entropy": functional.binary_cross_entropy_with_logits(model.decoder(z), images),
                "divergence": chosen.beta * divergence / images[0].numel(),
            }

        return minimise(model, losses, chosen)


class DigitVae(nn.Module):
    """Images (n, 3, 32, 32) in [0, 1] → their reconstructions from the posterior's mean, (n, 64).

    Encoder and decoder are those of `DigitAutoencoder`; a second linear layer gives the posterior's spread.
    """

    fit = staticmethod(fit_digit_vae)

    def __init__(self) -> None:
        super().__init__()
        twin = DigitAutoencoder()
        self.encoder, self.bottleneck, self.decoder = twin.encoder, twin.bottleneck, twin.decoder
        self.log_variance = nn.Linear(self.bottleneck.in_features, self.bottleneck.out_features)

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of z, (n, 64) each."""
        seen = self.encoder(images)
        return self.bottleneck(seen), self.log_variance(seen)

    def forward(self, images: Tensor) -> Tensor:
        """Reconstructions (n, 3, 32, 32) in [0, 1]."""
        logits: Tensor = self.decoder(self.posterior(images)[0])
        return logits.sigmoid()

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n images (n, 3, 32, 32) in [0, 1] from z ~ N(0, I)."""
        z = torch.randn(n, self.bottleneck.out_features, generator=generator)
        logits: Tensor = self.decoder(z)
        return logits.sigmoid()
