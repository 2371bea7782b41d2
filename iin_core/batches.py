"""The batches of a stack: linked rows of each IIN, drawn for several updates at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from iin_core.curve import evenly
from iin_core.jobs import Job
from iin_core.objective import Mates, mutual
from iin_core.sampling import Batch, PairSampler
from iin_core.spec import TrainingSpec
from iin_core.stream import ShardedRows

_FIRST_ROWS = 1024
_STREAM = 2**32
"""Keeps the generator of the batches apart from that of the network's start."""
_MOST_AT_ONCE = 32
_MOST_NUMBERS = 2**22


class LinkedRows(NamedTuple):
    """One update's rows of every IIN.

    Attributes:
        x: rows behind the front, with noise, (K, n, d).
        mates: the links in each dimension.
        batch: the same by block, with its rows counted among all training rows.
    """

    x: Tensor
    mates: Mates
    batch: Batch


def updates_at_once(spec: TrainingSpec, n_dims: int) -> int:
    """For how many updates batches are drawn at once: a function of the unit alone."""
    return max(1, min(_MOST_AT_ONCE, _MOST_NUMBERS // (spec.batch * n_dims)))


class Batches:
    """Draws the batches of all IINs, each from a generator of its own.

    Attributes:
        block: updates drawn at once; between blocks the generators' states say all.
        clean: the rows of a batch that get no noise, or little, (n,).
        read: places of the rows that penalties read: the clean ones, or all where none is clean.
    """

    def __init__(self, jobs: Sequence[Job], spec: TrainingSpec, device: torch.device) -> None:
        self._jobs, self._spec, self._device = jobs, spec, device
        self.block = updates_at_once(spec, jobs[0].n_dims)
        self._table = _Table(jobs, spec.batch, self.block, device)
        self._noise = torch.stack([job.noise for job in jobs]).to(device) * spec.noise
        self._block_of_dim = torch.tensor([job.blocks.index_of_dim for job in jobs], device=device)
        dims = torch.arange(jobs[0].n_dims, device=device)
        first = torch.arange(len(jobs), device=device)[:, None, None] * spec.batch * jobs[0].n_dims
        self._offset = first + dims
        self._generators = [torch.Generator().manual_seed(_STREAM + job.seed) for job in jobs]
        noisy = _noisy_places(spec).to(device)
        self.clean = torch.ones(spec.batch, dtype=torch.bool, device=device)
        self.clean[noisy] = False
        self.read = self.clean.nonzero()[:, 0] if bool(self.clean.any()) else torch.arange(spec.batch)
        self.read = self.read.to(device)
        everywhere = spec.low_noise > 0 and len(noisy) > 0
        self._noisy = torch.arange(spec.batch, device=device) if everywhere else noisy
        self._level = torch.where(self.clean, spec.low_noise, 1.0)[self._noisy, None]

    def first_rows(self) -> Tensor:
        """Rows for the data-dependent initialisation, (K, n, d): the same number for every IIN."""
        self._table.turn_to(0)
        rows = [evenly(n, _FIRST_ROWS) for n in self._table.n_rows]
        return self._table.take(torch.stack(rows).to(self._device))

    def at(self, update: int) -> LinkedRows:
        """The batch of an update; updates are asked for in order, from the start of a block."""
        place = update % self.block
        if place == 0:
            self._draw(update)
        batch = Batch(*(part[:, place] for part in self._drawn))
        x = self._table.take(batch.rows)
        if len(self._noisy) == x.shape[1]:
            x.addcmul_(self._level, self._epsilon[:, place] @ self._noise)
        elif len(self._noisy):
            x[:, self._noisy] += self._level * (self._epsilon[:, place] @ self._noise)
        seen = batch._replace(rows=self._table.among_all(batch.rows))
        return LinkedRows(x, self._mates(batch.rho, self._mutual[:, place]), seen)

    def _mates(self, rho: Tensor, mutual: Tensor) -> Mates:
        """From blocks, (K, n, K + 1), to dimensions."""
        of_dim = self._block_of_dim[:, None, :].expand(-1, rho.shape[1], -1)
        index = mutual.gather(-1, of_dim).mul_(of_dim.shape[-1]).add_(self._offset)
        weight = (1 - rho.square()).reciprocal()
        return Mates(index.flatten(), rho.gather(-1, of_dim), weight.gather(-1, of_dim))

    def state(self, k: int) -> dict[str, Tensor]:
        """The state of the k-th IIN's generator between two blocks."""
        return {"generator": self._generators[k].get_state()}

    def load(self, k: int, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        self._generators[k].set_state(state["generator"])

    def _draw(self, update: int) -> None:
        self._table.turn_to(update)
        n_blocks = max(len(job.blocks) for job in self._jobs)
        drawn, epsilon = [], []
        for k, generator in enumerate(self._generators):
            batch = self._table.samplers[k].draw(self._spec.batch, self.block, generator)
            drawn.append(_widened(batch, n_blocks))
            shape = (self.block, len(self._noisy), self._jobs[k].n_dims)
            epsilon.append(torch.randn(shape, generator=generator))
        self._drawn = Batch(*(torch.stack(parts).to(self._device) for parts in zip(*drawn, strict=True)))
        self._mutual = mutual(self._drawn.partner)
        self._epsilon = torch.stack(epsilon).to(self._device)


class _Table:
    """The rows of all IINs on the device in one table, each layer's once: all, or the window of now."""

    def __init__(self, jobs: Sequence[Job], batch: int, block: int, device: torch.device) -> None:
        self._jobs, self._device = jobs, device
        self._layers = list({id(job.x): job.x for job in jobs}.values())
        self._of_job = [next(i for i, x in enumerate(self._layers) if x is job.x) for job in jobs]
        sizes = [x.largest_window if isinstance(x, ShardedRows) else len(x) for x in self._layers]
        self._starts = [sum(sizes[:i]) for i in range(len(sizes))]
        self._period = [
            x.updates_a_window(batch, block) if isinstance(x, ShardedRows) else None for x in self._layers
        ]
        self._now: list[int | None] = [None] * len(self._layers)
        self._all_rows: Tensor | None = None
        self._offset = torch.tensor([self._starts[i] for i in self._of_job], device=device)[:, None]
        self.n_rows = [sizes[i] for i in self._of_job]
        found = {k: job.sampler for k, job in enumerate(jobs)}
        self.samplers = {k: own for k, own in found.items() if isinstance(own, PairSampler)}
        only = self._layers[0]
        if len(self._layers) == 1 and isinstance(only, Tensor):
            self._x = only.to(device)
            return
        self._x = torch.empty(sum(sizes), jobs[0].width, device=device)
        for start, x in zip(self._starts, self._layers, strict=True):
            if isinstance(x, Tensor):
                self._x[start : start + len(x)] = x

    def turn_to(self, update: int) -> None:
        """Bring in the windows that belong to an update."""
        for i, (x, period) in enumerate(zip(self._layers, self._period, strict=True)):
            if isinstance(x, ShardedRows) and period is not None and self._now[i] != update // period:
                self._now[i] = update // period
                self._read(i, x, update // period)

    def take(self, rows: Tensor) -> Tensor:
        """The rows x, (K, n, d), at places of each IIN's own rows, (K, n)."""
        return self._x.index_select(0, (rows + self._offset).flatten()).view(*rows.shape, -1)

    def among_all(self, rows: Tensor) -> Tensor:
        """The same places, (K, n), counted among all training rows of each IIN's layer."""
        return rows if self._all_rows is None else self._all_rows[rows + self._offset]

    def _read(self, i: int, x: ShardedRows, window: int) -> None:
        rows = x.rows(window)
        start = self._starts[i]
        x.fill(self._x[start : start + len(rows)], window)
        if self._all_rows is None:
            self._all_rows = torch.zeros(len(self._x), dtype=torch.long, device=self._device)
        self._all_rows[start : start + len(rows)] = torch.from_numpy(rows).to(self._device)
        for k, job in enumerate(self._jobs):
            if self._of_job[k] == i and not isinstance(job.sampler, PairSampler):
                self.samplers[k], self.n_rows[k] = job.sampler(rows), len(rows)


def _noisy_places(spec: TrainingSpec) -> Tensor:
    """Evenly spaced pairs of the batch, both rows of each, so that every concept has its share."""
    n_pairs = spec.batch // 2
    wanted = round(spec.noise_share * n_pairs) if spec.noise > 0 else 0
    pairs = evenly(n_pairs, wanted) if wanted else torch.zeros(0, dtype=torch.long)
    alone = torch.arange(2 * n_pairs, spec.batch) if wanted == n_pairs else pairs[:0]
    return torch.cat((pairs, pairs + n_pairs, alone))


def _widened(batch: Batch, n_blocks: int) -> Batch:
    """The same with blocks that no dimension belongs to, so that IINs of fewer concepts stack."""
    more = n_blocks - batch.rho.shape[-1]
    if more == 0:
        return batch
    own = torch.arange(batch.rows.shape[-1])[:, None].expand(*batch.rows.shape, more)
    none = batch.rho.new_zeros(*batch.rows.shape, more)
    return Batch(batch.rows, torch.cat((batch.partner, own), -1), torch.cat((batch.rho, none), -1))
