"""What a block of z̃ is distributed like: used to sample, to score and to edit it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.errors import InputError, nearest

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_STD_FLOOR = 1e-3
_RIDGE = 1e-3
Label = str | int | float | bool


class Prior(Protocol):
    """The distribution of one block."""

    kind: ClassVar[str]

    @property
    def n_dims(self) -> int:
        """The width of the block."""
        ...

    def log_prob(self, block: Tensor) -> Tensor:
        """Log-density in nats of rows of the block, (n, N_k), as (n,)."""
        ...

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n rows of the block, (n, N_k)."""
        ...

    def edited(self, block: Tensor, to: Label, strength: float = 1.0) -> Tensor:
        """The rows of the block, (n, N_k), moved towards the value `to`: at strength 1 they have it."""
        ...


@dataclass(frozen=True)
class NormalPrior:
    """N(0, I), the model of the paper (section 3.1)."""

    kind: ClassVar[str] = "normal"
    width: int

    @property
    def n_dims(self) -> int:
        """The width of the block."""
        return self.width

    def log_prob(self, block: Tensor) -> Tensor:
        """Log-density in nats of rows of the block, (n, N_k), as (n,)."""
        return (-0.5 * block.square() - _HALF_LOG_2PI).sum(-1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n rows of the block, (n, N_k)."""
        return torch.randn(n, self.width, generator=generator)

    def edited(self, block: Tensor, to: Label, strength: float = 1.0) -> Tensor:
        """Refuse: a block without labels or values has nothing that it could be set to.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"This block has neither labels nor values, so it cannot be set to {to!r}.",
            fix="use swap or resample, or name a concept given by a label or a number",
        )


@dataclass(frozen=True)
class ValuePrior:
    """N(0, I) with a linear readout of a numeric concept.

    Attributes:
        weight: (N_k,), value = block · weight + bias.
    """

    kind: ClassVar[str] = "value"
    weight: Tensor
    bias: float

    @property
    def n_dims(self) -> int:
        """The width of the block."""
        return self.weight.shape[0]

    def log_prob(self, block: Tensor) -> Tensor:
        """Log-density in nats of rows of the block, (n, N_k), as (n,)."""
        return NormalPrior(self.n_dims).log_prob(block)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n rows of the block, (n, N_k)."""
        return torch.randn(n, self.n_dims, generator=generator)

    def read(self, block: Tensor) -> Tensor:
        """What the readout says of rows of the block, (n, N_k), as (n,)."""
        return block @ self.weight + self.bias

    def edited(self, block: Tensor, to: Label, strength: float = 1.0) -> Tensor:
        """Move the rows, (n, N_k), along the readout: at strength 1 until it says `to`.

        Raises:
            InputError: `to` is no finite number.
        """
        if isinstance(to, str) or not math.isfinite(to):
            raise InputError(
                f"A concept given by a number cannot be set to {to!r}.",
                fix=f"give a finite number; for an average row the readout says {self.bias:.3g}",
            )
        missing = strength * (float(to) - self.read(block))
        return block + missing[:, None] * self.weight / self.weight.square().sum()


@dataclass(frozen=True)
class ClassPrior:
    """A normal cluster for each class: what pairs that share a label make of their block.

    With labels the pair model equals μ_c + N(0, (1 − σ)·I) with μ_c ~ N(0, σ·I): clusters, not one
    normal distribution.

    Attributes:
        labels: the value of each class.
        means: (C, N_k).
        std: (N_k,), within a class.
        weights: (C,), how frequent each class is.
    """

    kind: ClassVar[str] = "classes"
    labels: tuple[Label, ...]
    means: Tensor
    std: Tensor
    weights: Tensor

    @property
    def n_dims(self) -> int:
        """The width of the block."""
        return self.means.shape[1]

    def log_prob(self, block: Tensor) -> Tensor:
        """Log-density in nats of rows of the block, (n, N_k), as (n,)."""
        return self._joint(block).logsumexp(-1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n rows of the block, (n, N_k)."""
        classes = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        return self.means[classes] + self.std * torch.randn(n, self.n_dims, generator=generator)

    def likeliest(self, block: Tensor) -> Tensor:
        """The index of the likeliest class of rows of the block, (n, N_k), as (n,)."""
        return self._joint(block).argmax(-1)

    def drawn(self, to: Label, n: int, generator: torch.Generator) -> Tensor:
        """Draw n rows of the block, (n, N_k), from the class `to`.

        Raises:
            InputError: no class has that label.
        """
        mean = self.means[self._class(to)]
        return mean + self.std * torch.randn(n, self.n_dims, generator=generator)

    def edited(self, block: Tensor, to: Label, strength: float = 1.0) -> Tensor:
        """Move the rows, (n, N_k), from their nearest class towards the class `to`, deviations kept.

        Raises:
            InputError: no class has that label.
        """
        target = self.means[self._class(to)]
        nearest_class = self._joint(block.detach()).argmax(-1)
        return block + strength * (target - self.means[nearest_class])

    def _class(self, label: Label) -> int:
        if label not in self.labels:
            known = [str(known) for known in self.labels]
            raise InputError(f"There is no class {label!r}.", fix=f"nearest: {nearest(str(label), known)}")
        return self.labels.index(label)

    def responsibilities(self, block: Tensor) -> Tensor:
        """How likely each row of the block, (n, N_k), is to be of each class, (n, C)."""
        return self._joint(block).softmax(-1)

    def _joint(self, block: Tensor) -> Tensor:
        deviation = (block[:, None, :] - self.means) / self.std
        density = (-0.5 * deviation.square() - _HALF_LOG_2PI - self.std.log()).sum(-1)
        return density + self.weights.log()


def fit_class_prior(codes: Tensor, labels: ArrayLike, check: tuple[Tensor, ArrayLike]) -> ClassPrior:
    """Fit a cluster to each class.

    Args:
        codes, labels: training rows of the block, (n, N_k) and (n,): the means come from them.
        check: validation rows and their labels: the spread within a class comes from them.
    """
    values, code = np.unique(np.asarray(labels), return_inverse=True)
    index = torch.from_numpy(code)
    counts = torch.bincount(index, minlength=len(values)).float()
    means = torch.zeros(len(values), codes.shape[1]).index_add_(0, index, codes) / counts[:, None]
    check_codes, check_labels = check
    known = np.isin(np.asarray(check_labels), values)
    check_index = np.searchsorted(values, np.asarray(check_labels)[known])
    deviation = check_codes[torch.from_numpy(known)] - means[torch.from_numpy(check_index)]
    std = deviation.square().mean(0).sqrt() if len(deviation) else codes.std(0)
    return ClassPrior(
        tuple(plain(value) for value in values), means, std.clamp_min(_STD_FLOOR), counts / counts.sum()
    )


def fit_value_prior(codes: Tensor, values: ArrayLike) -> ValuePrior:
    """Fit the readout of a numeric concept by ridge regression.

    Args:
        codes, values: training rows of the block, (n, N_k) and (n,).
    """
    y = torch.as_tensor(np.asarray(values, np.float32))
    centred, y_mean = codes - codes.mean(0), y.mean()
    gram = centred.T @ centred / len(y) + _RIDGE * torch.eye(codes.shape[1])
    weight = torch.linalg.solve(gram, centred.T @ (y - y_mean) / len(y))
    return ValuePrior(weight, float(y_mean - codes.mean(0) @ weight))


def plain(value: object) -> Label:
    """A label as a plain Python value, as JSON can hold it."""
    return value.item() if isinstance(value, np.generic) else value  # type: ignore[return-value]


def class_labels(prior: Prior) -> Sequence[Label]:
    """The labels of a block's classes, or none."""
    return prior.labels if isinstance(prior, ClassPrior) else ()
