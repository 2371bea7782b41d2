"""Metrics of block codes: on held-out rows, invariant inside blocks, with chance and interval."""

from iin_core.metrics.conditional_leakage import ConditionalCell, conditional_leakage
from iin_core.metrics.critic_leak import CriticLeak, critic_leaks, pair_leak
from iin_core.metrics.distance_correlation import distance_correlation, distance_correlation_test
from iin_core.metrics.edit_success import EditSuccess, edit_success
from iin_core.metrics.frechet import Moments, feature_moments, frechet, frechet_distance
from iin_core.metrics.grouped_scores import grouped_scores
from iin_core.metrics.hsic import hsic, hsic_test
from iin_core.metrics.information import GroupedInformation, grouped_information
from iin_core.metrics.interchange import (
    FactorInterchange,
    Interchange,
    interchange,
    interchange_pairs,
    reading_accuracy,
)
from iin_core.metrics.invertibility import identity_error, invertibility_error
from iin_core.metrics.jackknife import jackknife_interval
from iin_core.metrics.leakage import FitRows, Leakage, LeakageCell, leakage, leakages
from iin_core.metrics.ordering import ordering
from iin_core.metrics.per_dimension import (
    RowSamples,
    batches_holding_a_factor,
    beta_vae_score,
    dci,
    explicitness,
    factor_vae_score,
    irs,
    mig,
    modularity,
    paired_batches_holding_a_factor,
    sap_continuous,
    sap_discrete,
)
from iin_core.metrics.permutation import Dependence
from iin_core.metrics.precision_recall import Manifold, PrecisionRecall, manifold, precision_recall
from iin_core.metrics.prior_fit import BlockFit, prior_fit
from iin_core.metrics.quintiles import quintiles
from iin_core.metrics.response import Response, class_response, value_response
from iin_core.metrics.score import Score
from iin_core.metrics.stability import Stability, linear_cka, stability
from iin_core.metrics.total_correlation import gaussian_total_correlation

__all__ = [
    "BlockFit",
    "ConditionalCell",
    "CriticLeak",
    "Dependence",
    "EditSuccess",
    "FactorInterchange",
    "FitRows",
    "GroupedInformation",
    "Interchange",
    "Leakage",
    "LeakageCell",
    "Manifold",
    "Moments",
    "PrecisionRecall",
    "Response",
    "RowSamples",
    "Score",
    "Stability",
    "batches_holding_a_factor",
    "beta_vae_score",
    "class_response",
    "conditional_leakage",
    "critic_leaks",
    "dci",
    "distance_correlation",
    "distance_correlation_test",
    "edit_success",
    "explicitness",
    "factor_vae_score",
    "feature_moments",
    "frechet",
    "frechet_distance",
    "gaussian_total_correlation",
    "grouped_information",
    "grouped_scores",
    "hsic",
    "hsic_test",
    "identity_error",
    "interchange",
    "interchange_pairs",
    "invertibility_error",
    "irs",
    "jackknife_interval",
    "leakage",
    "leakages",
    "linear_cka",
    "manifold",
    "mig",
    "modularity",
    "ordering",
    "pair_leak",
    "paired_batches_holding_a_factor",
    "precision_recall",
    "prior_fit",
    "quintiles",
    "reading_accuracy",
    "sap_continuous",
    "sap_discrete",
    "stability",
    "value_response",
]
