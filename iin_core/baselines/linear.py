"""What the linear baselines share: their form, the frame of activations, the spans of class means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.errors import InputError
from iin_core.metrics.labels import class_indices

MAX_DIMS = 256
"""Wider activations keep so many principal coordinates; the remainder stays as it is."""
_FLOOR = 1e-4
_PARALLEL = 1e-3


@dataclass(frozen=True)
class LinearFactorisation:
    """z̃ = (z − mean) · reading, z = mean + z̃ · moving (+ the remainder where d < N).

    Args:
        blocks: the layout of z̃.
        mean: (N,).
        reading: (N, d).
        moving: (d, N), with moving · reading = I.
    """

    blocks: Blocks
    mean: Tensor
    reading: Tensor
    moving: Tensor

    def encode(self, z: Tensor) -> Tensor:
        """z (n, N) → z̃ (n, d)."""
        return (z - self.mean) @ self.reading

    def decode(self, z_tilde: Tensor, like: Tensor | None = None) -> Tensor:
        """z̃ (n, d) → z (n, N); the remainder is that of `like`, or the mean's without it."""
        rows = z_tilde @ self.moving + self.mean
        if like is None or self.blocks.n_dims == len(self.mean):
            return rows
        return rows + (like - self.mean) - self.encode(like) @ self.moving


def linear_factorisation(
    dims: Mapping[str, int], centre: Tensor, reading: Tensor, moving: Tensor
) -> LinearFactorisation:
    """The float32 factorisation of these matrices; the residual's dimensions lie first."""
    blocks = Blocks({RESIDUAL: reading.shape[1] - sum(dims.values()), **dims})
    return LinearFactorisation(blocks, centre.float(), reading.float(), moving.float())


def frame(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (N,), principal axes (N, d) and their deviations (d,), float64, floored."""
    centre = z.double().mean(0)
    rows = z.double() - centre
    if rows.shape[1] <= MAX_DIMS:
        values, axes = torch.linalg.eigh(rows.T @ rows / len(rows))
    else:
        axes = _principal_axes(rows)
        values = (rows @ axes).square().mean(0)
    floor = _FLOOR * values.max().clamp_min(torch.finfo(torch.float64).tiny)
    return centre, axes, values.clamp_min(floor).sqrt()


def _principal_axes(rows: Tensor) -> Tensor:
    """About the first MAX_DIMS right singular vectors (N, d), by subspace iteration from seed 0."""
    generator = torch.Generator().manual_seed(0)
    n_axes = min(MAX_DIMS, len(rows))
    axes = torch.randn(rows.shape[1], n_axes, generator=generator, dtype=rows.dtype)
    for _ in range(4):
        axes = torch.linalg.qr(rows.T @ (rows @ torch.linalg.qr(axes).Q)).Q
    return axes


def class_spans(rows: Tensor, concepts: Mapping[str, ArrayLike]) -> tuple[list[Tensor], dict[str, int]]:
    """For each concept directions (dims, d) that span its class means, independent of earlier ones."""
    n_dims = rows.shape[1]
    most = (n_dims - 1) // max(1, len(concepts))
    spans: list[Tensor] = []
    for name, values in concepts.items():
        codes, classes = class_indices(values)
        span = _outside(span_of_means(rows, codes, len(classes))[:most], spans)
        if len(span) == 0:
            raise InputError(
                f"Concept {name!r} has no direction of its own in these activations.",
                where=f"{len(classes)} classes, {n_dims} dimensions",
                fix="leave out a concept that is constant, or determined by another one",
            )
        spans.append(span)
    return spans, {name: len(span) for name, span in zip(concepts, spans, strict=True)}


def span_of_means(rows: Tensor, codes: NDArray[np.int64], n_classes: int) -> Tensor:
    """(≤ C − 1, d), strongest first, of the differences between class means; unlabelled rows are left out."""
    known = codes >= 0
    members = torch.nn.functional.one_hot(torch.from_numpy(codes[known]), max(1, n_classes)).double()
    labelled = rows[torch.from_numpy(known)]
    means = (members.T @ labelled) / members.sum(0)[:, None] - labelled.mean(0)
    directions = torch.linalg.svd(means * members.mean(0).sqrt()[:, None], full_matrices=False)
    relative = directions.S / rows.square().sum(1).mean().sqrt()
    span: Tensor = directions.Vh[relative > _PARALLEL]
    return span[: n_classes - 1]


def _outside(span: Tensor, earlier: list[Tensor]) -> Tensor:
    """The directions within `span` that are not (almost) linear combinations of earlier spans."""
    if not earlier or len(span) == 0:
        return span
    known = torch.linalg.qr(torch.cat(earlier).T).Q
    beyond = span - (span @ known) @ known.T
    parts = torch.linalg.svd(beyond, full_matrices=False)
    free: Tensor = parts.U.T[parts.S > _PARALLEL]
    return free @ span


def complete(spans: list[Tensor]) -> Tensor:
    """(d, d) basis: an orthonormal complement of all spans first, then the spans."""
    directions = torch.cat(spans)
    basis = torch.linalg.qr(directions.T, mode="complete").Q
    return torch.cat([basis[:, len(directions) :].T, directions])
