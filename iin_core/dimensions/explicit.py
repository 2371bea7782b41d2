"""The smallest block from which the concept can still be told on held-out sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from iin_core.dimensions.critic import held_out_nats
from iin_core.dimensions.directions import shared_directions
from iin_core.dimensions.layout import Dimensions, fitted
from iin_core.dimensions.problem import ConceptPairs, Problem
from iin_core.dimensions.rank import above_chance, rank, shared_spectrum

_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128)
_TOLERANCE = 0.02


@dataclass(frozen=True)
class _Curve:
    """Explicitness in nats of each size of block, and its standard error over sources."""

    sizes: list[int]
    nats: Tensor
    error: Tensor

    def smallest(self, at_most: int) -> int:
        """The smallest size within one standard error, or 2 %, of the best up to `at_most`."""
        best = int(self.nats[: sum(size <= at_most for size in self.sizes)].argmax())
        top, error = float(self.nats[best]), float(self.error[best])
        if top <= 2 * error:
            return 1
        enough = (self.nats >= top - max(error, _TOLERANCE * top)).nonzero().flatten()
        return self.sizes[int(enough[0])]


def explicit(problem: Problem) -> Dimensions:
    """The smallest leading subspace in which a critic tells partners as well as in any larger one.

    Subspaces are spanned by the first 1, 2, 3, 4, 5, 6, 8, … shared directions of half of the sources, as
    many as held-out pairs share more than by chance (see `rank`); behind those the order means nothing.
    In each, a critic is fitted on that half that tells a row's partner from other rows. How many nats
    it has of that on the other half is a lower bound of what the two rows of a pair tell of each other:
    the explicitness of the concept, whatever kind of pairs it has. The smallest subspace within one
    standard error of the best, or within 2 % of it, is enough. The curve has the whole space too.
    Pairs that differ only in the concept get what `rank` gives them.
    """
    ranked = rank(Problem(problem.z, problem.x, _differing(problem), problem.source, problem.seed))
    dims, scores, curves = {}, {}, {}
    for name, pairs in problem.pairs.items():
        if pairs.differs:
            dims[name], scores[name], curves[name] = (
                ranked.dims[name],
                ranked.scores[name],
                ranked.curves[name],
            )
            continue
        shared = max(1, above_chance(*shared_spectrum(problem, pairs)))
        curve = _curve(problem, pairs, shared)
        dims[name], scores[name] = curve.smallest(shared), float(curve.nats.max())
        curves[name] = dict(zip(curve.sizes, curve.nats.tolist(), strict=True))
    return Dimensions(fitted(dims, problem.n_dims), scores, "explicit", curves)


def _differing(problem: Problem) -> dict[str, ConceptPairs]:
    return {name: pairs for name, pairs in problem.pairs.items() if pairs.differs}


def _curve(problem: Problem, pairs: ConceptPairs, shared: int) -> _Curve:
    sizes = sorted({*(size for size in _SIZES if size < shared), shared, problem.white.shape[1]})
    fitted_on, judged_by = next(problem.halves(pairs))
    _, directions = shared_directions(problem.white, fitted_on)
    rows = problem.white @ directions[:, : sizes[-1]]
    nats = held_out_nats(
        (rows[fitted_on.a], rows[fitted_on.b]), (rows[judged_by.a], rows[judged_by.b]), sizes, problem.seed
    )
    _, code = np.unique(np.asarray(problem.source)[judged_by.a.numpy()], return_inverse=True)
    return _Curve(sizes, nats.mean(1), _error_over(torch.from_numpy(code), nats))


def _error_over(source: Tensor, values: Tensor) -> Tensor:
    """Standard error of the mean of values, (S, P), whose sources, (P,), are independent."""
    n = int(source.max()) + 1
    sums = torch.zeros(len(values), n).index_add_(1, source, values - values.mean(1, keepdim=True))
    return sums.square().sum(1).sqrt() / values.shape[1]
