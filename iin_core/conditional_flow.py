"""The conditional network v = t(z̄ | z): a flow whose couplings read an embedding of z."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from iin_core.conditional_spec import ConditionalFlowSpec
from iin_core.embedding import Embedding, SpatialEmbedding
from iin_core.flow import NormalizingFlow, build_flow
from iin_core.transforms import ActNorm, Coupling, NetShape
from iin_core.transforms.conditional_coupling import ConditionalCoupling

_APART = 2**33
"""Keeps the generators of these networks apart from those of the flow around them and of the batches."""


class ConditionalFlow(NormalizingFlow):
    """A chain of transforms of z̄, of which couplings read the embedding of z; K flows are stacked.

    Rows come as [z̄ | z], so that whatever trains a `NormalizingFlow` trains this: (K, n, N + C) becomes
    v, (K, n, N).

    Args:
        embedding: of z.
        transforms: applied to z̄ in order.
        between: linear maps of the embedding, (1, E, E) and (1, 1, E) each; the i-th coupling reads what
            the first i + 1 of them, one after another, make of it. Public checkpoints may have them.
    """

    def __init__(
        self,
        embedding: Embedding | SpatialEmbedding,
        transforms: Iterable[nn.Module],
        between: Sequence[tuple[Tensor, Tensor]] = (),
    ) -> None:
        super().__init__(transforms)
        self.embedding = embedding
        self.between = nn.ParameterList(nn.Parameter(part) for pair in between for part in pair)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map [z̄ | z], (K, n, N + C), to v, (K, n, N), and log|det dv/dz̄|, (K, n)."""
        z_bar, z = self._parts(x)
        return self.move(z_bar, self.embedding(z))

    plain = forward

    def inverse(self, z_tilde: Tensor) -> Tensor:
        """Map [v | z], (K, n, N + C), back to z̄, (K, n, N)."""
        v, z = self._parts(z_tilde)
        return self.move_back(v, self.embedding(z))

    def move(self, z_bar: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """The same with z already embedded, (K, n, E)."""
        log_det = z_bar.new_zeros(z_bar.shape[:2])
        for transform, read in self._steps(embedding):
            z_bar, own = transform(z_bar, *read)
            log_det = log_det + own
        return z_bar, log_det

    def move_back(self, v: Tensor, embedding: Tensor) -> Tensor:
        """The inverse of `move`."""
        for transform, read in reversed(self._steps(embedding)):
            v = transform.inverse(v, *read)  # type: ignore[operator]
        return v

    @torch.no_grad()
    def initialize(self, x: Tensor) -> None:
        """Set what depends on data from rows [z̄ | z]: once, before training."""
        z_bar, z = self._parts(x)
        for transform, read in self._steps(self.embedding(z)):
            if isinstance(transform, ActNorm):
                transform.initialize(z_bar)
            z_bar, _ = transform(z_bar, *read)

    @property
    def n_given(self) -> int:
        """C."""
        return self.embedding.n_in

    def _parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        n_given = self.embedding.n_in
        return x[..., :-n_given], x[..., -n_given:]

    def _steps(self, embedding: Tensor) -> list[tuple[nn.Module, tuple[Tensor, ...]]]:
        """Each transform with what it reads besides rows: a coupling the embedding as it is by then."""
        between = zip(self.between[::2], self.between[1::2], strict=True)
        steps: list[tuple[nn.Module, tuple[Tensor, ...]]] = []
        for transform in self.transforms:
            if not isinstance(transform, ConditionalCoupling):
                steps.append((transform, ()))
                continue
            if len(self.between):
                weight, bias = next(between)
                embedding = torch.baddbmm(bias, embedding, weight)
            steps.append((transform, (embedding,)))
        return steps


def build_conditional_flow(
    spec: ConditionalFlowSpec, n_dims: int, n_given: int, seeds: Sequence[int]
) -> ConditionalFlow:
    """Make a stack of conditional flows, one for each seed; each draws from generators of its own.

    Args:
        spec: of the flow and its embedding.
        n_dims: N, the width of z̄.
        n_given: C, the width of z.
        seeds: one a flow.

    Raises:
        InputError: an odd number of dimensions.
    """
    generators = [torch.Generator().manual_seed(_APART + seed) for seed in seeds]
    hidden = [spec.embedding_hidden] * (spec.embedding_depth + 1)
    embedding = Embedding([n_given, *hidden, spec.embedding], generators)
    shape = NetShape(spec.hidden, spec.depth, joint=spec.nets == "joint")
    transforms = [
        ConditionalCoupling(n_dims, spec.embedding, shape, generators) if isinstance(t, Coupling) else t
        for t in build_flow(spec, n_dims, seeds).transforms
    ]
    return ConditionalFlow(embedding, transforms)
