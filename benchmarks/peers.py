"""The published shape built from other libraries of normalizing flows: an unsupervised update of each.

Each has 24 couplings of N = 64 with separate scale and translation networks of the published widths, a
shuffle behind every other one, and AdamW, fused. Where a library has one network for both, it is given
the two side by side. What differs stays as the library has it: how the log-scale is bounded, and that
only FrEIA's and ours have activation normalisations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from benchmarks.as_published import Perceptron

N_DIMS, N_BLOCKS, DEPTH = 64, 12, 2
HALF = N_DIMS // 2
Nll = Callable[[Tensor], Tensor]


class SideBySide(nn.Module):
    """Two perceptrons whose outputs are joined: one after the other, or interleaved."""

    def __init__(self, widths: Sequence[int], *, interleaved: bool) -> None:
        super().__init__()
        self.scale, self.shift = Perceptron(widths, tanh=True), Perceptron(widths, tanh=False)
        self.interleaved = interleaved

    def forward(self, u: Tensor, context: Tensor | None = None) -> Tensor:
        """Map rows, (n, N/2), to shifts and log-scales, (n, N)."""
        both = (self.shift(u), self.scale(u))
        return torch.stack(both, -1).flatten(-2) if self.interleaved else torch.cat(both, -1)


def _widths(hidden: int) -> list[int]:
    return [HALF, *[hidden] * (DEPTH + 1), HALF]


def with_zuko(hidden: int) -> tuple[nn.Module, Nll]:
    """A flow of zuko's general coupling transforms with alternating masks."""
    import zuko
    from zuko.flows import Flow, GeneralCouplingTransform, UnconditionalDistribution

    transforms = []
    for i in range(2 * N_BLOCKS):
        mask = (torch.arange(N_DIMS) < HALF) == (i % 2 == 0)
        transform = GeneralCouplingTransform(N_DIMS, mask=mask, hidden_features=(1,))
        transform.hyper = SideBySide(_widths(hidden), interleaved=True)
        transforms.append(transform)
        if i % 2:
            order = zuko.transforms.PermutationTransform(torch.randperm(N_DIMS))
            transforms.append(zuko.flows.UnconditionalTransform(lambda order=order: order))
    zeros, ones = torch.zeros(N_DIMS), torch.ones(N_DIMS)
    flow = Flow(transforms, UnconditionalDistribution(zuko.distributions.DiagNormal, zeros, ones))
    return flow, lambda x: -flow().log_prob(x).mean()


def with_normflows(hidden: int) -> tuple[nn.Module, Nll]:
    """A flow of normflows' coupling blocks, permutations between them."""
    import normflows

    flows = []
    for i in range(2 * N_BLOCKS):
        net = SideBySide(_widths(hidden), interleaved=True)
        flows.append(normflows.flows.AffineCouplingBlock(net))
        flows.append(normflows.flows.Permute(N_DIMS, mode="shuffle" if i % 2 else "swap"))
    model = normflows.NormalizingFlow(normflows.distributions.DiagGaussian(N_DIMS, trainable=False), flows)
    return model, model.forward_kld


def with_nflows(hidden: int) -> tuple[nn.Module, Nll]:
    """A flow of nflows' affine coupling transforms with alternating masks, random permutations."""
    from nflows.distributions.normal import StandardNormal
    from nflows.flows.base import Flow
    from nflows.transforms import AffineCouplingTransform, CompositeTransform, RandomPermutation

    transforms: list[nn.Module] = []
    for i in range(2 * N_BLOCKS):
        mask = ((torch.arange(N_DIMS) < HALF) == (i % 2 == 0)).int()
        transforms.append(
            AffineCouplingTransform(mask, lambda *_: SideBySide(_widths(hidden), interleaved=False))
        )
        if i % 2:
            transforms.append(RandomPermutation(N_DIMS))
    flow = Flow(CompositeTransform(transforms), StandardNormal([N_DIMS]))
    return flow, lambda x: -flow.log_prob(x).mean()


def with_freia(hidden: int) -> tuple[nn.Module, Nll]:
    """FrEIA's RealNVP block, which has the published four networks, with its normalisation and shuffle."""
    from FrEIA.framework import SequenceINN
    from FrEIA.modules import ActNorm, PermuteRandom, RNVPCouplingBlock

    flow = SequenceINN(N_DIMS)
    for i in range(N_BLOCKS):
        flow.append(ActNorm)
        flow.append(RNVPCouplingBlock, subnet_constructor=lambda *_: Perceptron(_widths(hidden), tanh=False))
        flow.append(PermuteRandom, seed=i)

    def nll(x: Tensor) -> Tensor:
        z_tilde, log_det = flow(x)
        return (0.5 * z_tilde.square().sum(1) - log_det).mean()

    return flow, nll


PEERS: Mapping[str, Callable[[int], tuple[nn.Module, Nll]]] = {
    "zuko": with_zuko,
    "normflows": with_normflows,
    "nflows": with_nflows,
    "FrEIA": with_freia,
}


def peer_update(name: str, hidden: int, x: Tensor) -> tuple[Callable[[], None], int]:
    """An update of a peer on the rows x, (n, N), and how many parameters it has."""
    flow, nll = PEERS[name](hidden)
    optimizer = torch.optim.AdamW(flow.parameters(), lr=1e-4, betas=(0.5, 0.9), fused=True)

    def run() -> None:
        optimizer.zero_grad()
        nll(x).backward()
        optimizer.step()

    return run, sum(parameter.numel() for parameter in flow.parameters())
