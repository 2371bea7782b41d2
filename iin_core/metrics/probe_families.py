"""The families of probes, by the names that studies use."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from iin_core.metrics.probe_forest import forest_probes
from iin_core.metrics.probe_inputs import ProbeInputs
from iin_core.metrics.probe_knn import knn_probes
from iin_core.metrics.probe_linear import linear_probes
from iin_core.metrics.probe_mlp import mlp_probes
from iin_core.metrics.probe_qda import qda_probes
from iin_core.metrics.probe_rbf import rbf_probes


class ProbeFamily(Protocol):
    """Fits every probe of a stack and reads each row by the probe that did not see its source."""

    def __call__(self, inputs: ProbeInputs, *, seed: int = 0) -> Tensor:
        """Log-probabilities (inputs, targets, n, classes)."""
        ...


FAMILIES: dict[str, ProbeFamily] = {
    "linear": linear_probes,
    "mlp": mlp_probes,
    "knn": knn_probes,
    "qda": qda_probes,
    "forest": forest_probes,
    "rbf": rbf_probes,
}
"""`linear` and `mlp` are trained stacked; the others one after another, by scikit-learn or in closed form."""

WITHOUT_PROBABILITIES = frozenset({"rbf"})
"""Families that name a class only: they have accuracies and no V-information."""
