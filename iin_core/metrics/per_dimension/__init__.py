"""Literature's metrics of single dimensions: for comparison only, never the score of a block code."""

from iin_core.metrics.per_dimension.beta_vae_score import BetaVaeScore, beta_vae_score
from iin_core.metrics.per_dimension.dci import Dci, dci
from iin_core.metrics.per_dimension.explicitness import Explicitness, explicitness
from iin_core.metrics.per_dimension.factor_vae_score import FactorVaeScore, factor_vae_score
from iin_core.metrics.per_dimension.irs import Irs, irs
from iin_core.metrics.per_dimension.mig import Mig, mig
from iin_core.metrics.per_dimension.modularity import Modularity, modularity
from iin_core.metrics.per_dimension.row_samples import (
    RowSamples,
    batches_holding_a_factor,
    paired_batches_holding_a_factor,
)
from iin_core.metrics.per_dimension.sap_continuous import SapContinuous, sap_continuous
from iin_core.metrics.per_dimension.sap_discrete import SapDiscrete, sap_discrete

__all__ = [
    "BetaVaeScore",
    "Dci",
    "Explicitness",
    "FactorVaeScore",
    "Irs",
    "Mig",
    "Modularity",
    "RowSamples",
    "SapContinuous",
    "SapDiscrete",
    "batches_holding_a_factor",
    "beta_vae_score",
    "dci",
    "explicitness",
    "factor_vae_score",
    "irs",
    "mig",
    "modularity",
    "paired_batches_holding_a_factor",
    "sap_continuous",
    "sap_discrete",
]
