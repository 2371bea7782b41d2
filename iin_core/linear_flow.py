"""A flow without networks, in the trained one's place where that has learned what held-out rows deny.

From few rows a flow learns their noise: it moves rows that it has seen as it should, and others not.
A linear map that lays what each concept moves into its block has less to learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from iin_core.blocks import RESIDUAL
from iin_core.curve import evenly
from iin_core.dimensions import drawn_pairs
from iin_core.dimensions.directions import correlations, shared_directions
from iin_core.flow import NormalizingFlow
from iin_core.jobs import Job, Trained
from iin_core.linked_rows import likeliest_scales, loss_of
from iin_core.reference_turn import reference_turn
from iin_core.sampling import PairSampler
from iin_core.transforms import AffineMaps, ConditionalAffine, Rotation
from iin_core.transforms.rotation import random_basis

_SEED = 0x11EA
_ENOUGH = 64
"""Training rows a dimension from which on what was trained stays: wherever both were measured with so many
it swapped better and leaked less, also where its likelihood on held-out rows was the worse one."""
_MOST_ROWS, _MOST_COLUMNS = 16_384, 256
_DEVIATIONS = 3.0
_RIDGE = 1e-3
"""Keeps concepts apart whose effects have one direction."""
_LEAST_SPREAD = 1e-5
_FLOOR = 1e-6


def judged(trained: Trained, job: Job) -> Trained:
    """What was trained, or a linear flow in its place where it has learned noise.

    That is told by a mere turn (`reference_turn`), which leaves much to be learned: if what was trained
    predicts the linked rows of the training better, and held-out ones worse, it has learned what holds
    on its own rows alone. Without pairs of validation rows, with many rows a dimension, and where rows are
    read in windows (they are many), what was trained stays.
    """
    if trained.failure is not None or job.check is None:
        return trained
    if not isinstance(job.x, Tensor) or not isinstance(job.sampler, PairSampler):
        return trained
    if len(job.x) >= _ENOUGH * job.n_dims:
        return trained
    turn = reference_turn(job.x, job.sampler, job.check, job)
    sides = ((job.x, job.sampler), (job.x_validation, job.check))
    fitted, held_out = (
        loss_of(trained.flow, x, sampler, job.blocks) - loss_of(turn, x, sampler, job.blocks)
        for x, sampler in sides
    )
    if fitted >= 0 or held_out <= 0:
        return trained
    return replace(trained, flow=linear_flow(job.x, job.sampler, job.check, job), linear=True)


@torch.no_grad()
def linear_flow(x: Tensor, sampler: PairSampler, check: PairSampler, job: Job) -> NormalizingFlow:
    """A linear map that gives each concept's block what its classes differ in, free of the others' effects.

    The effects of all concepts are fitted together, so that what concepts share by chance in few rows
    stays out, and directions are seen in units of the spread that no concept explains. A concept's
    coordinates do not move with another's effects, the residual's with none. A block is filled up
    with directions of little variance in z, and turned in itself, so that either half of it tells the
    class: calibration goes by that. Each dimension has the scale at which its linked rows are likeliest.

    Args:
        x: training rows behind a front, (n, d).
        sampler: draws linked rows of them.
        check: draws linked validation rows: directions that they share as well are taken.
        job: blocks, targets, noise and validation rows.
    """
    centre = x.mean(0)
    forward = _forward(x - centre, sampler, check, job)
    forward = forward * likeliest_scales((x - centre) @ forward.float(), sampler, job.blocks)
    turn, upper = torch.linalg.qr(forward)
    sign = upper.diagonal().sign()
    turn, lower = (turn * sign).float().contiguous(), (upper * sign[:, None]).T.float().contiguous()
    d = job.n_dims
    maps = AffineMaps(
        lower[None],
        (centre @ turn)[None, None],
        lower.new_zeros(1, d),
        lower.new_zeros(1, d, 0),
        lower.new_zeros(d, 0),
    )
    return NormalizingFlow([Rotation(turn[None]), ConditionalAffine(slice(0, d), None, None, maps)])


def _forward(x: Tensor, sampler: PairSampler, check: PairSampler, job: Job) -> Tensor:
    """The map, (d, d) float64, of centred rows to codes in the order of the blocks, up to scales."""
    taken = evenly(len(x), min(len(x), _MOST_ROWS))
    effects, spread = _effects(x[taken].double(), {name: v[taken] for name, v in job.targets.items()})
    white = _inverse_root(spread)
    chosen = _own_directions(x, (sampler, check), white, effects, job)
    moved = torch.cat([white[:, :0], *chosen.values()], 1)
    unit = torch.eye(moved.shape[1], dtype=torch.float64)
    dual = moved @ torch.linalg.inv(moved.T @ moved + _RIDGE * unit)
    still = torch.linalg.qr(moved, mode="complete").Q[:, moved.shape[1] :]
    # Noise of the features counts most where z varies least: such directions fill the blocks up.
    loud = job.noise.double() @ white @ still
    still = still @ torch.linalg.eigh(loud.T @ loud).eigenvectors
    parts, at, own_at, generator = [], 0, 0, torch.Generator().manual_seed(_SEED)
    for name, dim in job.blocks.dims.items():
        n_own = chosen[name].shape[1] if name in chosen else 0
        stop = at + dim - n_own
        part = torch.cat((dual[:, own_at : own_at + n_own], still[:, at:stop]), 1)
        parts.append(part @ random_basis(dim, generator))
        at, own_at = stop, own_at + n_own
    forward: Tensor = white @ torch.cat(parts, 1)
    return forward


def _effects(x: Tensor, targets: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
    """For each concept the covariance of its effects on x, fitted together; and that of the rest, (d, d)."""
    designs = {name: _design(values) for name, values in targets.items()}
    design = torch.cat([x[:, :0], *designs.values()], 1)
    slopes = torch.linalg.pinv(design.T @ design, hermitian=True) @ (design.T @ x)
    effects, at = {}, 0
    for name, own in designs.items():
        effect = own @ slopes[at : at + own.shape[1]]
        effects[name], at = effect.T @ effect / len(x), at + own.shape[1]
    left = x - design @ slopes
    return effects, left.T @ left / len(x)


def _design(values: Tensor) -> Tensor:
    """Centred columns, (n, w), of classes or of a number's normal scores; 0 where a value is missing."""
    if values.is_floating_point():
        u = values.double()
        columns, known = torch.stack((u, u.square(), u**3), 1), ~values.isnan()
    else:
        known = values >= 0
        table = torch.eye(max(1, int(values.max()) + 1), dtype=torch.float64)
        if len(table) > _MOST_COLUMNS:
            generator = torch.Generator().manual_seed(_SEED)
            table = torch.randn(len(table), _MOST_COLUMNS, generator=generator, dtype=torch.float64)
        columns = table[values.clamp_min(0)]
    return torch.where(known[:, None], columns - columns[known].mean(0), 0.0)


def _own_directions(
    x: Tensor,
    samplers: tuple[PairSampler, PairSampler],
    white: Tensor,
    effects: Mapping[str, Tensor],
    job: Job,
) -> dict[str, Tensor]:
    """For each concept the leading directions of its effects that held-out pairs share too, (d, k) each."""
    pairs, check = (drawn_pairs(sampler) for sampler in samplers)
    by_chance, room = _DEVIATIONS / len(job.x_validation) ** 0.5, job.n_dims
    held_out = (job.x_validation - job.x_validation.mean(0)).double() @ white
    chosen = {}
    for name, dim in job.blocks.dims.items():
        if name == RESIDUAL or name not in check:
            continue
        if name in effects:
            directions = torch.linalg.eigh(white @ effects[name] @ white).eigenvectors.flip(1)
        else:
            directions = shared_directions(x @ white.float(), pairs[name])[1].double()
        along = held_out @ directions
        unit = torch.eye(job.n_dims, dtype=torch.float64)
        shared = correlations(along / along.std(0).clamp_min(_FLOOR), check[name], unit)
        n_own = min(dim, room, int((shared > by_chance).long().cumprod(0).sum()))
        chosen[name], room = directions[:, :n_own], room - n_own
    return chosen


def _inverse_root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    floored = values.clamp_min(_LEAST_SPREAD * float(values[-1]))
    root: Tensor = vectors / floored.sqrt() @ vectors.T
    return root
