"""The last step of a fit: what blocks still tell of other concepts in their first two moments is taken out.

A flow trained with noise edits well but lets each concept shift and scale the other blocks a little
within the noise. Here it is measured on clean rows, in closed form, and removed by affine maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.cell_moments import Moments, Told
from iin_core.clusters import clusters
from iin_core.flow import NormalizingFlow
from iin_core.jobs import Job, Trained
from iin_core.stream import ShardedRows
from iin_core.transforms import ConditionalAffine, Gate

CELLS = 8
"""Quantile bins of a number."""
CLUSTERS = 16
"""Cells of a block whose concept is told by pairs alone."""
_MOST_ROWS = 50_000
_SHRINKAGES = (0.1, 0.5, 2.0, 8.0, 32.0, 128.0, 1024.0)
"""Rows a dimension that the pooled covariance counts for beside a cell's own."""
_SHIFTS = (1.0, 0.8, 0.6, 0.4, 0.2, 0.0)
"""Shares of a cell's mean deviation that are taken out."""
_FLOOR = 1e-6
_SURE = 0.9
"""The share of training rows whose label half of a block has to tell, for the other half to go by it."""


@dataclass(frozen=True)
class CellRows:
    """Rows of z̃ with the cell of each concept, long, −1 where it is missing.

    Attributes:
        z_tilde: (n, N).
        cells: concept → (n,).
        labelled: concepts whose cells are labels, not parts of a scale or clusters.
    """

    z_tilde: Tensor
    cells: Mapping[str, Tensor]
    labelled: frozenset[str] = frozenset()

    def moved(self, step: ConditionalAffine) -> CellRows:
        """The same rows behind a further step."""
        return replace(self, z_tilde=step(self.z_tilde[None])[0][0])


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
    for place in _plan(blocks, list(rows.cells)):
        step = _fitted(place, rows, check)
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
    z_tilde = flow(x[None])[0][0]
    for name, place in job.blocks.items():
        if name != RESIDUAL and name not in cells:
            cells[name] = clusters(z_tilde[:, place], CLUSTERS)
    labelled = frozenset(name for name, target in job.targets.items() if not target.is_floating_point())
    rows = CellRows(z_tilde, cells, labelled)
    check = CellRows(flow(job.x_validation[None])[0][0], {})
    return replace(trained, flow=calibrated(flow, job.blocks, rows, check))


def quantile_cells(scores: Tensor, n_cells: int = CELLS) -> Tensor:
    """Cells of equal size of a number's normal scores, (n,); −1 where it is missing (NaN)."""
    edges = torch.special.ndtri(torch.arange(1, n_cells, dtype=torch.float64) / n_cells).to(scores)
    return torch.where(scores.isnan(), -1, torch.bucketize(scores, edges))


_Part = tuple[str, slice]


@dataclass(frozen=True)
class _Place:
    """What moves, by which concept, and by which own one besides; `sloped`: linearly by the latter, too."""

    target: slice
    foreign: _Part | None
    own: _Part | None = None
    sloped: bool = False


def _plan(blocks: Blocks, concepts: Sequence[str]) -> list[_Place]:
    """Each step is chosen by dimensions that it does not move.

    Of a block the first half's moments are evened out, then the second's given the first.
    """
    steps: list[_Place] = []
    for name in concepts:
        start, stop = blocks[name].start, blocks[name].stop
        middle = (start + stop) // 2
        first, second = slice(start, middle), slice(middle, stop)
        for other in concepts:
            foreign = (other, blocks[other])
            if other != name and stop - start > 1:
                steps.append(_Place(first, foreign, (name, second)))
                steps.append(_Place(second, foreign, (name, first), sloped=True))
            elif other != name:
                steps.append(_Place(blocks[name], foreign))
    steps += [_Place(blocks[RESIDUAL], (name, blocks[name])) for name in concepts]
    return [*steps, _Place(blocks[RESIDUAL], None)]


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


def _mistakes_labels(gate: Gate, rows: CellRows, concept: str) -> bool:
    known = rows.cells[concept] >= 0
    right = gate(rows.z_tilde[known]) == rows.cells[concept][known]
    return concept in rows.labelled and float(right.float().mean()) < _SURE


def _fitted(place: _Place, rows: CellRows, check: CellRows) -> ConditionalAffine | None:
    """The map with the shrinkage that predicts the rows of `check` best; None if no map does better.

    None as well where half of a block mistakes its own label too often: where classes are tight the map
    of a wrong one is a shift that tells more than what it takes out.
    """
    foreign, own = _gate(place.foreign, rows), _gate(place.own, rows)
    if place.own is not None and own is not None and _mistakes_labels(own, rows, place.own[0]):
        return None
    moments = Moments.of(_told(place, foreign, own, rows.z_tilde))
    told = _told(place, foreign, own, check.z_tilde)
    best, least = moments.pooled(), moments.pooled().nll(told)
    pooled = best
    for shrinkage in _SHRINKAGES if foreign is not None else ():
        for share in _SHIFTS:
            found = moments.shrunk(shrinkage, share)
            nll = found.nll(told)
            if nll < least:
                best, least = found, nll
    if foreign is None:
        return ConditionalAffine(place.target, None, None, best.whitening(told))
    return None if best is pooled else ConditionalAffine(place.target, foreign, own, best.towards(pooled))


def _told(place: _Place, foreign: Gate | None, own: Gate | None, z_tilde: Tensor) -> Told:
    none = torch.zeros(len(z_tilde), dtype=torch.long)
    f = none if foreign is None else foreign(z_tilde)
    o = none if own is None else own(z_tilde)
    x = z_tilde[:, place.target].double()
    u = x[:, :0]
    if own is not None and place.sloped:
        u = (z_tilde[:, own.place] - own.centres[0][o]).double()
    return Told(x, u, f, o, (1 if foreign is None else foreign.n_cells, 1 if own is None else own.n_cells))


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
