"""What an IIN is trained for: the likelihood of pairs that share concepts."""

from __future__ import annotations

from torch import Tensor


def pair_loss(
    z_tilde_a: Tensor, z_tilde_b: Tensor, log_det_a: Tensor, log_det_b: Tensor, rho: Tensor
) -> Tensor:
    r"""The negative log-likelihood of pairs, in nats, without its constants.

    ½ Σ_i [ z̃ᵃ_i² + (z̃ᵇ_i − ρ_i z̃ᵃ_i)² / (1 − ρ_i²) ] − log|T'(zᵃ)| − log|T'(zᵇ)|: with ρ_i = σ_ab in
    the blocks that a pair shares and 0 elsewhere this is half the loss of the paper, and with ρ = 0
    everywhere it is the unsupervised loss of both rows.

    Args:
        z_tilde_a, z_tilde_b: (..., n, N).
        log_det_a, log_det_b: (..., n).
        rho: the positive correlation of each dimension over each pair, (..., n, N), within [0, 1).

    Returns:
        The mean over pairs, (...).

    Source: paper, sections 3.1 (unsupervised) and 3.2 (supervised), equations of ℓ(zᵃ, zᵇ | F).
    """
    shift = z_tilde_b - rho * z_tilde_a
    squares = z_tilde_a.square() + shift.square() / (1 - rho.square())
    return (0.5 * squares.sum(-1) - log_det_a - log_det_b).mean(-1)


def nll_per_dim(z_tilde: Tensor, log_det: Tensor) -> Tensor:
    """The negative log-likelihood of rows under z̃ ~ N(0, I), in nats per dimension, without ½·log 2π.

    Args:
        z_tilde: (..., n, N).
        log_det: (..., n).

    Returns:
        One value a row, (..., n).

    Source: paper, section 3.1.
    """
    return (0.5 * z_tilde.square().sum(-1) - log_det) / z_tilde.shape[-1]
