"""Everything of a stack of IINs in training that changes from update to update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pandas as pd
import torch
from torch import Tensor, nn

from iin_core.averaging import Average, EarlyStop, Weights
from iin_core.batches import Batches, LinkedRows
from iin_core.checkpoint import UnitState
from iin_core.conditional_flow import build_conditional_flow
from iin_core.conditional_spec import ConditionalFlowSpec
from iin_core.curve import Curve, Validation
from iin_core.errors import CheckpointError, DivergedError
from iin_core.flow import NormalizingFlow, build_flow
from iin_core.guard import Guard, clip
from iin_core.jobs import Cost, Job, Trained
from iin_core.objective import mates_loss, nll_per_dim
from iin_core.optimizer import StackedAdamW
from iin_core.schedule import learning_rate
from iin_core.spec import FlowSpec, TrainingSpec
from iin_core.updates import FlatParameters

_PENALTY_RATE = 1e-3
_PENALTY_BETAS = (0.9, 0.999)
_PENALTY_DECAY = 0.01
_GROWS = "curve.points"


class Stateful(Protocol):
    """Whatever holds something of each IIN that a checkpoint needs."""

    def state(self, k: int) -> dict[str, Tensor]:
        """What there is of the k-th IIN, in copies."""
        ...

    def load(self, k: int, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        ...


class Stack:
    """K IINs of one shape, with their optimizer, batches, guard and curves.

    Attributes:
        flow, batches, curve: see there.
    """

    def __init__(
        self, jobs: Sequence[Job], flow_spec: FlowSpec, spec: TrainingSpec, device: torch.device
    ) -> None:
        self.jobs, self.spec, stack = jobs, spec, len(jobs)
        self.batches = Batches(jobs, spec, device)
        self.flow = _build(jobs, flow_spec).to(device)
        self.flow.initialize(self.batches.first_rows())
        self._parameters = FlatParameters(self.flow)
        self._optimizer = StackedAdamW(self._parameters, stack, spec.betas, spec.weight_decay)
        self._penalties = _penalties(jobs, spec, device)
        self._critics: FlatParameters | None = None
        if any(True for _ in self._penalties.parameters()):
            self._critics = FlatParameters(self._penalties)
            self._critic_optimizer = StackedAdamW(self._critics, stack, _PENALTY_BETAS, _PENALTY_DECAY)
        self._guard = Guard(stack, device)
        self._average = Average(self._parameters, stack, spec.average) if spec.average else None
        patience = [spec.patience_of(job.blocks.concepts) for job in jobs]
        self._early_stop = EarlyStop(self._parameters, patience) if any(patience) else None
        self._validation = Validation([job.x_validation for job in jobs], spec, device)
        self.curve = Curve(stack, spec, device)
        rates = [learning_rate(update, spec) for update in range(spec.updates)]
        self._rates = torch.tensor(rates, device=device)
        self._pieces = [self._parameters.pieces(self._parameters.gradient, k) for k in range(stack)]

    def loss(self, z_tilde: Tensor, log_det: Tensor, drawn: LinkedRows, update: int) -> Tensor:
        """What each IIN is to lower, (K,): the likelihood of linked rows, in nats a row, and penalties."""
        loss = mates_loss(z_tilde, log_det, drawn.mates)
        if len(self._penalties):
            from iin_core.penalties import penalty_view

            progress = update / self.spec.updates
            view = penalty_view(z_tilde, drawn.batch, self.batches.read, progress)
            for penalty in self._penalties:
                loss = loss + penalty(view)
        return loss

    def differentiate(self, loss: Tensor) -> None:
        """Fill all gradients, each IIN's with that of its own loss, (K,)."""
        others = [] if self._critics is None else [self._critics]
        self._parameters.differentiate(loss.sum(), *others)
        if self.spec.clip is not None:
            clip(self._pieces, self.spec.clip)

    def move(self, update: int, loss: Tensor) -> None:
        """Move the parameters of every IIN that goes on and whose loss, (K,), and gradient are finite."""
        signs = loss + self._parameters.gradient_sums()
        if self._critics is not None:
            signs = signs + self._critics.gradient_sums()
        may_move = self._guard.look(update, signs)
        if self._early_stop is not None:
            may_move = may_move & (self._early_stop.stopped < 0)
        skip = (~may_move).float()
        self._optimizer.step(self._rates[update] * self._guard.factor, skip)
        if self._critics is not None:
            self._critic_optimizer.step(_PENALTY_RATE * self._guard.factor, skip)
        if self._average is not None:
            self._average.add(update)

    @torch.no_grad()
    def add_point(self, update: int, loss: Tensor, z_tilde: Tensor, log_det: Tensor) -> None:
        """Add a point to the curves, and see who stops."""
        if self._average is None:
            nll = self._validation.nll(self.flow)
        else:
            with self._average.in_place():
                nll = self._validation.nll(self.flow)
        # The published code counts by pairs; so do the curves.
        per_dim = 2 * loss / z_tilde.shape[-1]
        self.curve.add(per_dim, nll_per_dim(z_tilde, log_det).mean(1), nll)
        if self._early_stop is not None:
            weights = self._parameters.flat.detach() if self._average is None else self._average.flat
            self._early_stop.look(update, nll, weights)

    def all_ended(self) -> bool:
        """Whether every IIN has failed or stopped; waits for the device."""
        ended = self._guard.failed >= 0
        if self._early_stop is not None:
            ended = ended | (self._early_stop.stopped >= 0)
        return bool(ended.all())

    def state(self, k: int, update: int) -> UnitState:
        """The state of the k-th IIN between two blocks of updates, in copies on the CPU."""
        return UnitState(update, {name: tensor.cpu() for name, tensor in self._tensors(k).items()})

    def load(self, k: int, state: UnitState) -> None:
        """Go on from a state.

        Raises:
            CheckpointError: it is of another shape.
        """
        own = self._tensors(k)
        for name in own.keys() | state.tensors.keys():
            ours, theirs = own.get(name), state.tensors.get(name)
            if ours is None or theirs is None or (name != _GROWS and ours.shape != theirs.shape):
                raise CheckpointError(f"A checkpoint does not fit this training: {name}.")
        for part, owner in self._owners.items():
            begin = f"{part}."
            named = state.tensors.items()
            owner.load(k, {name[len(begin) :]: value for name, value in named if name.startswith(begin)})

    def finish(self, cost: Cost) -> list[Trained]:
        """Every IIN with the weights that are kept."""
        flat = self._parameters.flat.detach()
        if self._average is not None:
            flat.copy_(self._average.flat)
        if self._early_stop is not None:
            self._early_stop.restore(flat)
        return [self._finished(k, cost) for k in range(len(self.jobs))]

    def _finished(self, k: int, cost: Cost) -> Trained:
        failed, stopped = int(self._guard.failed[k]), -1
        if self._early_stop is not None:
            stopped = int(self._early_stop.stopped[k])
        updates = next((update for update in (failed, stopped) if update > 0), self.spec.updates)
        alone, curves = self.flow.unstack(k).cpu(), self.curve.table(k, updates)
        failure = self._failure(k, updates) if failed > 0 or not _is_finite(alone, curves) else None
        kept = len(curves) - 1
        if self.spec.patience_of(self.jobs[k].blocks.concepts) and failure is None:
            kept = int(curves["nll_validation"].argmin())
        return Trained(alone, curves, failure, updates, cost, kept=kept)

    def _failure(self, k: int, updates: int) -> DivergedError:
        job, spec, first = self.jobs[k], self.spec, int(self._guard.first[k])
        noise = f", noise {spec.noise:g}" if spec.noise else ""
        clipped = "no clip" if spec.clip is None else f"clip {spec.clip:g}"
        return DivergedError(
            f"Training diverged by update {updates}: {int(self._guard.strikes[k])} updates had no finite "
            f"loss or gradient, the first was update {first if first > 0 else updates}.",
            where=f"an IIN with {job.blocks}, seed {job.seed}; learning_rate {spec.learning_rate:g}, "
            f"batch {spec.batch}, {clipped}{noise}",
            fix="lower training.learning_rate, set training.clip, or add training.noise",
        )

    @property
    def _owners(self) -> dict[str, Stateful]:
        owners: dict[str, Stateful] = {
            "flow": Weights(self._parameters, len(self.jobs), self._parameters.flat.detach()),
            "optimizer": self._optimizer,
            "batches": self.batches,
            "guard": self._guard,
            "curve": self.curve,
        }
        if self._critics is not None:
            owners["critics"] = Weights(self._critics, len(self.jobs), self._critics.flat.detach())
            owners["critic_optimizer"] = self._critic_optimizer
        if self._average is not None:
            owners["average"] = self._average
        if self._early_stop is not None:
            owners["early_stop"] = self._early_stop
        return owners

    def _tensors(self, k: int) -> dict[str, Tensor]:
        return {
            f"{part}.{name}": tensor
            for part, owner in self._owners.items()
            for name, tensor in owner.state(k).items()
        }


def _build(jobs: Sequence[Job], spec: FlowSpec) -> NormalizingFlow:
    seeds = [job.seed for job in jobs]
    if isinstance(spec, ConditionalFlowSpec):
        return build_conditional_flow(spec, jobs[0].n_dims, jobs[0].n_given, seeds)
    return build_flow(spec, [job.blocks for job in jobs], seeds)


def _penalties(jobs: Sequence[Job], spec: TrainingSpec, device: torch.device) -> nn.ModuleList:
    if not spec.penalties:
        return nn.ModuleList()
    from iin_core.penalties import PENALTIES

    return nn.ModuleList(PENALTIES[name](jobs, weight, device) for name, weight in spec.penalties.items())


def _is_finite(flow: nn.Module, curves: pd.DataFrame) -> bool:
    last = curves[["loss", "nll_train", "nll_validation"]].iloc[-1]
    return bool(last.notna().all()) and all(bool(p.isfinite().all()) for p in flow.parameters())
