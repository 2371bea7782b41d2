"""An adversary for each block and each concept of another block, which the flow learns to fool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from iin_core.jobs import Job
from iin_core.penalties.perceptrons import Perceptrons
from iin_core.penalties.reversal import reversed_gradient
from iin_core.penalties.view import PenaltyView

_HIDDEN = 128
_STREAM = 3 * 2**32
_OUTPUTS = 32
"""Of a perceptron, whatever the number of classes: logits are their products with a fixed code."""


def adversary(jobs: Sequence[Job], weight: float, device: torch.device) -> Adversary:
    """The adversaries of some jobs; those without targets have none."""
    return Adversary(jobs, weight).to(device)


class Adversary(nn.Module):
    """Perceptrons read each concept from every block but its own; the flow's gradient is reversed.

    weight · ramp · mean over (block, concept) of the CE of a label in nats, or of half the squared
    error of a number's normal score. Rows without a value are left out.

    Args:
        jobs: their `targets` are what is read.
        weight: in nats a row for each nat.

    Source: adversarial removal of information (Ganin and Lempitsky, 2015); two hidden layers of 128
        as the probes of `iin_core.metrics` have.
    """

    masks: Tensor
    exists: Tensor

    def __init__(self, jobs: Sequence[Job], weight: float) -> None:
        super().__init__()
        self.weight = weight
        cells = [
            [(block, concept) for concept in job.targets for block in job.blocks if block != concept]
            for job in jobs
        ]
        n_critics = max(1, *(len(own) for own in cells))
        n_dims = jobs[0].n_dims
        self.register_buffer("masks", torch.zeros(len(jobs), n_critics, 1, n_dims))
        self.register_buffer("exists", torch.zeros(len(jobs), n_critics))
        for k, own in enumerate(cells):
            for p, (block, _) in enumerate(own):
                self.masks[k, p, 0, jobs[k].blocks[block]] = 1
                self.exists[k, p] = 1
        self.truths = nn.ModuleList(
            _Truth(job.targets, [concept for _, concept in own], n_critics)
            for job, own in zip(jobs, cells, strict=True)
        )
        seeds = [_STREAM + job.seed for job in jobs]
        self.critics = Perceptrons((n_dims, _HIDDEN, _HIDDEN, _OUTPUTS), n_critics, seeds)

    def forward(self, view: PenaltyView) -> Tensor:
        """What it adds to each loss, (K,)."""
        x = reversed_gradient(view.standardised())
        said = self.critics(x[:, None] * self.masks)
        rows = view.batch.rows.to(said.device)
        losses = torch.stack([truth(*own) for truth, *own in zip(self.truths, said, rows, strict=True)])
        return self.weight * view.ramp * (losses * self.exists).sum(1) / self.exists.sum(1).clamp_min(1)


class _Truth(nn.Module):
    """What the critics of one IIN are to say of each training row.

    Args:
        targets: by concept.
        read: the concept that each critic reads.
        n_critics: P; those beyond `read` say nothing.
    """

    index: Tensor
    score: Tensor
    closed: Tensor
    column: Tensor

    def __init__(self, targets: Mapping[str, Tensor], read: Sequence[str], n_critics: int) -> None:
        super().__init__()
        names, self._n_critics = list(targets), len(read)
        n_rows = len(next(iter(targets.values()))) if targets else 1
        index, score = torch.full((n_rows, len(names)), -1), torch.full((n_rows, len(names)), torch.nan)
        closed = torch.zeros(n_critics, 1, _OUTPUTS)
        self._codes: dict[int, Tensor] = {}
        for column, values in enumerate(targets.values()):
            (score if values.is_floating_point() else index)[:, column] = values
        for p, name in enumerate(read):
            n_classes = 0 if targets[name].is_floating_point() else max(1, int(targets[name].max()) + 1)
            if n_classes > _OUTPUTS:
                self._codes[p] = _code(n_classes)
            elif n_classes:
                closed[p, :, n_classes:] = -torch.inf
        columns = torch.tensor([names.index(name) for name in read], dtype=torch.long)
        self._has_numbers = any(values.is_floating_point() for values in targets.values())
        for name, value in (("index", index), ("score", score), ("closed", closed), ("column", columns)):
            self.register_buffer(name, value)

    def forward(self, said: Tensor, rows: Tensor) -> Tensor:
        """(P,): mean over the rows that have a value, of outputs (P, m, 32)."""
        if not self._n_critics:
            return said.new_zeros(len(said))
        index = self.index[rows].T[self.column]
        # All cells together: the classes that one has less than another are closed, at no change of a bit.
        own = said[: self._n_critics]
        said_of = (own + self.closed[: self._n_critics]).log_softmax(-1)
        errors = -said_of.gather(-1, index.clamp(0, _OUTPUTS - 1)[..., None])[..., 0]
        known = (index >= 0).float()
        if self._codes:
            many = {
                p: functional.cross_entropy(own[p] @ code.to(own), index[p].clamp_min(0), reduction="none")
                for p, code in self._codes.items()
            }
            errors = torch.stack([many.get(p, error) for p, error in enumerate(errors)])
        if self._has_numbers:
            score = self.score[rows].T[self.column]
            scored = ~score.isnan()
            errors = torch.where(scored, 0.5 * (own[..., 0] - score.nan_to_num()).square(), errors)
            known = known + scored
        losses = (known * errors).sum(1) / known.sum(1).clamp_min(1)
        return functional.pad(losses, (0, len(said) - self._n_critics))


def _code(n_classes: int) -> Tensor:
    """(32, C): a direction for each class; orthogonal ones up to 32 classes."""
    if n_classes <= _OUTPUTS:
        return torch.eye(_OUTPUTS)[:, :n_classes].contiguous()
    generator = torch.Generator().manual_seed(n_classes)
    return functional.normalize(torch.randn(_OUTPUTS, n_classes, generator=generator), dim=0)
