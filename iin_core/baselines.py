"""Linear factorisations of activations, fitted in closed form: what an IIN has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.errors import InputError

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


def class_means(z: ArrayLike | Tensor, concepts: Mapping[str, ArrayLike]) -> LinearFactorisation:
    """Blocks that *move* z along the differences between class means.

    Block k spans the means of concept k's classes (C − 1 dimensions), the residual is orthogonal to
    all of them. Codes are the coordinates in that joint basis, so that for z = μ_digit + ν_colour +
    rest the exchange of one block exchanges exactly one mean.

    Args:
        z: (n, N) *training* rows.
        concepts: name → (n,) labels.

    Raises:
        InputError: a concept has no direction of its own (constant, or determined by another one),
            or there are not enough dimensions.
    """
    centre, axes, _ = _frame(torch.as_tensor(z))
    rows = (torch.as_tensor(z).double() - centre) @ axes
    spans, dims = _spans(rows, concepts)
    basis = _complete(spans)
    return _linear(dims, centre, axes @ torch.linalg.inv(basis), basis @ axes.T)


def lda(z: ArrayLike | Tensor, concepts: Mapping[str, ArrayLike]) -> LinearFactorisation:
    """Blocks that *read* z by linear discriminants.

    Block k holds the C − 1 discriminants of concept k (projections of whitened z on its class
    means), the residual all directions that are uncorrelated with them; decoding is the inverse.

    Args:
        z: (n, N) *training* rows.
        concepts: name → (n,) labels.

    Raises:
        InputError: as `class_means`.

    Source: Fisher's discriminants; in whitened coordinates S_w⁻¹S_b and S_t⁻¹S_b have one span.
    """
    centre, axes, scale = _frame(torch.as_tensor(z))
    rows = (torch.as_tensor(z).double() - centre) @ axes / scale
    spans, dims = _spans(rows, concepts)
    basis = _complete(spans)
    readings = (axes / scale) @ basis.T
    return _linear(dims, centre, readings, torch.linalg.inv(basis.T) @ (axes * scale).T)


BASELINES = {"class_means": class_means, "lda": lda}


def _linear(dims: Mapping[str, int], centre: Tensor, reading: Tensor, moving: Tensor) -> LinearFactorisation:
    blocks = Blocks({RESIDUAL: reading.shape[1] - sum(dims.values()), **dims})
    return LinearFactorisation(blocks, centre.float(), reading.float(), moving.float())


def _frame(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
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


def _spans(rows: Tensor, concepts: Mapping[str, ArrayLike]) -> tuple[list[Tensor], dict[str, int]]:
    """For each concept directions (dims, d) that span its class means, independent of earlier ones."""
    n_dims = rows.shape[1]
    most = (n_dims - 1) // max(1, len(concepts))
    spans: list[Tensor] = []
    for name, values in concepts.items():
        codes, classes = pd.factorize(np.asarray(values))
        members = torch.nn.functional.one_hot(torch.from_numpy(codes), len(classes)).double()
        shares = members.mean(0)
        means = (members.T @ rows) / members.sum(0)[:, None]
        directions = torch.linalg.svd(means * shares.sqrt()[:, None], full_matrices=False)
        relative = directions.S / rows.square().sum(1).mean().sqrt()
        span = directions.Vh[relative > _PARALLEL][: min(most, len(classes) - 1)]
        span = _outside(span, spans)
        if len(span) == 0:
            raise InputError(
                f"Concept {name!r} has no direction of its own in these activations.",
                where=f"{len(classes)} classes, {n_dims} dimensions",
                fix="leave out a concept that is constant, or determined by another one",
            )
        spans.append(span)
    return spans, {name: len(span) for name, span in zip(concepts, spans, strict=True)}


def _outside(span: Tensor, earlier: list[Tensor]) -> Tensor:
    """The directions within `span` that are not (almost) linear combinations of earlier spans."""
    if not earlier or len(span) == 0:
        return span
    known = torch.linalg.qr(torch.cat(earlier).T).Q
    beyond = span - (span @ known) @ known.T
    parts = torch.linalg.svd(beyond, full_matrices=False)
    free: Tensor = parts.U.T[parts.S > _PARALLEL]
    return free @ span


def _complete(spans: list[Tensor]) -> Tensor:
    """(d, d) basis: an orthonormal complement of all spans first, then the spans."""
    directions = torch.cat(spans)
    complete = torch.linalg.qr(directions.T, mode="complete").Q
    return torch.cat([complete[:, len(directions) :].T, directions])
