"""The part of a wide layer that matters: what pairs share first, then the principal directions.

Plain PCA drops concept directions of low variance, and a few outlier features own its variance. So
features are scaled robustly, and before the principal directions come the generalised eigenvectors
U of the pairs' cross-covariance A Aᵀ against the covariance C, scaled to Uᵀ C U = 1. Their coordinates
y = Uᵀ z move z along C U, which lies in the span of A: what stays of z, z − C U y, does not correlate
with y, and its mean is the same for every class. Of that the principal directions are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from iin_core.front.linear_map import Front
from iin_core.front.narrow import EIGENVALUE_FLOOR, NULL_VARIANCE, directions_with_variance
from iin_core.front.pair_factors import PairRows
from iin_core.front.scale import RobustScale, fit_scale, spread_rows
from iin_core.front.shared import GatheredPairs, Shared, most_pairs
from iin_core.front.spectrum import Spectrum, make_covariance
from iin_core.row_reader import RowReader, chunks

_REST_DIMS = 64
_OVERSAMPLED = 64
_RIDGE = 0.1
"""Of the mean variance, for each feature a row: few rows would seem to be separated in any direction."""
_LEAST_SHARED = 1e-3
_ROWS_A_DIM = 64


def fit_wide(reader: RowReader, n_dims: int, shared: Sequence[Shared], *, few_rows: bool = False) -> Front:
    """Choose and whiten n_dims directions of wider rows.

    The rows are read once, and a bounded number of them (1,024, then 64 · n_dims) twice more. Memory:
    (2 · n_dims + 700) · N float64 numbers at most above 2,048 features, whatever the number of rows.

    Args:
        reader: of training rows.
        n_dims: d < N.
        shared: what pairs share.
        few_rows: look for what pairs share among the leading n_dims principal directions alone: few
            rows seem to be separated in any others.

    Raises:
        InputError: all rows are the same.
    """
    scale = fit_scale(reader)
    moments = _one_pass(reader, scale, shared, n_dims + _REST_DIMS + _OVERSAMPLED)
    spectrum = moments.spectrum
    d = min(n_dims, directions_with_variance(spectrum.values, reader))
    d -= d % 2
    sure = replace(spectrum, basis=spectrum.basis[:, :d], values=spectrum.values[:d], rest=torch.inf)
    concepts = concept_directions(sure if few_rows else spectrum, moments.factors, moments.ridge, d // 2)
    forward, backward, rest = _complete(spectrum, concepts, d)
    covariance, explained = _covariance_within(reader, scale, spectrum.mean, (forward, backward))
    values, vectors = torch.linalg.eigh(covariance)
    deviation = values.clamp_min(EIGENVALUE_FLOOR * float(values[-1])).sqrt()
    whiten, colour = vectors / deviation @ vectors.T, vectors * deviation @ vectors.T
    unit = scale.scale.double()[:, None]
    backward = colour @ (backward * unit.T)
    return Front(
        (scale.centre + scale.scale * spectrum.mean).float(),
        (forward / unit @ whiten).float(),
        backward.float(),
        float(-torch.linalg.slogdet(backward @ backward.T)[1] / 2),
        explained,
        (rest / unit).float() if rest.shape[1] else None,
    )


def concept_directions(
    spectrum: Spectrum, factors: Sequence[Tensor], ridge: float, at_most: int
) -> tuple[Tensor, Tensor]:
    """Generalised eigenvectors U of the shared factors, and C U, (N, c) each, with Uᵀ C U = 1.

    Args:
        spectrum: C.
        factors: (N, w) each.
        ridge: added to every variance of C.
        at_most: directions in all; those with the largest generalised eigenvalues are taken.
    """
    together = torch.cat([spectrum.basis[:, :0], *factors], 1)
    if not together.shape[1]:
        return together, together
    solved = spectrum.solve(together, ridge)
    values, turn = torch.linalg.eigh(together.T @ solved)
    chosen = (values > _LEAST_SHARED).nonzero().flatten().flip(0)[:at_most]
    turn = turn[:, chosen] / values[chosen].sqrt()
    return solved @ turn, together @ turn


def _complete(
    spectrum: Spectrum, concepts: tuple[Tensor, Tensor], n_dims: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Maps to d coordinates, (N, d), and back, (d, N), and to the next coordinates, (N, m)."""
    across, along = concepts
    n_principal = n_dims - across.shape[1]
    principal = _principal(spectrum, concepts, n_principal + _REST_DIMS)
    clean = principal - across @ (along.T @ principal)
    forward = torch.cat((across, clean[:, :n_principal]), 1)
    backward = torch.cat((along, principal[:, :n_principal]), 1).T
    return forward, backward, clean[:, n_principal:]


@dataclass(frozen=True)
class _Moments:
    """Of the scaled rows: spectrum, shared factors, (N, w) each, and what is added to variances."""

    spectrum: Spectrum
    factors: list[Tensor]
    ridge: float


def _one_pass(reader: RowReader, scale: RobustScale, shared: Sequence[Shared], rank: int) -> _Moments:
    n_features = reader.n_features
    covariance = make_covariance(n_features, rank)
    weights = [entry for entry in shared if not isinstance(entry, GatheredPairs)]
    tables = [PairRows(entry, most_pairs(n_features)) for entry in shared if isinstance(entry, GatheredPairs)]
    sums = [torch.zeros(n_features, entry.at(0, 1).shape[1], dtype=torch.float64) for entry in weights]
    totals = [torch.zeros(sum_.shape[1], dtype=torch.float64) for sum_ in sums]
    for places, block in chunks(reader):
        rows = scale.apply(torch.from_numpy(block))
        covariance.add(rows)
        for sum_, total, entry in zip(sums, totals, weights, strict=True):
            columns = entry.at(places.start, places.stop)
            sum_ += rows.T @ columns
            total += columns.sum(0, dtype=torch.float64)
        for table in tables:
            table.add(places, rows)
    spectrum = covariance.spectrum()
    factors = [sum_ - torch.outer(spectrum.mean, total) for sum_, total in zip(sums, totals, strict=True)]
    ridge = spectrum.mean_variance * min(1.0, _RIDGE * n_features / reader.n_rows)
    return _Moments(spectrum, factors + [table.factor(spectrum, ridge) for table in tables], ridge)


def _principal(spectrum: Spectrum, concepts: tuple[Tensor, Tensor], n_dims: int) -> Tensor:
    """At most so many principal directions of z − C U y, orthonormal, (N, k)."""
    across, along = concepts
    basis = spectrum.basis[:, : n_dims + across.shape[1] + _OVERSAMPLED]
    scaled = basis * spectrum.values[: basis.shape[1]].sqrt()
    scaled = scaled - along @ (across.T @ scaled)
    values, turn = torch.linalg.eigh(scaled.T @ scaled)
    varying = values.flip(0) > NULL_VARIANCE * values[-1]
    wanted = min(n_dims, int(varying.sum()))
    directions = scaled @ (turn.flip(1)[:, :wanted] / values.flip(0)[:wanted].sqrt())
    # Small eigenvalues leave the directions a little less than orthogonal, to each other and to U.
    span = torch.linalg.qr(across).Q
    orthonormal: Tensor = torch.linalg.qr(directions - span @ (span.T @ directions)).Q
    return orthonormal


def _covariance_within(
    reader: RowReader, scale: RobustScale, mean: Tensor, maps: tuple[Tensor, Tensor]
) -> tuple[Tensor, float]:
    """Covariance of the kept coordinates, (d, d), and their share of the scaled rows' variance."""
    forward, backward = (part.float() for part in maps)
    d = len(backward)
    products, n = torch.zeros(d, d, dtype=torch.float64), 0
    whole, left = 0.0, 0.0
    for block in spread_rows(reader, _ROWS_A_DIM * d):
        rows = scale.apply(torch.from_numpy(block)) - mean.float()
        coordinates = rows @ forward
        products += coordinates.double().T @ coordinates.double()
        whole += float(torch.linalg.vector_norm(rows, dtype=torch.float64)) ** 2
        left += float(torch.linalg.vector_norm(rows - coordinates @ backward, dtype=torch.float64)) ** 2
        n += len(rows)
    return products / max(n - 1, 1), 1 - left / max(whole, 1e-30)
