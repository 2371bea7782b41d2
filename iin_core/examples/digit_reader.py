"""An independent network that reads digit and colour from pixels: the judge of decoded images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from iin_core.errors import InputError
from iin_core.examples.digit_classifier import N_DIGITS
from iin_core.examples.optimisation import FitSettings, minimise, read_settings, seeded
from iin_core.examples.presentations import moved, random_movements
from iin_core.examples.training_rows import Images, training_rows


@dataclass(frozen=True)
class ReaderSettings(FitSettings):
    """How the reader is fitted; see `FitSettings` for what every fit has.

    Args:
        label_smoothing: of both cross-entropies.
        dimming: an image's brightness is scaled by a number drawn from 1 ± dimming.
    """

    updates: int = 600
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    dimming: float = 0.15


def fit_digit_reader(
    model: DigitReader, data: Images, rows: pd.DataFrame, *, settings: Mapping[str, Any], seed: int
) -> dict[str, list[float]]:
    """Fit the reader to original images, never to decoded ones.

    Args:
        model: fitted in place, from weights drawn anew from `seed`.
        data: the images.
        rows: columns source, split, digit, colour.
        settings: fields of `ReaderSettings`.
        seed: of weights and batches; the same seed and thread count give the same bits.

    Returns:
        curves by name.

    Raises:
        InputError: unknown settings, or rows that this network cannot be fitted on.
    """
    chosen = read_settings(ReaderSettings(), settings)
    train = training_rows(data, rows, {"digit": N_DIGITS, "colour": model.n_colours})
    with seeded(model, seed):
        batches = train.batches(chosen.batch)

        def losses(_: float) -> dict[str, Tensor]:
            drawn = next(batches)
            images = moved(train.images[drawn], random_movements(len(drawn)))
            light = 1 + chosen.dimming * (2 * torch.rand(len(drawn), 1, 1, 1) - 1)
            return {
                name: functional.cross_entropy(
                    logits, train.classes[name][drawn], label_smoothing=chosen.label_smoothing
                )
                for name, logits in model(images * light).items()
            }

        return minimise(model, losses, chosen)


class DigitReader(nn.Module):
    """Images (n, 3, 32, 32) → logits of digit (n, 10) and colour (n, n_colours).

    Args:
        n_colours: how many colours the data shows.

    Raises:
        InputError: fewer than two colours.
    """

    fit = staticmethod(fit_digit_reader)

    def __init__(self, n_colours: int = 6) -> None:
        super().__init__()
        if n_colours < 2:
            raise InputError(
                f"A reader of {n_colours} colours has nothing to tell apart.",
                where="argument n_colours",
                fix="give the number of colours of the data",
            )
        self.n_colours = n_colours
        self.features = nn.Sequential(_half(3, 16), _half(16, 32), _half(32, 64), nn.Flatten())
        self.fc = nn.Sequential(nn.Dropout(0.3), nn.Linear(64 * 4 * 4, 64), nn.ReLU())
        self.digit = nn.Linear(64, N_DIGITS)
        self.colour = nn.Linear(64, n_colours)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Logits by concept, classes in the order of the sorted labels."""
        fc = self.fc(self.features(images))
        return {"digit": self.digit(fc), "colour": self.colour(fc)}


def _half(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()
    )
