"""How many dimensions each concept gets: estimators that work from pairs, each in a file of its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from iin_core.dimensions.explicit import explicit
from iin_core.dimensions.layout import Dimensions, given_dimensions
from iin_core.dimensions.problem import ConceptPairs, Problem, drawn_pairs
from iin_core.dimensions.rank import rank
from iin_core.dimensions.softmax import shared_score, softmax, softmax_dimensions

__all__ = [
    "DEFAULT",
    "ESTIMATORS",
    "ConceptPairs",
    "Dimensions",
    "Problem",
    "drawn_pairs",
    "estimate_dimensions",
    "given_dimensions",
    "shared_score",
    "softmax_dimensions",
]

ESTIMATORS: Mapping[str, Callable[[Problem], Dimensions]] = {
    "softmax": softmax,
    "rank": rank,
    "explicit": explicit,
}
DEFAULT = "softmax"


def estimate_dimensions(estimator: str, problem: Problem) -> Dimensions:
    """Estimate the dimensions of each concept's block; the residual takes the rest.

    Args:
        estimator: one of `ESTIMATORS`.
        problem: rows, and pairs of each concept.

    Raises:
        InputError: more concepts than dimensions.

    Source: paper, section 3.3 (softmax); `rank` and `explicit` are ours.
    """
    return ESTIMATORS[estimator](problem)
