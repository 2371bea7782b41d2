"""An affine map of some dimensions that depends on the cell in which others lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.linalg import solve_triangular


class Gate(nn.Module):
    """Tells in which cell a row lies: the nearest centre, in some dimensions that the map leaves alone.

    Args:
        place: those dimensions of z̃.
        centres: (C, w).
        spread: (w,), of each dimension within a cell.
    """

    centres: Tensor
    spread: Tensor

    def __init__(self, place: slice, centres: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.place = place
        self.register_buffer("centres", centres[None])
        self.register_buffer("spread", spread[None])

    @property
    def n_cells(self) -> int:
        """C."""
        return self.centres.shape[1]

    def forward(self, z_tilde: Tensor) -> Tensor:
        """The cell of each row of z̃, (n, N), as (n,)."""
        part = z_tilde[:, self.place] / self.spread[0]
        return torch.cdist(part, self.centres[0] / self.spread[0]).argmin(1)


@dataclass(frozen=True)
class AffineMaps:
    """y = scale_f · (x − centre_of − slope_f · u) + home_o + home_slope · u, for cells f and o of two gates.

    u is how far the dimensions that the gate of o reads lie from their cell's centre.

    Attributes:
        scale: (F, w, w), lower triangular with a positive diagonal.
        centre: (O, F, w).
        home: (O, w).
        slope: (F, w, v); v = 0 where nothing depends on u.
        home_slope: (w, v).
    """

    scale: Tensor
    centre: Tensor
    home: Tensor
    slope: Tensor
    home_slope: Tensor


class ConditionalAffine(nn.Module):
    """Moves the dimensions `target` by one of a few affine maps, chosen by dimensions that stay.

    Which map is taken is told by two gates that do not read `target`, so it can be told backwards
    as well: a bijection. It holds one IIN (K = 1): it is fitted behind the training of a stack.

    Args:
        target: the dimensions that move.
        foreign: what the map is chosen by; None: one map for all.
        own: what the centre depends on besides; None: nothing.
        maps: one for each cell.
    """

    scale: Tensor
    centre: Tensor
    home: Tensor
    slope: Tensor
    home_slope: Tensor

    def __init__(self, target: slice, foreign: Gate | None, own: Gate | None, maps: AffineMaps) -> None:
        super().__init__()
        self.target, self.foreign, self.own = target, foreign, own
        self.register_buffer("scale", maps.scale[None])
        self.register_buffer("centre", maps.centre[None])
        self.register_buffer("home", maps.home[None])
        self.register_buffer("slope", maps.slope[None])
        self.register_buffer("home_slope", maps.home_slope[None])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map x, (1, n, N), to y, (1, n, N), and log|dy/dx|, (1, n)."""
        foreign, own = self._cells(x[0])
        u = self._deviations(x[0], own)
        moved = x[0, :, self.target] - self.centre[0][own, foreign]
        home = self.home[0][own] + u @ self.home_slope[0].T
        y = x[0].clone()
        for cell in foreign.unique().tolist():
            rows = (foreign == cell).nonzero()[:, 0]
            free = moved[rows] - u[rows] @ self.slope[0, cell].T
            y[rows, self.target] = free @ self.scale[0, cell].T + home[rows]
        log_det = self.scale[0].diagonal(dim1=-2, dim2=-1).log().sum(-1)[foreign]
        return y[None], log_det[None]

    def inverse(self, y: Tensor) -> Tensor:
        """Map y, (1, n, N), back to x."""
        foreign, own = self._cells(y[0])
        u = self._deviations(y[0], own)
        moved = y[0, :, self.target] - self.home[0][own] - u @ self.home_slope[0].T
        x = y[0].clone()
        for cell in foreign.unique().tolist():
            rows = (foreign == cell).nonzero()[:, 0]
            free = solve_triangular(self.scale[0, cell], moved[rows].T, upper=False).T
            x[rows, self.target] = free + u[rows] @ self.slope[0, cell].T + self.centre[0][own[rows], cell]
        return x[None]

    def _deviations(self, rows: Tensor, own: Tensor) -> Tensor:
        if self.own is None or not self.slope.shape[-1]:
            return rows[:, :0]
        return rows[:, self.own.place] - self.own.centres[0][own]

    def _cells(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        first = torch.zeros(len(rows), dtype=torch.long, device=rows.device)
        foreign = first if self.foreign is None else self.foreign(rows)
        return foreign, first if self.own is None else self.own(rows)


def describe(step: ConditionalAffine) -> dict[str, Any]:
    """What besides its tensors makes a step again, as JSON holds it."""
    gates = {"foreign": step.foreign, "own": step.own}
    return {
        "target": [step.target.start, step.target.stop],
        "sloped": step.slope.shape[-1] > 0,
        **{
            name: None if gate is None else [gate.place.start, gate.place.stop, gate.n_cells]
            for name, gate in gates.items()
        },
    }


def rebuild(entry: Mapping[str, Any]) -> ConditionalAffine:
    """A step of the shape that `describe` gave; its tensors are loaded afterwards."""
    foreign, own = (_empty_gate(entry[name]) for name in ("foreign", "own"))
    n_foreign, n_own = (1 if gate is None else gate.n_cells for gate in (foreign, own))
    target = slice(*entry["target"])
    width = target.stop - target.start
    sloped = own.centres.shape[-1] if entry["sloped"] and own is not None else 0
    maps = AffineMaps(
        scale=torch.empty(n_foreign, width, width),
        centre=torch.empty(n_own, n_foreign, width),
        home=torch.empty(n_own, width),
        slope=torch.empty(n_foreign, width, sloped),
        home_slope=torch.empty(width, sloped),
    )
    return ConditionalAffine(target, foreign, own, maps)


def _empty_gate(entry: tuple[int, int, int] | None) -> Gate | None:
    if entry is None:
        return None
    start, stop, n_cells = entry
    return Gate(slice(start, stop), torch.empty(n_cells, stop - start), torch.empty(stop - start))
