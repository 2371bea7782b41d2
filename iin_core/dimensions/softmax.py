"""The reference's estimate: shares by the softmax of how much variance the two rows of a pair share."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from iin_core.blocks import RESIDUAL
from iin_core.dimensions.layout import Dimensions, check_room
from iin_core.dimensions.problem import ConceptPairs, Problem, draw
from iin_core.sampling import PairSource


def softmax(problem: Problem) -> Dimensions:
    """N_k = ⌊softmax(s)_k · d⌋ with the scores of `pair_score`; pairs that differ only in F count 1 − s.

    Source: paper, section 3.3 and its reference implementation.
    """
    scores = {name: pair_score(problem.z, pairs) for name, pairs in problem.pairs.items()}
    shared = {name: 1 - score if problem.pairs[name].differs else score for name, score in scores.items()}
    return softmax_dimensions(shared, problem.n_dims)


def pair_score(z: Tensor, pairs: ConceptPairs) -> float:
    """How much of the variance the two rows of a pair have in common, at most 1.

    s_F = Σ_i Cov(zᵃ_i, zᵇ_i) / Σ_i Var(z_i): the covariance over pairs that share F, about the mean of a
    and b together, over the variance of all rows.

    Args:
        z: (n, N).
        pairs: of places in it.

    Source: paper, section 3.3 and its reference implementation.
    """
    a, b = pairs.a, pairs.b
    mean = (z[a].mean(0) + z[b].mean(0)) / 2
    covariance = sum(
        float(((z[one] - mean) * (z[two] - mean)).sum(dtype=torch.float64))
        for one, two in zip(a.split(4096), b.split(4096), strict=True)
    )
    return covariance / len(a) / float(z.var(0).sum())


def shared_score(z: Tensor, source: PairSource, seed: int = 0) -> float:
    """`pair_score` of pairs that are drawn from a source."""
    return pair_score(z, draw(source, seed))


def softmax_dimensions(scores: Mapping[str, float], n_dims: int) -> Dimensions:
    """Divide n_dims among the residual and the concepts by the concepts' scores.

    The residual has the score 1, N_k = ⌊softmax(s)_k · N⌋ but at least 1, and the residual takes what
    is left over.

    Args:
        scores: one for each concept, see `pair_score`.
        n_dims: how many dimensions are divided: N, or d behind a front.

    Raises:
        InputError: more concepts than dimensions.

    Source: paper, section 3.3 and its reference implementation.
    """
    check_room(len(scores), n_dims)
    all_scores = {RESIDUAL: 1.0, **scores}
    shares = torch.softmax(torch.tensor(list(all_scores.values()), dtype=torch.float64), 0)
    dims = {
        name: max(1, int(share * n_dims)) for name, share in zip(all_scores, shares.tolist(), strict=True)
    }
    dims[RESIDUAL] = n_dims - sum(dims[name] for name in scores)
    return Dimensions(dims, all_scores, "softmax")
