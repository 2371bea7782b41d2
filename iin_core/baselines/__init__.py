"""Linear factorisations of activations, one method a file: what an IIN has to beat."""

from iin_core.baselines.class_means import class_means
from iin_core.baselines.das import DasSettings, das
from iin_core.baselines.lda import lda
from iin_core.baselines.leace import leace
from iin_core.baselines.linear import MAX_DIMS, LinearFactorisation
from iin_core.baselines.readout import Readout, fit_readout

BASELINES = {"class_means": class_means, "lda": lda, "leace": leace, "das": das}
"""Name → `fit(z, concepts)` on training rows."""

__all__ = [
    "BASELINES",
    "MAX_DIMS",
    "DasSettings",
    "LinearFactorisation",
    "Readout",
    "class_means",
    "das",
    "fit_readout",
    "lda",
    "leace",
]
