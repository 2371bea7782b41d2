"""Quadratic discriminant analysis as a probe."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

SHRINKAGE = 0.05


def qda(x: NDArray[np.float32], classes: NDArray[np.int64], read: NDArray[np.float32]) -> NDArray[np.float64]:
    """A Gaussian for each class, weighted with the class's share.

    Covariances are (1 − r) S_c + r I in whitened coordinates, r = 0.05 (scikit-learn's
    `reg_param`), since a class may have fewer rows than the block has dimensions. See
    `iin_core.metrics.probe_each.Classify`.
    """
    rows, wanted = torch.from_numpy(x).double(), torch.from_numpy(read).double()
    unit = torch.eye(x.shape[1], dtype=torch.float64)
    logs = []
    for value in range(int(classes.max()) + 1):
        members = rows[torch.from_numpy(classes == value)]
        spread = torch.cov(members.T).reshape(unit.shape) if len(members) > 1 else unit
        factor = torch.linalg.cholesky((1 - SHRINKAGE) * spread + SHRINKAGE * unit)
        away = torch.linalg.solve_triangular(factor, (wanted - members.mean(0)).T, upper=False)
        share = len(members) / len(rows)
        logs.append(np.log(share) - factor.diagonal().log().sum() - 0.5 * away.square().sum(0))
    probabilities: NDArray[np.float64] = torch.stack(logs, 1).softmax(1).numpy()
    return probabilities
