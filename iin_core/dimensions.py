"""How many dimensions each factor gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.errors import InputError
from iin_core.sampling import PairSource

_PAIRS = 20_000


@dataclass(frozen=True)
class Dimensions:
    """The estimated dimensions of each block, the residual first, and the scores behind them."""

    dims: dict[str, int]
    scores: dict[str, float]


def shared_score(z: Tensor, source: PairSource, seed: int = 0) -> float:
    """How much of the variance the two rows of a pair have in common, at most 1.

    s_F = Σ_i Cov(zᵃ_i, zᵇ_i) / Σ_i Var(z_i): the covariance over pairs that share F, about the mean of a
    and b together, over the variance of all rows.

    Args:
        z: (n, N).
        source: draws pairs that share F.

    Source: paper, section 3.3 and its reference implementation.
    """
    a, b, _ = source.draw(_PAIRS, torch.Generator().manual_seed(seed))
    mean = (z[a].mean(0) + z[b].mean(0)) / 2
    covariance = ((z[a] - mean) * (z[b] - mean)).mean(0).sum()
    return float(covariance / z.var(0).sum())


def softmax_dimensions(scores: Mapping[str, float], n_dims: int) -> Dimensions:
    """Divide n_dims among the residual and the concepts by the concepts' scores.

    The residual has the score 1, N_k = ⌊softmax(s)_k · N⌋ but at least 1, and the residual takes what
    is left over.

    Args:
        scores: one for each concept, see `shared_score`.
        n_dims: how many dimensions are divided: N, or d behind a front.

    Raises:
        InputError: more concepts than dimensions.

    Source: paper, section 3.3 and its reference implementation.
    """
    if len(scores) + 1 > n_dims:
        raise InputError(
            f"{len(scores)} concepts and a residual do not fit into {n_dims} dimensions.",
            fix="study a wider layer or fewer concepts at once",
        )
    all_scores = {RESIDUAL: 1.0, **scores}
    shares = torch.softmax(torch.tensor(list(all_scores.values()), dtype=torch.float64), 0)
    dims = {
        name: max(1, int(share * n_dims)) for name, share in zip(all_scores, shares.tolist(), strict=True)
    }
    dims[RESIDUAL] = n_dims - sum(dims[name] for name in scores)
    return Dimensions(dims, all_scores)


def given_dimensions(given: Mapping[str, int], n_dims: int) -> dict[str, int]:
    """The dimensions that a person gave, with the residual taking the rest of n_dims.

    Raises:
        InputError: nothing is left for the residual.
    """
    residual = n_dims - sum(given.values())
    if residual < 1:
        raise InputError(
            f"The concepts' {sum(given.values())} dimensions leave no residual in {n_dims}.",
            where=", ".join(f"{name}: {dim}" for name, dim in given.items()),
            fix="give the concepts fewer dimensions, or use dimensions: softmax",
        )
    return Blocks({RESIDUAL: residual, **given}).dims
