"""How much memory the training of some units takes together, told before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch

from iin_core.batches import updates_at_once
from iin_core.blocks import RESIDUAL, Blocks
from iin_core.flow import build_flow
from iin_core.spec import FlowSpec, TrainingSpec
from iin_core.stream import SHARD_ROWS, streams, window_rows
from tasks.planned import Unit
from tasks.train_rows import sample_rows

_FLOAT = 4
_PROCESS = 400 * 2**20
"""A worker with torch and its code, before any work."""
_PIECE = 2**26
_COPIES = 6
"""Value, gradient and two moments; at the end the whole stack once more, and its units one by one."""
_WHILE_KEPT = 7
"""Copies of one unit's share of values and moments while its checkpoint is written, and their bytes."""
_CRITIC_LAYERS, _CRITIC_WIDTH = 2, 128
_FLOATS_A_DIMENSION = 10
"""What a coupling keeps of a row for the way back, for each dimension."""


@dataclass(frozen=True)
class Memory:
    """Bytes by what takes them."""

    rows: int
    parameters: int
    activations: int
    process: int = _PROCESS

    @property
    def total(self) -> int:
        """All together."""
        return self.rows + self.parameters + self.activations + self.process


def predicted_memory(units: Sequence[Unit], n_rows: int) -> Memory:
    """What the training of some units of one shape takes at most, as one group.

    Args:
        n_rows: of the row table.
    """
    first, stack = units[0], len(units)
    d, flow, training = width(first), first.flow, first.training
    layers = {unit.layer.extract.key: unit.layer.n for unit in units}
    fronts = {(unit.layer.extract.key, unit.dimensions.key) for unit in units}
    n_rows = max(unit.layer.rows_of(n_rows) for unit in units)
    in_memory = n_rows
    if streams(training.feed, n_rows, d):
        in_memory = min(n_rows, window_rows(d) + SHARD_ROWS)
    behind = _FLOAT * in_memory * d * (len(fronts) if len(fronts) == 1 else 2 * len(fronts))
    taken = sum(_FLOAT * min(n_rows, sum(sample_rows(n))) * n for n in layers.values())
    rows = behind + taken + 2 * _PIECE
    critics, read = _critics(first, d)
    stops = any(training.patience_of(unit.factors) for unit in units)
    more = 2 * (training.average is not None) + stops
    parameters = _parameters(flow, more, d, stack) + _FLOAT * _COPIES * stack * critics
    return Memory(rows, parameters, _activations(flow, training, d, stack) + _FLOAT * stack * read)


def _critics(unit: Unit, d: int) -> tuple[int, int]:
    """Floats of what penalties learn, and of what an update keeps for them: of each block and concept."""
    cells = len(unit.training.penalties) * len(unit.factors) ** 2
    hidden = _CRITIC_LAYERS * _CRITIC_WIDTH
    return cells * (d + hidden) * _CRITIC_WIDTH, cells * unit.training.batch * 2 * (d + hidden)


def width(unit: Unit) -> int:
    """d, the width of a unit's flow, or the most that its front may keep."""
    return min(unit.layer.n, unit.flow.most_dims) if unit.flow.front == "whiten" else unit.layer.n


def _parameters(flow: FlowSpec, more: int, d: int, stack: int) -> int:
    """Bytes of the parameters and what goes with them, `more` copies beside those of every training."""
    one = _FLOAT * _count(flow, d)
    return one * max((_COPIES + more) * stack, (4 + more) * stack + _WHILE_KEPT + 2 * more)


@cache
def _count(flow: FlowSpec, d: int) -> int:
    blocks = Blocks({RESIDUAL: d // 2, "concepts": d - d // 2})
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build_flow(flow, [blocks], [0]).parameters())


def _activations(flow: FlowSpec, training: TrainingSpec, d: int, stack: int) -> int:
    couplings = flow.couplings + flow.residual_couplings
    networks = 2 if flow.nets == "joint" else 4
    a_row = couplings * (networks * (flow.depth + 1) * flow.hidden + _FLOATS_A_DIMENSION * d)
    noise = 3 * updates_at_once(training, d) * training.batch * d if training.noise else 0
    return _FLOAT * stack * (training.batch * a_row + noise)
