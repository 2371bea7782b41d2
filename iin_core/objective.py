"""What an IIN is trained for: the likelihood of pairs that share concepts."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Mates(NamedTuple):
    """Links of rows in each dimension, seen from both ends.

    Attributes:
        place: (K · n · N,), where among all numbers of z̃ the same dimension of the linked row lies; its
            own place where there is no link.
        rho: (K, n, N), see `linked_loss`; 0 at the end that is linked to.
        weight: (K, n, N), 1 / (1 − ρ²).
    """

    place: Tensor
    rho: Tensor
    weight: Tensor


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


def mates_loss(z_tilde: Tensor, log_det: Tensor, mates: Mates) -> Tensor:
    """`linked_loss` of z̃, (K, n, N), and log-determinants, (K, n), with its gradient written by hand.

    Seen from both ends a link is its own inverse, so that the gradient is read where the value was.
    """
    loss: Tensor = _MatesLoss.apply(z_tilde, log_det, *mates)
    return loss


class _MatesLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, z_tilde: Tensor, log_det: Tensor, index: Tensor, rho: Tensor, weight: Tensor
    ) -> Tensor:
        mate = z_tilde.flatten().index_select(0, index).view_as(z_tilde)
        free = torch.addcmul(z_tilde, rho, mate, value=-1)
        weighted = free * weight
        ctx.save_for_backward(weighted, index, rho)
        return torch.sub(log_det.neg(), free.mul_(weighted).sum(-1), alpha=-0.5).mean(-1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weighted, index, rho = ctx.saved_tensors
        of_row = grad[:, None] / weighted.shape[1]
        grad_free = weighted * of_row[..., None]
        through_mate = (rho * grad_free).flatten().index_select(0, index).view_as(rho)
        of_log_det = of_row.neg().expand(weighted.shape[:2])
        return grad_free.sub_(through_mate), of_log_det, None, None, None


def mutual(partner: Tensor) -> Tensor:
    """Links from both ends: the row that each is linked to, or that is linked to it, (..., n, K + 1)."""
    n = partner.shape[-2]
    place = torch.arange(n, device=partner.device)[:, None].expand_as(partner)
    mate = torch.nn.functional.pad(partner, (0, 0, 0, 1))  # a place more, for those that are not linked
    return mate.scatter_(-2, torch.where(partner == place, n, partner), place)[..., :n, :]


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
