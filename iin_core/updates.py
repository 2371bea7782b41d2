"""One optimizer over one flat buffer for a whole stack of IINs."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from iin_core.spec import TrainingSpec

_LANES = 16


class FlatParameters:
    """Moves a module's parameters into one flat buffer of which they become views; so with the gradients.

    The innermost matrix of each parameter is padded to 16 floats, so that a vector instruction
    never spans two IINs: what happens to one does not depend on how many lie beside it.
    """

    def __init__(self, module: nn.Module) -> None:
        self._parameters = parameters = list(module.parameters())
        sizes = [self._padded(parameter) for parameter in parameters]
        self.flat = nn.Parameter(torch.zeros(sum(sizes), device=parameters[0].device))
        self.flat.grad = torch.zeros_like(self.flat)
        self._gradients = []
        for parameter, values, grads in zip(
            parameters, self.flat.detach().split(sizes), self.flat.grad.split(sizes), strict=True
        ):
            view = self._view(values, parameter)
            view.copy_(parameter.detach())
            parameter.data = view
            self._gradients.append(self._view(grads, parameter))

    @staticmethod
    def _padded(parameter: nn.Parameter) -> int:
        *leading, rows, columns = parameter.shape
        return math.prod(leading) * _round_up(rows * columns)

    @staticmethod
    def _view(buffer: Tensor, parameter: nn.Parameter) -> Tensor:
        *leading, rows, columns = parameter.shape
        padded = buffer.view(*leading, _round_up(rows * columns))
        matrices: Tensor = padded[..., : rows * columns].unflatten(-1, (rows, columns))
        return matrices

    def differentiate(self, loss: Tensor) -> None:
        """Fill the flat gradient with that of a scalar loss."""
        for view, grad in zip(self._gradients, torch.autograd.grad(loss, self._parameters), strict=True):
            view.copy_(grad)

    @property
    def gradients(self) -> list[Tensor]:
        """The gradient of each parameter, (K, ...): views into the flat one."""
        return self._gradients

    def slices(self, buffer: Tensor) -> list[list[Tensor]]:
        """For each IIN its padded part of each parameter, in a buffer that is laid out as the flat one."""
        stack = len(self._parameters[0])
        parts = buffer.split([self._padded(parameter) for parameter in self._parameters])
        return [[part.view(stack, -1)[k] for part in parts] for k in range(stack)]

    def norms(self) -> Tensor:
        """The length of each IIN's gradient, (K,)."""
        return torch.stack([grad.square().flatten(1).sum(1) for grad in self._gradients]).sum(0).sqrt()

    def clip(self, norm: float) -> None:
        """Shrink the gradient of each IIN that is longer than `norm` to that length."""
        factor = (norm / self.norms().clamp_min(torch.finfo(torch.float32).tiny)).clamp_max(1)
        for grad in self._gradients:
            grad.mul_(factor.view(-1, *[1] * (grad.ndim - 1)))


def make_optimizer(parameters: FlatParameters, spec: TrainingSpec) -> torch.optim.Optimizer:
    """AdamW, fused, over the flat buffer."""
    return torch.optim.AdamW(
        [parameters.flat], lr=spec.learning_rate, betas=spec.betas, weight_decay=spec.weight_decay, fused=True
    )


def learning_rate(update: int, spec: TrainingSpec) -> float:
    """The learning rate of an update: a linear rise over the warm-up, then a cosine down to 0."""
    warmup = max(1, round(spec.warmup * spec.updates))
    if update < warmup:
        return spec.learning_rate * (update + 1) / warmup
    progress = (update - warmup) / max(1, spec.updates - warmup)
    return spec.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


def _round_up(n: int) -> int:
    return -(-n // _LANES) * _LANES
