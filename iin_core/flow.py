"""The network T: a normalizing flow on vectors, with a leading axis of stacked IINs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.errors import InputError
from iin_core.recorded import recorded
from iin_core.spec import FlowSpec
from iin_core.transforms import ActNorm, Coupling, NetShape, Permutation, ResidualCoupling, Rotation
from iin_core.transforms.rotation import random_basis


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
        parameters = list(self.parameters()) if torch.is_grad_enabled() else []
        if parameters and all(parameter.requires_grad for parameter in parameters):
            return recorded(self, x, parameters)
        return self.plain(x)

    def plain(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The same as autograd differentiates it."""
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
        own: dict[int, Tensor] = {
            id(p): nn.Parameter(p.detach()[k : k + 1].clone()) for p in self.parameters()
        }
        own |= {id(buffer): buffer[k : k + 1].clone() for buffer in self.buffers()}
        return deepcopy(self, own)  # which takes these for copies that it has made


def build_flow(spec: FlowSpec, blocks: Sequence[Blocks] | int, seeds: Sequence[int]) -> NormalizingFlow:
    """Make a stack of IINs of one shape, one for each seed.

    Each IIN draws from a generator of its own, so that it does not depend on its neighbours.

    Args:
        spec: the generic couplings, then the residual couplings; without concepts the residual is all
            there is, and these are generic couplings too.
        blocks: the layout of each IIN's z̃, with the residual in one place in all of them; or N, for a
            flow that knows no blocks.
        seeds: one an IIN.

    Raises:
        InputError: an odd number of dimensions, which cannot be halved.

    Source: paper, section 4: blocks of activation normalisation, coupling, permutation; rotations and
    residual couplings are ours.
    """
    n_dims = blocks if isinstance(blocks, int) else blocks[0].n_dims
    if n_dims < 2 or n_dims % 2:
        raise InputError(
            f"A flow needs an even number of dimensions, not {n_dims}.",
            where="the couplings split z into two equal halves",
            fix="read the layer in another way, or drop one dimension",
        )
    if not isinstance(blocks, int) and len(blocks[0].dims) == 1:
        spec = _unsupervised(spec)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    mixed = _rotated if spec.mixing == "rotation" else _permuted
    transforms = mixed(spec, n_dims, generators)
    if not isinstance(blocks, int):
        transforms += _residual_couplings(spec, blocks, generators)
    return NormalizingFlow(transforms)


def _unsupervised(spec: FlowSpec) -> FlowSpec:
    n_couplings = spec.couplings + spec.residual_couplings
    return spec.model_copy(update={"couplings": n_couplings, "residual_couplings": 0})


def _permuted(spec: FlowSpec, n_dims: int, generators: Sequence[torch.Generator]) -> list[nn.Module]:
    transforms: list[nn.Module] = []
    for _ in range(spec.couplings):
        transforms += _coupling(spec, n_dims, generators)
        transforms.append(Permutation(n_dims, generators))
    return transforms


def _rotated(spec: FlowSpec, n_dims: int, generators: Sequence[torch.Generator]) -> list[nn.Module]:
    """Each coupling in a basis of its own; the turn back and the next turn are one product."""
    transforms: list[nn.Module] = []
    back = torch.eye(n_dims, dtype=torch.float64).expand(len(generators), -1, -1)
    for _ in range(spec.couplings):
        basis = torch.stack([random_basis(n_dims, generator) for generator in generators])
        transforms.append(Rotation((back @ basis).float()))
        transforms += _coupling(spec, n_dims, generators)
        back = basis.mT.roll(n_dims // 2, 1)  # a coupling leaves the halves exchanged
    return [*transforms, Rotation(back.float())]


def _coupling(spec: FlowSpec, n_dims: int, generators: Sequence[torch.Generator]) -> list[nn.Module]:
    norm: list[nn.Module] = [ActNorm(n_dims, stack=len(generators))] if spec.actnorm else []
    return [*norm, Coupling(n_dims, _net_shape(spec), generators)]


def _residual_couplings(
    spec: FlowSpec, blocks: Sequence[Blocks], generators: Sequence[torch.Generator]
) -> list[nn.Module]:
    if not spec.residual_couplings:
        return []
    places = {(own[RESIDUAL].start, own[RESIDUAL].stop) for own in blocks}
    if len(places) > 1:
        raise ValueError(f"IINs whose residuals lie in different places cannot be stacked: {places}")
    n_dims, residual = blocks[0].n_dims, blocks[0][RESIDUAL]
    shape = _net_shape(spec)
    transforms: list[nn.Module] = []
    back = torch.eye(n_dims, dtype=torch.float64).expand(len(generators), -1, -1)
    for _ in range(spec.residual_couplings):
        if spec.mixing == "rotation":
            basis = _residual_basis(n_dims, residual, generators)
            transforms.append(Rotation((back @ basis).float()))
            back = basis.mT
        transforms.append(ResidualCoupling(n_dims, residual, shape, generators))
    return [*transforms, Rotation(back.float())] if spec.mixing == "rotation" else transforms


def _residual_basis(n_dims: int, residual: slice, generators: Sequence[torch.Generator]) -> torch.Tensor:
    """A random turn of the residual that leaves the concepts' blocks alone, for each IIN."""
    basis = torch.eye(n_dims, dtype=torch.float64).repeat(len(generators), 1, 1)
    width = residual.stop - residual.start
    turns = [random_basis(width, generator).double() for generator in generators]
    basis[:, residual, residual] = torch.stack(turns)
    return basis


def _net_shape(spec: FlowSpec) -> NetShape:
    return NetShape(spec.hidden, spec.depth, joint=spec.nets == "joint")
