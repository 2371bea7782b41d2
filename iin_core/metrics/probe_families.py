"""The families of probes, by the names that studies use."""

from __future__ import annotations

from iin_core.metrics.probe_each import ProbeFamily, one_by_one
from iin_core.metrics.probe_forest import forest_probes
from iin_core.metrics.probe_knn import knn
from iin_core.metrics.probe_linear import linear_probes
from iin_core.metrics.probe_mlp import mlp_probes
from iin_core.metrics.probe_qda import qda
from iin_core.metrics.probe_rbf import rbf

FAMILIES: dict[str, ProbeFamily] = {
    "linear": linear_probes,
    "mlp": mlp_probes,
    "knn": one_by_one(knn),
    "qda": one_by_one(qda),
    "forest": forest_probes,
    "rbf": one_by_one(rbf),
}
"""`linear` and `mlp` are trained stacked; the others one after another, by scikit-learn or in closed form."""

WITHOUT_PROBABILITIES = frozenset({"rbf"})
"""Families that name a class only: they have accuracies and no V-information."""
