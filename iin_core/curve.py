"""Loss and likelihood over the updates of a stack, gathered on the device until the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor

from iin_core.flow import NormalizingFlow
from iin_core.objective import nll_per_dim
from iin_core.recorded import moved_in_place
from iin_core.schedule import learning_rate
from iin_core.spec import TrainingSpec

_POINTS = 50
_LEAST_BETWEEN = 10
_CHUNK = 256
_SHARE = 0.1
"""Validation rows passed over all points, relative to the rows of all updates. A forward pass is a
third of an update, so that this is a thirtieth of the cost."""


class Validation:
    """Held-out rows of each IIN, evenly taken from all it has, in chunks of one size.

    Chunks make the result of an IIN independent of how many rows its neighbours have.
    """

    def __init__(self, rows: Sequence[Tensor], spec: TrainingSpec, device: torch.device) -> None:
        most = max(_CHUNK, round(_SHARE * spec.updates * spec.batch / n_points(spec)))
        taken = [own[evenly(len(own), most)] if len(own) > most else own for own in rows]
        n_chunks = max(1, *(-(-len(own) // _CHUNK) for own in taken))
        shape = (len(rows), n_chunks * _CHUNK)
        x, weight = torch.zeros(*shape, rows[0].shape[-1]), torch.zeros(shape)
        for k, own in enumerate(taken):
            x[k, : len(own)] = own
            weight[k, : len(own)] = 1 / max(1, len(own))
        self._x = x.to(device).split(_CHUNK, 1)
        self._weight = weight.to(device).split(_CHUNK, 1)

    @torch.no_grad()
    def nll(self, flow: NormalizingFlow) -> Tensor:
        """The mean held-out NLL of each IIN, (K,), in nats per dimension."""
        total = torch.zeros(len(self._x[0]), device=self._x[0].device)
        for x, weight in zip(self._x, self._weight, strict=True):
            total += torch.where(weight > 0, nll_per_dim(*moved_in_place(flow, x)) * weight, 0).sum(1)
        return total


class Curve:
    """The points of all IINs of a stack."""

    def __init__(self, stack: int, spec: TrainingSpec, device: torch.device) -> None:
        self._spec, self._stack, self._device = spec, stack, device
        self._points: list[Tensor] = []

    def wants(self, update: int) -> bool:
        """Whether there is a point behind this update, counted from 0."""
        return (update + 1) % _every(self._spec) == 0 or update in (0, self._spec.updates - 1)

    def add(self, loss: Tensor, nll_train: Tensor, nll_validation: Tensor) -> None:
        """Add the next point, (K,) each."""
        self._points.append(torch.stack((loss, nll_train, nll_validation), 1))

    def table(self, k: int, until: int) -> pd.DataFrame:
        """The points of the k-th IIN up to an update, counted from 1."""
        updates = [update for update in range(until) if self.wants(update)]
        values = torch.stack(self._points)[: len(updates), k].tolist()
        rows = [
            (update + 1, *point, learning_rate(update, self._spec))
            for update, point in zip(updates, values, strict=True)
        ]
        columns = ["update", "loss", "nll_train", "nll_validation", "learning_rate"]
        return pd.DataFrame(rows, columns=columns)

    def state(self, k: int) -> dict[str, Tensor]:
        """The points of the k-th IIN, (points, 3)."""
        none = torch.zeros(0, self._stack, 3)
        return {"points": (torch.stack(self._points) if self._points else none)[:, k].clone()}

    def load(self, k: int, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave; all IINs of a stack have equally many points."""
        points = state["points"]
        if not self._points:
            self._points = [torch.zeros(self._stack, 3, device=self._device) for _ in points]
        for own, point in zip(self._points, points, strict=True):
            own[k] = point


def n_points(spec: TrainingSpec) -> int:
    """About how many points a curve has."""
    return max(1, spec.updates // _every(spec))


def evenly(n: int, wanted: int) -> Tensor:
    """`wanted` places from 0 to n − 1, evenly spaced; some come twice where there are fewer."""
    return torch.linspace(0, n - 1, wanted, dtype=torch.float64).round().long()


def _every(spec: TrainingSpec) -> int:
    return max(_LEAST_BETWEEN, spec.updates // _POINTS)
