"""What an IIN is trained for: the likelihood of pairs that share concepts."""

from __future__ import annotations

from torch import Tensor


def linked_loss(z_tilde: Tensor, log_det: Tensor, partner_of_dim: Tensor, rho_of_dim: Tensor) -> Tensor:
    r"""The negative log-likelihood of rows linked in some dimensions, in nats a row, without constants.

    The mean over rows r of ½ Σ_i (z̃_r,i − ρ_r,i z̃_p,i)² / (1 − ρ_r,i²) − log|T'(z_r)|, where p is the row
    to which r is linked in dimension i, and ρ = 0 where there is none. With the rows a and b of pairs one
    after another, and each b linked to its a by σ_ab in the shared blocks, it is a quarter of the paper's
    ℓ(zᵃ, zᵇ | F), and half of the number that the paper's code shows for a pair.

    Args:
        z_tilde: (..., n, N).
        log_det: (..., n).
        partner_of_dim: the position in the batch of the linked row, (..., n, N) of int64. A row that
            another one is linked to has no link itself in that dimension, and is the partner of one only:
            so each sum of the gradient has one term at most, and no order of adding can change it.
        rho_of_dim: the positive correlation over each link, (..., n, N), within [0, 1).

    Returns:
        The mean over rows, (...).

    Source: paper, sections 3.1 (unsupervised) and 3.2 (supervised), equations of ℓ(zᵃ, zᵇ | F).
    """
    free = z_tilde - rho_of_dim * z_tilde.gather(-2, partner_of_dim)
    squares = free.square() / (1 - rho_of_dim.square())
    return (0.5 * squares.sum(-1) - log_det).mean(-1)


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
