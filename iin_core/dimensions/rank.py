"""The rank that carries what the pairs of a concept share."""

from __future__ import annotations

import torch
from torch import Tensor

from iin_core.dimensions.directions import correlations, shared_directions
from iin_core.dimensions.layout import Dimensions, fitted
from iin_core.dimensions.problem import ConceptPairs, Problem

_SHUFFLES = 20
_DEVIATIONS = 3.0
_SHARE = 0.98
_SHARE_OF_DIFFERENCE = 0.95


def rank(problem: Problem) -> Dimensions:
    """As many dimensions as directions along which held-out pairs correlate more than shuffled ones.

    Directions come from the pairs of one half of the sources, their correlations from the other half,
    both ways round (cross-fit, so that what only the sample shares does not count). Those up to the
    first within three standard deviations of shuffled pairs are significant; the block gets the fewest
    of them that hold 98 % of their sum. Of pairs that differ only in the concept it gets those that
    hold 95 % of the difference. The score is the sum: how many directions' worth of variance is shared.
    """
    dims, scores, curves = {}, {}, {}
    for name, pairs in problem.pairs.items():
        shared, by_chance = shared_spectrum(problem, pairs)
        if pairs.differs:
            significant, share = shared.clamp_min(0), _SHARE_OF_DIFFERENCE
        else:
            significant, share = shared[: above_chance(shared, by_chance)], _SHARE
        total = float(significant.sum())
        dims[name] = int((significant.cumsum(0) < share * total).sum()) + 1
        scores[name] = total
        curves[name] = {i + 1: float(value) for i, value in enumerate(shared[: 2 * dims[name] + 8])}
    return Dimensions(fitted(dims, problem.n_dims), scores, "rank", curves)


def above_chance(shared: Tensor, by_chance: Tensor) -> int:
    """How many leading directions pairs share, up to the first that shuffled pairs reach."""
    return int((shared > by_chance).long().cumprod(0).sum())


def shared_spectrum(problem: Problem, pairs: ConceptPairs) -> tuple[Tensor, Tensor]:
    """Held-out correlations of pairs along shared directions, and what shuffled pairs hardly reach."""
    found, chance = [], []
    generator = torch.Generator().manual_seed(problem.seed)
    for fitted_on, judged_by in problem.halves(pairs):
        _, directions = shared_directions(problem.white, fitted_on)
        found.append(correlations(problem.white, judged_by, directions))
        shuffled = [
            correlations(problem.white, _shuffled(judged_by, generator), directions) for _ in range(_SHUFFLES)
        ]
        mean, deviation = torch.stack(shuffled).mean(0), torch.stack(shuffled).std(0)
        chance.append(mean + _DEVIATIONS * deviation)
    return torch.stack(found).mean(0), torch.stack(chance).mean(0)


def _shuffled(pairs: ConceptPairs, generator: torch.Generator) -> ConceptPairs:
    return ConceptPairs(pairs.a, pairs.b[torch.randperm(len(pairs.b), generator=generator)], pairs.differs)
