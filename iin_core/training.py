"""The training of a stack of IINs: one loop that can be read aloud."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import torch
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.errors import DivergedError, InputError
from iin_core.flow import NormalizingFlow, build_flow
from iin_core.front import Front
from iin_core.objective import nll_per_dim, pair_loss
from iin_core.sampling import PairSampler
from iin_core.spec import FlowSpec, TrainingSpec
from iin_core.updates import FlatParameters, learning_rate, make_optimizer

_UPDATES_DRAWN_AT_ONCE = 32
_CURVE_POINTS = 100
_LEAST_BETWEEN_POINTS = 10
_FIRST_ROWS = 1024
_BATCH_STREAM = 2**32


@dataclass(frozen=True)
class Job:
    """One IIN to be trained.

    Attributes:
        x: training rows behind the front, (n, d).
        x_validation: validation rows behind the front, (m, d).
        noise: (d, d), such that ε · noise is noise of one standard deviation of each component of z.
        sampler: draws pairs of rows of x.
        blocks: the layout of z̃.
        seed: of the network's start, the pairs and the noise.
    """

    x: Tensor
    x_validation: Tensor
    noise: Tensor
    sampler: PairSampler
    blocks: Blocks
    seed: int


@dataclass(frozen=True)
class Trained:
    """A trained flow with its curves, or what made its training fail."""

    flow: NormalizingFlow
    curves: pd.DataFrame
    failure: DivergedError | None


def make_job(
    front: Front,
    rows: tuple[Tensor, Tensor],
    sampler: PairSampler,
    blocks: Blocks,
    seed: int,
) -> Job:
    """Prepare the training of one IIN from its training and validation rows of z, (n, N) and (m, N).

    Raises:
        InputError: rows that are not finite, or blocks that do not fill the flow.
    """
    z, z_validation = rows
    if blocks.n_dims != front.n_dims:
        raise InputError(
            f"The blocks have {blocks.n_dims} dimensions together, the flow has {front.n_dims}.",
            where=f"{blocks}",
            fix="let the residual take what the concepts leave",
        )
    spread = front.forward.T * z.std(0).square() @ front.forward
    values, vectors = torch.linalg.eigh(spread.double())
    noise = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return Job(front.apply(z), front.apply(z_validation), noise.float(), sampler, blocks, seed)


def train(
    jobs: Sequence[Job],
    flow_spec: FlowSpec,
    spec: TrainingSpec,
    *,
    device: str = "cpu",
    on_progress: Callable[[int], None] | None = None,
) -> list[Trained]:
    """Train IINs of one shape together; each comes out as if it had been trained alone.

    Args:
        jobs: with equal d and equal numbers of rows.
        on_progress: called with the number of updates done, about a hundred times.

    Source: paper, section 3; see `iin_core.objective` for the loss.
    """
    batches = _Batches(jobs, spec, torch.device(device))
    flow = build_flow(flow_spec, jobs[0].blocks.n_dims, [job.seed for job in jobs]).to(device)
    flow.initialize(batches.first_rows())
    parameters = FlatParameters(flow)
    optimizer = make_optimizer(parameters, spec)
    curve = _Curve(batches.validation, spec)
    for update in range(spec.updates):
        optimizer.param_groups[0]["lr"] = learning_rate(update, spec)
        a, b, rho = batches.next()
        z_tilde, log_det = flow(torch.cat((a, b), 1))
        z_tilde_a, z_tilde_b = z_tilde.chunk(2, 1)
        log_det_a, log_det_b = log_det.chunk(2, 1)
        loss = pair_loss(z_tilde_a, z_tilde_b, log_det_a, log_det_b, rho)
        parameters.differentiate(loss.sum())
        if spec.clip is not None:
            parameters.clip(spec.clip)
        optimizer.step()
        if curve.wants(update):
            curve.add(update, flow, loss.detach(), nll_per_dim(z_tilde.detach(), log_det.detach()).mean(1))
            if on_progress is not None:
                on_progress(update + 1)
    return [_finished(flow, curve, k, job) for k, job in enumerate(jobs)]


class _Batches:
    """Draws the batches of all jobs, each from a generator of its own, several updates at once."""

    def __init__(self, jobs: Sequence[Job], spec: TrainingSpec, device: torch.device) -> None:
        self.jobs, self.spec, self.device = jobs, spec, device
        self.x = torch.stack([job.x for job in jobs]).to(device)
        self.validation = torch.stack([job.x_validation for job in jobs]).to(device)
        self.noise = torch.stack([job.noise for job in jobs]).to(device) * spec.noise
        self.block_of_dim = torch.tensor([job.blocks.index_of_dim for job in jobs], device=device)
        self.generators = [torch.Generator().manual_seed(_BATCH_STREAM + job.seed) for job in jobs]
        self.n_noisy = round(spec.noise_share * spec.batch) if spec.noise > 0 else 0
        self.left = 0

    def first_rows(self) -> Tensor:
        """Rows for the data-dependent initialisation, (K, n, d)."""
        return self.x[:, :: max(1, self.x.shape[1] // _FIRST_ROWS)]

    def next(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rows a and b, (K, n, d), and the correlation of each of their dimensions, (K, n, d)."""
        if not self.left:
            self._draw()
        self.left -= 1
        a, b = (self._rows(index[:, self.left]) for index in self.index)
        return self._add_noise(a, 0), self._add_noise(b, 1), self._rho(self.rho[:, self.left])

    def _draw(self) -> None:
        n, self.left = self.spec.batch, _UPDATES_DRAWN_AT_ONCE
        drawn = [
            replace(job.sampler, links=()).draw(2 * n, self.left, generator)
            for job, generator in zip(self.jobs, self.generators, strict=True)
        ]
        n_blocks = max(job.sampler.n_blocks for job in self.jobs)
        rows = torch.stack([batch.rows for batch in drawn]).to(self.device)
        self.index = [rows[..., :n], rows[..., n:]]
        self.rho = torch.zeros(len(self.jobs), self.left, n, n_blocks)
        for rho, own in zip(self.rho, drawn, strict=True):
            rho[..., : own.rho.shape[-1]] = own.rho[:, n:]
        self.rho = self.rho.to(self.device)
        shape = (2, self.left, self.n_noisy, self.x.shape[-1])
        self.epsilon = torch.stack([torch.randn(shape, generator=g) for g in self.generators]).to(self.device)

    def _rows(self, index: Tensor) -> Tensor:
        return self.x.gather(1, index[:, :, None].expand(-1, -1, self.x.shape[-1]))

    def _add_noise(self, rows: Tensor, side: int) -> Tensor:
        """Noise on the pairs at evenly spaced places of the batch, so that every concept has its share."""
        if self.n_noisy:
            places = torch.linspace(0, rows.shape[1] - 1, self.n_noisy, device=self.device).long()
            rows[:, places] += self.epsilon[:, side, self.left] @ self.noise
        return rows

    def _rho(self, rho: Tensor) -> Tensor:
        index = self.block_of_dim[:, None, :].expand(-1, rho.shape[1], -1)
        return rho.gather(-1, index)


class _Curve:
    """Loss and likelihood over the updates; what is not finite shows here."""

    def __init__(self, validation: Tensor, spec: TrainingSpec) -> None:
        self.validation, self.spec = validation, spec
        self.every = max(_LEAST_BETWEEN_POINTS, spec.updates // _CURVE_POINTS)
        self.points: list[tuple[int, float, Tensor]] = []

    def wants(self, update: int) -> bool:
        return (update + 1) % self.every == 0 or update in (0, self.spec.updates - 1)

    @torch.no_grad()
    def add(self, update: int, flow: NormalizingFlow, loss: Tensor, nll_train: Tensor) -> None:
        nll_validation = nll_per_dim(*flow(self.validation)).mean(1)
        values = torch.stack((loss / self.validation.shape[-1], nll_train, nll_validation))
        self.points.append((update + 1, learning_rate(update, self.spec), values))

    def table(self, k: int) -> pd.DataFrame:
        rows = [(update, *values[:, k].tolist(), rate) for update, rate, values in self.points]
        columns = ["update", "loss", "nll_train", "nll_validation", "learning_rate"]
        return pd.DataFrame(rows, columns=columns)


def _finished(flow: NormalizingFlow, curve: _Curve, k: int, job: Job) -> Trained:
    alone = flow.unstack(k).cpu()
    curves = curve.table(k)
    finite = all(bool(parameter.isfinite().all()) for parameter in alone.parameters())
    if finite and curves[["loss", "nll_train"]].notna().all(axis=None):
        return Trained(alone, curves, None)
    bad = curves.loc[~curves[["loss", "nll_train"]].notna().all(axis=1), "update"]
    failure = DivergedError(
        f"Training diverged by update {int(bad.min()) if len(bad) else curve.spec.updates}.",
        where=f"an IIN with {job.blocks}, seed {job.seed}",
        fix="lower training.learning_rate, set training.clip, or add training.noise",
    )
    return Trained(alone, curves, failure)
