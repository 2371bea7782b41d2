"""A small convolutional classifier of the digit alone, whose late layers forget the colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from iin_core.examples.invariance import nuisance_share, redundancy, within_class_share
from iin_core.examples.optimisation import FitSettings, minimise, read_settings, seeded
from iin_core.examples.presentations import moved, random_movements
from iin_core.examples.training_rows import Images, training_rows

N_DIGITS = 10
_RAMP = 0.2
"""The penalties rise to their weights over this share of the updates: the digit comes first."""


@dataclass(frozen=True)
class ClassifierSettings(FitSettings):
    """How the classifier is fitted; see `FitSettings` for what every fit has.

    Args:
        invariance: weight of what two presentations of one source do not share in conv4 and fc.
        compactness: weight of the variance within digits in conv4 and fc.
        redundancy: weight of the correlations between the units of conv4 and of fc.
        label_smoothing: of the cross-entropy.
    """

    updates: int = 2500
    batch: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    invariance: float = 1.0
    compactness: float = 1.0
    redundancy: float = 0.01
    label_smoothing: float = 0.05


def fit_digit_classifier(
    model: DigitClassifier, data: Images, rows: pd.DataFrame, *, settings: Mapping[str, Any], seed: int
) -> dict[str, list[float]]:
    """Fit the classifier to the digit; no label of colour or brightness is read.

    Plain cross-entropy leaves some colour readable in every layer. What removes it here: each batch
    holds sources, not rows, and each source twice, in two of its presentations, whose colour and
    brightness differ; the share of variance in which the two differ is penalised in conv4 and fc,
    measured so that no linear map can hide it (`nuisance_share`). The variance within digits is
    penalised as well, so that the digit can be read from few examples, and a little the correlation
    between units, so that a layer does not end in one direction. The gradient of these penalties
    stops behind conv2: the early layers are those of a plain classifier.

    Args:
        model: fitted in place, from weights drawn anew from `seed`.
        data: the images.
        rows: columns source, split, digit.
        settings: fields of `ClassifierSettings`.
        seed: of weights and batches; the same seed and thread count give the same bits.

    Returns:
        curves by name.

    Raises:
        InputError: unknown settings, or rows that this network cannot be fitted on.
    """
    chosen = read_settings(ClassifierSettings(), settings)
    train = training_rows(data, rows, {"digit": N_DIGITS})
    with seeded(model, seed):
        batches = train.paired_batches(chosen.batch)

        def losses(progress: float) -> dict[str, Tensor]:
            pair = torch.cat(next(batches))
            movements = random_movements(len(pair) // 2).repeat(2, 1, 1)
            images = moved(train.images[pair], movements)
            digits = train.classes["digit"][pair]
            conv2 = model.conv2(model.conv1(images))
            _, fc = model.late_layers(conv2)
            # Their gradient stops here: it would empty the early layers, too.
            penalties = _penalties(model.late_layers(conv2.detach()), digits, chosen)
            ramp = min(1.0, progress / _RAMP)
            return {
                "cross_entropy": functional.cross_entropy(
                    model.head(fc), digits, label_smoothing=chosen.label_smoothing
                ),
                **{name: ramp * penalty for name, penalty in penalties.items()},
            }

        return minimise(model, losses, chosen)


def _penalties(
    late: tuple[Tensor, Tensor], digits: Tensor, settings: ClassifierSettings
) -> dict[str, Tensor]:
    """What is penalised of conv4 and fc; the second half of the rows shows the sources of the first."""
    layers = [layer.flatten(1) for layer in late]
    unshared = torch.stack([nuisance_share(*layer.chunk(2)) for layer in layers]).sum()
    within = torch.stack([within_class_share(layer, digits, N_DIGITS) for layer in layers]).sum()
    alike = torch.stack([redundancy(layer) for layer in layers]).sum()
    return {
        "invariance": settings.invariance * unshared,
        "compactness": settings.compactness * within,
        "redundancy": settings.redundancy * alike,
    }


class DigitClassifier(nn.Module):
    """Images (n, 3, 32, 32) → logits (n, 10) of the digit.

    Layers: conv1 (n, 16, 16, 16), conv2 (n, 32, 8, 8), conv3 (n, 16, 4, 4), conv4 (n, 16, 2, 2),
    each a strided convolution and its nonlinearity, then fc (n, 32).
    """

    fit = staticmethod(fit_digit_classifier)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _layer(3, 16)
        self.conv2 = _layer(16, 32)
        self.conv3 = _layer(32, 16)
        self.conv4 = _layer(16, 16)
        self.fc = nn.Linear(16 * 2 * 2, 32)
        self.logits = nn.Linear(32, N_DIGITS)

    def late_layers(self, conv2: Tensor) -> tuple[Tensor, Tensor]:
        """Activations of conv4 (n, 16, 2, 2) and fc (n, 32), of those of conv2 (n, 32, 8, 8)."""
        conv4 = self.conv4(self.conv3(conv2))
        return conv4, self.fc(conv4.flatten(1))

    def head(self, fc: Tensor) -> Tensor:
        """Logits (n, 10) of activations of fc (n, 32)."""
        logits: Tensor = self.logits(functional.silu(fc))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, 10), in the order of the digits."""
        _, fc = self.late_layers(self.conv2(self.conv1(images)))
        return self.head(fc)


def _layer(n_in: int, n_out: int) -> nn.Sequential:
    # SiLU, not ReLU: activations with many exact zeros have no density that a flow could learn.
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.SiLU())
