"""The last step of a fit: what blocks still tell of other concepts in their first two moments is taken out.

A flow trained with noise edits well but lets each concept shift and scale the other blocks a little
within the noise. Here it is measured on clean rows, in closed form, and removed by affine maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.linalg import cholesky, solve_triangular

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.flow import NormalizingFlow
from iin_core.jobs import Job, Trained
from iin_core.stream import ShardedRows
from iin_core.transforms import AffineMaps, ConditionalAffine, Gate

CELLS = 8
"""Quantile bins of a number."""
_MOST_ROWS = 50_000
_SHRINKAGES = (0.1, 0.5, 2.0, 8.0, 32.0, 128.0, 1024.0)
"""Rows a dimension that the pooled moments count for beside a cell's own."""
_INTERACTION = 4.0
_FLOOR = 1e-6


@dataclass(frozen=True)
class CellRows:
    """Rows of z̃ with the cell of each concept, long, −1 where it is missing.

    Attributes:
        z_tilde: (n, N).
        cells: concept → (n,).
    """

    z_tilde: Tensor
    cells: Mapping[str, Tensor]

    def moved(self, step: ConditionalAffine) -> CellRows:
        """The same rows behind a further step."""
        return CellRows(step(self.z_tilde[None])[0][0], self.cells)


def calibrated(flow: NormalizingFlow, blocks: Blocks, rows: CellRows, check: CellRows) -> NormalizingFlow:
    """The flow with affine maps behind it that even out the blocks' moments over the concepts' cells.

    For each concept's block, half by half: mean and covariance within a class must not depend on
    any other concept; then the residual's must not depend on any concept, and the residual is
    whitened. Every map is chosen by dimensions that it leaves alone, so T stays a bijection. Cells'
    moments are shrunk towards the pooled ones, as much as predicts the rows of `check` best; a map
    that predicts them no better than none is left out.

    Args:
        flow: of one IIN.
        blocks: the layout of z̃.
        rows: z̃ of training rows, without noise.
        check: of rows that the flow was not fitted on.

    Source: ours; the shrinkage is that of regularised discriminant analysis (Friedman, 1989).
    """
    transforms = list(flow.transforms)
    for target, foreign, own in _plan(blocks, list(rows.cells)):
        step = _fitted(target, (_gate(foreign, rows), _gate(own, rows)), rows, check)
        if step is not None:
            rows, check = rows.moved(step), check.moved(step)
            transforms.append(step)
    return NormalizingFlow(transforms)


def calibrate(trained: Trained, job: Job) -> Trained:
    """What `train` made of a job, its flow calibrated on the job's own rows; see `calibrated`."""
    if trained.failure is not None:
        return trained
    flow = trained.flow.eval().requires_grad_(False)
    x, places = _sample(job.x)
    cells = {
        name: quantile_cells(target[places]) if target.is_floating_point() else target[places]
        for name, target in job.targets.items()
    }
    rows = CellRows(flow(x[None])[0][0], cells)
    check = CellRows(flow(job.x_validation[None])[0][0], {})
    return replace(trained, flow=calibrated(flow, job.blocks, rows, check))


def quantile_cells(scores: Tensor, n_cells: int = CELLS) -> Tensor:
    """Cells of equal size of a number's normal scores, (n,); −1 where it is missing (NaN)."""
    edges = torch.special.ndtri(torch.arange(1, n_cells, dtype=torch.float64) / n_cells).to(scores)
    return torch.where(scores.isnan(), -1, torch.bucketize(scores, edges))


_Part = tuple[str, slice]


def _plan(blocks: Blocks, concepts: Sequence[str]) -> list[tuple[slice, _Part | None, _Part | None]]:
    """What moves, by which concept, and by which own one besides; each read where nothing moves."""
    steps: list[tuple[slice, _Part | None, _Part | None]] = []
    for name in concepts:
        start, stop = blocks[name].start, blocks[name].stop
        middle = (start + stop) // 2
        halves = [(slice(start, middle), slice(middle, stop)), (slice(middle, stop), slice(start, middle))]
        for other in concepts:
            if other != name and stop - start > 1:
                steps += [(half, (other, blocks[other]), (name, rest)) for half, rest in halves]
            elif other != name:
                steps.append((blocks[name], (other, blocks[other]), None))
    steps += [(blocks[RESIDUAL], (name, blocks[name]), None) for name in concepts]
    return [*steps, (blocks[RESIDUAL], None, None)]


def _gate(part: _Part | None, rows: CellRows) -> Gate | None:
    if part is None:
        return None
    name, place = part
    known = rows.cells[name] >= 0
    cell, x = rows.cells[name][known], rows.z_tilde[known][:, place]
    n_cells = int(cell.max()) + 1
    centres = _sums(x, cell, n_cells) / torch.bincount(cell, minlength=n_cells).clamp_min(1)[:, None]
    spread = (x - centres[cell]).square().mean(0).sqrt().clamp_min(_FLOOR)
    return Gate(place, centres, spread)


def _fitted(
    target: slice, gates: tuple[Gate | None, Gate | None], rows: CellRows, check: CellRows
) -> ConditionalAffine | None:
    """The map with the shrinkage that predicts the rows of `check` best; None if no map does better."""
    foreign, own = (_Cells.of(gate, rows.z_tilde) for gate in gates)
    x = rows.z_tilde[:, target].double()
    moments = _Moments.of(x, foreign, own)
    x_check = check.z_tilde[:, target].double()
    check_cells = [_Cells.of(gate, check.z_tilde).cell for gate in gates]
    best, least = None, moments.nll(*moments.pooled(), x_check, *check_cells)
    for shrinkage in _SHRINKAGES if gates[0] is not None else ():
        centre, root = moments.shrunk(shrinkage)
        nll = moments.nll(centre, root, x_check, *check_cells)
        if nll < least:
            best, least = (centre, root), nll
    whiten = gates[0] is None
    if best is None and not whiten:
        return None
    centre, root = moments.pooled() if best is None else best
    n_dims = x.shape[1]
    home = torch.zeros_like(moments.home) if whiten else moments.home
    unit = torch.eye(n_dims, dtype=x.dtype)
    scale = solve_triangular(root, unit.expand_as(root), upper=False)
    if whiten:
        deviation = (x_check - centre[0, 0]) @ scale[0].T
        scale = scale / deviation.square().mean().sqrt()
    else:
        scale = moments.root @ scale
    return ConditionalAffine(target, *gates, AffineMaps(scale.float(), centre.float(), home.float()))


@dataclass(frozen=True)
class _Cells:
    """Cells of rows, (n,), and how many there are."""

    cell: Tensor
    n_cells: int

    @classmethod
    def of(cls, gate: Gate | None, z_tilde: Tensor) -> _Cells:
        if gate is None:
            return cls(torch.zeros(len(z_tilde), dtype=torch.long), 1)
        return cls(gate(z_tilde), gate.n_cells)


@dataclass(frozen=True)
class _Moments:
    """Means and covariances of rows by own cell o and foreign cell f.

    Attributes:
        home: (O, w), the means of own cells.
        root: (w, w), the Cholesky factor of the covariance within own cells.
        shift: (F, w), mean deviation from home in each foreign cell.
        covariance: (F, w, w), within a foreign cell, about the means of its own cells.
        interaction: (O, F, w), what the mean of each pair of cells has beyond both.
        counts: (F,) and (O, F) rows.
    """

    home: Tensor
    root: Tensor
    shift: Tensor
    covariance: Tensor
    interaction: Tensor
    counts: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, x: Tensor, foreign: _Cells, own: _Cells) -> _Moments:
        f, o = foreign.cell, own.cell
        n_f, n_both = torch.bincount(f, minlength=foreign.n_cells), foreign.n_cells * own.n_cells
        both = o * foreign.n_cells + f
        n_own, n_pair = torch.bincount(o, minlength=own.n_cells), torch.bincount(both, minlength=n_both)
        home = _sums(x, o, own.n_cells) / n_own.clamp_min(1)[:, None]
        deviation = x - home[o]
        shift = _sums(deviation, f, foreign.n_cells) / n_f.clamp_min(1)[:, None]
        beyond = deviation - shift[f]
        interaction = _sums(beyond, both, n_both) / n_pair.clamp_min(1)[:, None]
        within = beyond - interaction[both]
        covariance = torch.stack(
            [within[f == cell].T @ within[f == cell] / max(1, int(n_f[cell])) for cell in range(len(n_f))]
        )
        root = cholesky(_positive(deviation.T @ deviation / len(x)))
        shape = (own.n_cells, foreign.n_cells)
        return cls(home, root, shift, covariance, interaction.view(*shape, -1), (n_f, n_pair.view(shape)))

    def pooled(self) -> tuple[Tensor, Tensor]:
        """Centres (O, F, w) and Cholesky factors (F, w, w) of a map that is the same in all cells."""
        n_foreign = len(self.shift)
        return self.home[:, None].expand(-1, n_foreign, -1), self.root.expand(n_foreign, -1, -1)

    def shrunk(self, shrinkage: float) -> tuple[Tensor, Tensor]:
        """The same for each cell, from its own moments and the pooled ones."""
        n_dims = self.home.shape[1]
        n_f, n_pair = self.counts
        own_share = (n_f / (n_f + shrinkage * n_dims))[:, None, None]
        pooled = self.root @ self.root.T
        root = cholesky(_positive(own_share * self.covariance + (1 - own_share) * pooled))
        sure = (n_pair / (n_pair + _INTERACTION * shrinkage * n_dims))[..., None]
        shift = (n_f / (n_f + shrinkage))[:, None] * self.shift
        return self.home[:, None] + shift[None] + sure * self.interaction, root

    @staticmethod
    def nll(centre: Tensor, root: Tensor, x: Tensor, foreign: Tensor, own: Tensor) -> float:
        """Negative log-likelihood of rows x, (n, w), in nats a row, without its constant."""
        total = torch.zeros((), dtype=x.dtype)
        for cell in foreign.unique().tolist():
            rows = foreign == cell
            deviation = (x[rows] - centre[own[rows], cell]).T
            white = solve_triangular(root[cell], deviation, upper=False)
            total = total + 0.5 * white.square().sum() + rows.sum() * root[cell].diagonal().log().sum()
        return float(total / len(x))


def _positive(covariance: Tensor) -> Tensor:
    n_dims = covariance.shape[-1]
    floor = _FLOOR * covariance.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(_FLOOR)[..., None, None]
    return covariance + floor * torch.eye(n_dims, dtype=covariance.dtype)


def _sums(x: Tensor, cell: Tensor, n_cells: int) -> Tensor:
    return torch.zeros(n_cells, x.shape[1], dtype=x.dtype).index_add_(0, cell, x)


def _sample(x: Tensor | ShardedRows) -> tuple[Tensor, Tensor]:
    """At most `_MOST_ROWS` training rows, and their places among all."""
    if isinstance(x, Tensor):
        rows, places = x, torch.arange(len(x))
    else:
        places = torch.from_numpy(x.rows(0))
        rows = torch.empty(x.largest_window, x.n_dims)
        x.fill(rows, 0)
    step = -(-len(places) // _MOST_ROWS)
    return rows[: len(places)][::step], places[::step]
