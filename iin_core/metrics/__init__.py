"""Metrics of block codes: on held-out rows, invariant inside blocks, with chance and interval."""

from iin_core.metrics.distance_correlation import distance_correlation
from iin_core.metrics.grouped_scores import GroupedScores, grouped_scores
from iin_core.metrics.information import GroupedInformation, grouped_information
from iin_core.metrics.interchange import (
    FactorInterchange,
    Interchange,
    interchange,
    interchange_pairs,
    reading_accuracy,
)
from iin_core.metrics.invertibility import identity_error, invertibility_error
from iin_core.metrics.leakage import Leakage, LeakageCell, leakage, leakages
from iin_core.metrics.prior_fit import BlockFit, prior_fit
from iin_core.metrics.quintiles import quintiles
from iin_core.metrics.score import Score

__all__ = [
    "BlockFit",
    "FactorInterchange",
    "GroupedInformation",
    "GroupedScores",
    "Interchange",
    "Leakage",
    "LeakageCell",
    "Score",
    "distance_correlation",
    "grouped_information",
    "grouped_scores",
    "identity_error",
    "interchange",
    "interchange_pairs",
    "invertibility_error",
    "leakage",
    "leakages",
    "prior_fit",
    "quintiles",
    "reading_accuracy",
]
