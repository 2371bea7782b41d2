"""Walks inside a block of z̃ that stay distributed like its prior, and lines between two rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from iin_core.errors import InputError
from iin_core.priors import ClassPrior, Prior

if TYPE_CHECKING:
    from iin_core.interpreter import Interpreter

Method = Literal["exact", "langevin"]
Space = Literal["code", "activation"]


@dataclass(frozen=True)
class Steps:
    """How a walk steps.

    Args:
        alpha: correlation of a step with the one before, e^(−θΔt); near 1 the steps are small.
        jump: for a block of classes: the chance that a step goes on in a class drawn anew from their
            frequencies. 0: the walk stays in its class for as long as the clusters do not touch.
        method: `exact` where the prior allows it (normal, value, classes); `langevin` for any prior whose
            log-density has a gradient, Metropolis-corrected.
    """

    alpha: float = 0.9
    jump: float = 0.1
    method: Method = "exact"

    def __post_init__(self) -> None:
        if not (0 <= self.alpha < 1 and 0 <= self.jump <= 1):
            raise InputError(
                f"A walk cannot step with alpha {self.alpha:g} and jump {self.jump:g}.",
                where="alpha is in [0, 1), jump in [0, 1]",
                fix="give alpha 0.9 and jump 0.1, or others between these bounds",
            )


@dataclass(frozen=True)
class Walk:
    """A walk of n rows inside one block.

    Args:
        z: (steps + 1, n, N) activations; the first are the rows that it started from, to the bit.
        blocks: (steps + 1, n, N_k) the block that walked.
        acceptance: share of proposals that were accepted; 1 where steps are exact.
    """

    z: Tensor
    blocks: Tensor
    acceptance: float


@dataclass(frozen=True)
class Interpolation:
    """Straight lines between n pairs of rows.

    Args:
        z: (steps, n, N) activations, both ends included.
        log_prob: (steps, n) log-density under the blocks' priors, nats.
        nll_per_dim: (steps, n) negative log-likelihood under N(0, I), nats per dimension, ½·log 2π left
            out.
    """

    z: Tensor
    log_prob: Tensor
    nll_per_dim: Tensor


def walk(
    interpreter: Interpreter, z: Tensor, factor: str, length: tuple[int, int], how: Steps | None = None
) -> Walk:
    """Walk inside one factor from rows z, (n, N); see `Interpreter.walk`.

    Args:
        interpreter: whose factor.
        z: where it starts.
        factor: the block that walks; all else is kept.
        length: steps, and the seed.
        how: size of steps, chance of another class, method.
    """
    steps, seed = length
    code, place = interpreter.encode(z), interpreter.blocks[factor]
    generator = torch.Generator().manual_seed(seed)
    prior = interpreter.priors[factor]
    blocks, acceptance = walk_block(prior, code[:, place], steps, how or Steps(), generator)
    codes, base = code.repeat(steps + 1, 1), z.repeat(steps + 1, 1)
    codes[:, place] = blocks.flatten(0, 1)
    # Both ways from decoded codes, so that a step that changes nothing gives the row bit for bit.
    moved = base + (
        interpreter.decode(codes, like=base) - interpreter.decode(code, like=z).repeat(steps + 1, 1)
    )
    path = moved.reshape(steps + 1, *z.shape)
    path[0] = z
    return Walk(path, blocks, acceptance)


def interpolate(
    interpreter: Interpreter, a: Tensor, b: Tensor, steps: int, space: Space = "code"
) -> Interpolation:
    """Straight lines from rows a to rows b, (n, N), in z̃ or in z; see `Interpreter.interpolate`.

    Raises:
        InputError: fewer than two points, or rows that do not come in pairs.
    """
    if steps < 2 or a.shape != b.shape:
        raise InputError(
            f"A line of {steps} points between {len(a)} and {len(b)} rows is none.",
            where="interpolate",
            fix="give two points or more, and as many rows at one end as at the other",
        )
    share = torch.linspace(0, 1, steps).reshape(-1, 1, 1)
    line = torch.lerp(a, b, share).flatten(0, 1)
    if space == "code":
        codes = torch.lerp(interpreter.encode(a), interpreter.encode(b), share).flatten(0, 1)
        line = interpreter.decode(codes, like=line)
    log_prob, nll = interpreter.log_prob(line), interpreter.nll_per_dim(line)
    n = len(a)
    return Interpolation(line.reshape(steps, n, -1), log_prob.reshape(steps, n), nll.reshape(steps, n))


def walk_block(
    prior: Prior, start: Tensor, steps: int, how: Steps, generator: torch.Generator
) -> tuple[Tensor, float]:
    """Walk from rows (n, N_k) of a block; its prior is the stationary distribution.

    *Normal* blocks (and values) take Ornstein–Uhlenbeck steps b ← αb + √(1 − α²)·ε, which keep N(0, I)
    exactly for any α; Euler steps would inflate the variance. *Classes*: the class c is drawn from
    p(c | b), is exchanged for one drawn by frequency with the chance `jump`, and the deviation from its
    mean takes such a step with the spread of a class: each part leaves the mixture as it is, so nothing
    has to be rejected. *Any other* prior: Langevin steps with a Metropolis correction.

    Args:
        prior: of the block.
        start: (n, N_k), any rows; distributed like the prior they stay so.
        steps: how many.
        how: see `Steps`.
        generator: of all draws.

    Returns:
        (steps + 1, n, N_k), and the share of proposals that were accepted.

    Source: Esser et al., CVPR 2020, section 4.3, for the walk; Roberts and Tweedie (1996) for the correction.
    """
    path, accepted = [start], []
    for _ in range(steps):
        block, share = _step(prior, path[-1], how, generator)
        path.append(block)
        accepted.append(share)
    return torch.stack(path), sum(accepted) / max(len(accepted), 1)


def _step(prior: Prior, block: Tensor, how: Steps, generator: torch.Generator) -> tuple[Tensor, float]:
    if isinstance(prior, ClassPrior):
        if how.method == "exact":
            old, new = _classes(prior, block, how.jump, generator)
            deviation = block - prior.means[old]
            return prior.means[new] + _ou(deviation, how.alpha, prior.std, generator), 1.0
        moved, share = _langevin(prior, block, how.alpha, generator)
        old, new = _classes(prior, moved, how.jump, generator)
        # Deviation and frequency are independent of each other: this move needs no correction.
        return moved + prior.means[new] - prior.means[old], share
    if how.method == "exact" and prior.kind in ("normal", "value"):
        return _ou(block, how.alpha, torch.ones(()), generator), 1.0
    return _langevin(prior, block, how.alpha, generator)


def _ou(block: Tensor, alpha: float, std: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(block.shape, generator=generator)
    return alpha * block + math.sqrt(1 - alpha**2) * std * noise


def _classes(
    prior: ClassPrior, block: Tensor, jump: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """For each row (n,) the class it is in, drawn from p(c | b), and the class in which it goes on."""
    old = torch.multinomial(prior.responsibilities(block), 1, generator=generator)[:, 0]
    drawn = torch.multinomial(prior.weights, len(block), replacement=True, generator=generator)
    jumps = torch.rand(len(block), generator=generator) < jump
    return old, torch.where(jumps, drawn, old)


def _langevin(prior: Prior, block: Tensor, alpha: float, generator: torch.Generator) -> tuple[Tensor, float]:
    """A Langevin step as long as the exact one of this α, Metropolis-corrected, and its acceptance."""
    scale = prior.std if isinstance(prior, ClassPrior) else torch.ones(())
    variance = 2 * (1 - alpha)
    density, slope = _density(prior, block)
    noise = torch.randn(block.shape, generator=generator)
    proposed = block + 0.5 * variance * scale**2 * slope + math.sqrt(variance) * scale * noise
    proposed_density, proposed_slope = _density(prior, proposed)
    back = (block - proposed - 0.5 * variance * scale**2 * proposed_slope) / (math.sqrt(variance) * scale)
    ratio = proposed_density - density - 0.5 * back.square().sum(-1) + 0.5 * noise.square().sum(-1)
    accepted = torch.rand(len(block), generator=generator).log() < ratio
    return torch.where(accepted[:, None], proposed, block), float(accepted.double().mean())


def _density(prior: Prior, block: Tensor) -> tuple[Tensor, Tensor]:
    """Log-density (n,) and its gradient (n, N_k)."""
    with torch.enable_grad():
        rows = block.detach().requires_grad_()
        density = prior.log_prob(rows)
        (slope,) = torch.autograd.grad(density.sum(), rows)
    return density.detach(), slope
