"""An adversary for each block and each concept of another block, which the flow learns to fool."""

from __future__ import annotations

from collections.abc import Sequence

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
        self._targets = [_Targets(job) for job in jobs]
        n_critics = max(1, *(len(own.cells) for own in self._targets))
        n_dims = jobs[0].n_dims
        self.register_buffer("masks", torch.zeros(len(jobs), n_critics, 1, n_dims))
        self.register_buffer("exists", torch.zeros(len(jobs), n_critics))
        for k, own in enumerate(self._targets):
            for p, (block, _) in enumerate(own.cells):
                self.masks[k, p, 0, jobs[k].blocks[block]] = 1
                self.exists[k, p] = 1
        seeds = [_STREAM + job.seed for job in jobs]
        self.critics = Perceptrons((n_dims, _HIDDEN, _HIDDEN, _OUTPUTS), n_critics, seeds)

    def forward(self, view: PenaltyView) -> Tensor:
        """What it adds to each loss, (K,)."""
        x = reversed_gradient(view.standardised())
        said = self.critics(x[:, None] * self.masks)
        losses = torch.stack(
            [own.losses(said[k], view.batch.rows[k].to(said.device)) for k, own in enumerate(self._targets)]
        )
        return self.weight * view.ramp * (losses * self.exists).sum(1) / self.exists.sum(1).clamp_min(1)


class _Targets:
    """What the critics of one IIN read: (block, concept) cells."""

    def __init__(self, job: Job) -> None:
        self.values = dict(job.targets)
        self.codes = {
            concept: _code(max(1, int(values.max()) + 1))
            for concept, values in self.values.items()
            if not values.is_floating_point()
        }
        self.cells = [(block, concept) for concept in self.values for block in job.blocks if block != concept]

    def losses(self, said: Tensor, rows: Tensor) -> Tensor:
        """(P,): mean over the rows that have a value, of outputs (P, m, 32)."""
        found = [said.new_zeros(())] * len(said)
        for p, (_, concept) in enumerate(self.cells):
            truth = self.values[concept].to(said.device)[rows]
            code = self.codes.get(concept)
            if code is None:
                known = (~truth.isnan()).float()
                errors = 0.5 * (said[p, :, 0] - truth.nan_to_num().to(said)).square()
            else:
                known = (truth >= 0).float()
                logits = said[p] @ code.to(said)
                errors = functional.cross_entropy(logits, truth.clamp_min(0), reduction="none")
            found[p] = (known * errors).sum() / known.sum().clamp_min(1)
        return torch.stack(found)


def _code(n_classes: int) -> Tensor:
    """(32, C): a direction for each class; orthogonal ones up to 32 classes."""
    if n_classes <= _OUTPUTS:
        return torch.eye(_OUTPUTS)[:, :n_classes].contiguous()
    generator = torch.Generator().manual_seed(n_classes)
    return functional.normalize(torch.randn(_OUTPUTS, n_classes, generator=generator), dim=0)
