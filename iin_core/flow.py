"""The network T: a normalizing flow on vectors, with a leading axis of stacked IINs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from iin_core.errors import InputError
from iin_core.spec import FlowSpec
from iin_core.transforms import ActNorm, Coupling, Permutation


class NormalizingFlow(nn.Module):
    """A chain of transforms; K IINs of one shape lie on the leading axis of everything.

    Args:
        transforms: see `iin_core.transforms`; applied in order.
    """

    def __init__(self, transforms: Iterable[nn.Module]) -> None:
        super().__init__()
        self.transforms = nn.ModuleList(transforms)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x, (K, n, N), to z̃, (K, n, N), and log|det T'(x)|, (K, n)."""
        log_det = x.new_zeros(x.shape[:2])
        for transform in self.transforms:
            x, transform_log_det = transform(x)
            log_det = log_det + transform_log_det
        return x, log_det

    def inverse(self, z_tilde: Tensor) -> Tensor:
        """Map z̃, (K, n, N), back to x."""
        for transform in reversed(self.transforms):
            z_tilde = transform.inverse(z_tilde)  # type: ignore[operator]
        return z_tilde

    @torch.no_grad()
    def initialize(self, x: Tensor) -> None:
        """Set what depends on data from the rows x, (K, n, N): once, before training."""
        for transform in self.transforms:
            if isinstance(transform, ActNorm):
                transform.initialize(x)
            x, _ = transform(x)

    def unstack(self, k: int) -> NormalizingFlow:
        """The k-th IIN of the stack as a flow of its own (K = 1)."""
        alone = deepcopy(self)
        for module in alone.modules():
            for name, parameter in module.named_parameters(recurse=False):
                setattr(module, name, nn.Parameter(parameter.detach()[k : k + 1].clone()))
            for name, buffer in module.named_buffers(recurse=False):
                setattr(module, name, buffer[k : k + 1].clone())
        return alone


def build_flow(spec: FlowSpec, n_dims: int, seeds: Sequence[int]) -> NormalizingFlow:
    """Make a stack of IINs of the published shape, one for each seed.

    Each IIN draws from a generator of its own, so that it does not depend on its neighbours.

    Raises:
        InputError: an odd number of dimensions, which cannot be halved.

    Source: paper, section 4: blocks of activation normalisation, coupling, permutation.
    """
    if n_dims < 2 or n_dims % 2:
        raise InputError(
            f"A flow needs an even number of dimensions, not {n_dims}.",
            where="the couplings split z into two equal halves",
            fix="read the layer in another way, or drop one dimension",
        )
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    transforms: list[nn.Module] = []
    for _ in range(spec.couplings):
        transforms.append(ActNorm(n_dims, stack=len(seeds)))
        transforms.append(Coupling(n_dims, spec.hidden, spec.depth, generators))
        transforms.append(Permutation(n_dims, generators))
    return NormalizingFlow(transforms)
