"""The training of a stack of IINs: one loop that can be read aloud."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch

from iin_core.calibration import calibrate
from iin_core.checkpoint import Checkpoints, UnitState
from iin_core.jobs import Cost, Job, Trained, make_job
from iin_core.linear_flow import judged
from iin_core.spec import FlowSpec, TrainingSpec
from iin_core.stack import Stack

__all__ = ["Checkpoints", "Cost", "Job", "Trained", "UnitState", "make_job", "train"]

_LOOKS = 10
"""How often in a training the host asks whether all IINs have ended."""


def train(
    jobs: Sequence[Job],
    flow_spec: FlowSpec,
    spec: TrainingSpec,
    *,
    device: str = "cpu",
    on_progress: Callable[[int], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> list[Trained]:
    """Train IINs of one shape together; each comes out as if it had been trained alone.

    Args:
        jobs: with equal d, and equally large residuals where the flow has residual couplings; the
            numbers of rows and the concepts may differ.
        on_progress: called with the number of updates done, about fifty times.
        checkpoints: where to go on from, and what to keep on the way. IINs that were stopped at
            different updates join one after the other.

    Source: paper, section 3; see `iin_core.objective` for the loss.
    """
    states: list[UnitState | None] = [None] * len(jobs) if checkpoints is None else [*checkpoints.found]
    starts = [state.update if state else 0 for state in states]
    cost = Cost()
    for begin, end in pairwise([*sorted(set(starts)), spec.updates]):
        members = [k for k, start in enumerate(starts) if start <= begin]
        stack = Stack([jobs[k] for k in members], flow_spec, spec, torch.device(device))
        for place, k in enumerate(members):
            if (state := states[k]) is not None:
                stack.load(place, state)
        keep = (members, checkpoints) if checkpoints else None
        cost += _advance(stack, (begin, end), on_progress, keep)
        if end < spec.updates:
            for place, k in enumerate(members):
                states[k] = stack.state(place, end)
    trained = stack.finish(cost)
    if spec.fall_back:
        trained = [judged(each, job) for each, job in zip(trained, jobs, strict=True)]
    if not spec.calibrate:
        return trained
    return [calibrate(each, job) for each, job in zip(trained, jobs, strict=True)]


def _advance(
    stack: Stack,
    span: tuple[int, int],
    on_progress: Callable[[int], None] | None,
    keep: tuple[list[int], Checkpoints] | None,
) -> Cost:
    """Do the updates of a span, in order. Nothing in here waits for the device but the looks."""
    begun, spent = time.process_time(), 0.0
    for update in range(*span):
        if update % stack.batches.block == 0 and update > span[0] and keep and keep[1].is_due(update):
            _keep(stack, update, *keep)
        drawn = stack.batches.at(update)
        before = time.process_time()
        z_tilde, log_det = stack.flow(drawn.x)
        loss = stack.loss(z_tilde, log_det, drawn, update)
        stack.differentiate(loss)
        stack.move(update, loss.detach())
        spent += time.process_time() - before
        if stack.curve.wants(update):
            stack.add_point(update, loss.detach(), z_tilde.detach(), log_det.detach())
            if on_progress is not None:
                on_progress(update + 1)
        if (update + 1) % max(1, stack.spec.updates // _LOOKS) == 0 and stack.all_ended():
            break
    return Cost(time.process_time() - begun, spent)


def _keep(stack: Stack, update: int, members: list[int], checkpoints: Checkpoints) -> None:
    for place, k in enumerate(members):
        checkpoints.keep(k, stack.state(place, update))
