"""Readings that give several rows an example: which row of a layer is which token, position or call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.reading_calls import AtCall
from iin_core.reading_entries import Axis, Entries, drawn
from iin_core.reading_inputs import MASK, NO_MASK, real_tokens, spans
from iin_core.readings import Reading, make_reading
from iin_core.spec import ReadingSpec
from tasks.errors import StudyError
from tasks.sources.data import Data
from tasks.sources.data.inputs import Batch

if TYPE_CHECKING:
    from tasks.planned import LayerPlan
    from tasks.study_file import LoadedStudy

ROW, CALL = "row", "call"
FILE = "row.parquet"
"""In the output of such a layer: one line a row of the activations; a column `row`, the row of the table."""


@dataclass(frozen=True, eq=False)
class LayerPlaces:
    """Where the rows of a layer come from.

    Args:
        reading: of the layer.
        shape: of its activation, without the batch axis.
        n_calls: of its module in one forward pass.
        row: (m,) row of the data's table, rising.
        place: (m,) token without padding, or position, of `each`; 0 otherwise.
        call: (m,) of the module.
    """

    reading: ReadingSpec
    shape: tuple[int, ...]
    n_calls: int
    row: NDArray[np.int64]
    place: NDArray[np.int64]
    call: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)

    def table(self) -> pd.DataFrame:
        """Columns: row, then `token`, or `y` and `x` (`x` of a sequence), then `call` where it is of all."""
        columns = {ROW: self.row}
        if self.reading.token == "each":  # noqa: S105
            columns["token"] = self.place
        if self.reading.position is not None:
            names = {2: ["x"], 3: ["y", "x"]}.get(
                len(self.shape), [f"x{i}" for i in range(len(self.shape) - 1)]
            )
            columns |= dict(zip(names, np.unravel_index(self.place, self.shape[1:]), strict=True))
        if self.reading.call == "all":
            columns[CALL] = self.call
        return pd.DataFrame(columns)

    def read(
        self, chosen: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Reading, Callable[[Tensor], Tensor]]:
        """How some rows of the layer are read.

        Returns:
            Rows of the data, each once; the reading of just these places in a batch of them; and what picks
            the chosen rows, (len(chosen), N), from all that it reads.
        """
        examples, example = np.unique(self.row[chosen], return_inverse=True)
        index = np.arange(len(chosen)) if self.reading.is_each else example

        def pick(rows: Tensor) -> Tensor:
            if self.reading.call != "all":
                return rows
            by_call = rows.reshape(-1, self.n_calls, rows.shape[1])
            return by_call[torch.from_numpy(index), torch.from_numpy(self.call[chosen])]

        return examples, self._reading(example, self.place[chosen]), pick

    def edited(self, chosen: NDArray[np.int64]) -> Reading:
        """The reading through which row i of a batch of `row[chosen]` is changed at its own place."""
        return self._reading(np.arange(len(chosen)), self.place[chosen])

    def spread(self, delta: Tensor, chosen: NDArray[np.int64]) -> Tensor:
        """Changes (len(chosen), N) for `edited`: at their own calls, and 0 at the others."""
        if self.reading.call != "all":
            return delta
        whole = torch.zeros(len(chosen), self.n_calls, delta.shape[1])
        whole[torch.arange(len(chosen)), torch.from_numpy(self.call[chosen])] = delta.cpu().float()
        return whole.flatten(0, 1)

    def _reading(self, example: NDArray[np.int64], place: NDArray[np.int64]) -> Reading:
        spec = self.reading
        if spec.is_each:
            axis: Axis = "token" if spec.token else "position"
            index, places = torch.from_numpy(example), torch.from_numpy(place)
            reading: Reading = Entries(axis, index, places, mask=spec.mask)
        else:
            reading = make_reading(spec.model_copy(update={"call": None}))
        return _at_call(reading, spec, self.n_calls)


def reading_of(spec: ReadingSpec, n_calls: int) -> Reading:
    """The reading of a layer whose module is called so often in one forward pass."""
    return _at_call(make_reading(spec.model_copy(update={"call": None})), spec, n_calls)


def _at_call(reading: Reading, spec: ReadingSpec, n_calls: int) -> Reading:
    if spec.call is None:
        return reading
    return AtCall(reading, spec.call, n_calls if spec.call == "all" else None)


def layer_places(spec: ReadingSpec, shape: tuple[int, ...], n_calls: int, data: Data) -> LayerPlaces | None:
    """Where the rows of a layer come from; None where row i is of example i.

    Args:
        spec: the reading, its mask filled in by `settled`.
        shape: of the activation, without the batch axis.
        n_calls: of the module in one forward pass.
        data: the examples; the padding of all of them is looked at.
    """
    if not spec.is_several:
        return None
    if spec.token == "each" and spec.mask not in (None, NO_MASK):  # noqa: S105
        counts = _n_tokens(spec, data)
    else:
        each = shape[0] if spec.token else prod(shape[1:])
        counts = np.full(len(data), each if spec.is_each else 1, np.int64)
    row, place = drawn(counts.astype(np.int64), spec.sample, spec.seed or 0)
    calls = n_calls if spec.call == "all" else 1
    call = np.tile(np.arange(calls), len(row))
    return LayerPlaces(spec, shape, n_calls, np.repeat(row, calls), np.repeat(place, calls), call)


def by_examples(places: LayerPlaces, start: int, stop: int, batch: int) -> Iterator[range]:
    """Rows `start` to `stop` of a layer in parts of at most `batch` examples, cut from `start` on."""
    while start < stop:
        examples = np.unique(places.row[start:stop])[: batch + 1]
        end = stop
        if len(examples) > batch:
            end = int(np.searchsorted(places.row, examples[batch]))
        yield range(start, min(end, stop))
        start = end


def settled(spec: ReadingSpec, batch: Batch) -> ReadingSpec:
    """The reading with the mask that it uses where the inputs have one: part of what its rows are."""
    if spec.token is None or spec.mask is not None or isinstance(batch, Tensor) or MASK not in batch:
        return spec
    return spec.model_copy(update={"mask": MASK})


def beside(spec: ReadingSpec, data: Data, rows: NDArray[np.int64]) -> dict[str, Tensor]:
    """The columns of the table that name this reading's token, for some rows.

    Raises:
        InputError: a column that does not hold whole numbers.
    """
    found = {}
    for name in spec.at or ():
        if name not in data.table:
            continue  # an input of the model, or refused where the reading is bound
        values = pd.to_numeric(data.table[name].iloc[rows], errors="coerce")
        # A column may lend its memory read-only, of which torch warns.
        found[name] = torch.from_numpy(values.to_numpy(np.float64, na_value=np.nan, copy=True))
    return found


def check_spans(spec: ReadingSpec, data: Data) -> None:
    """See that every example has its token inside its sentence.

    Raises:
        InputError: the text names column and rows.
    """
    if spec.at is None:
        return
    named: dict[str, list[Tensor]] = {}
    counts = []
    for rows, batch in data.batches():
        inputs = _named(batch)
        real = real_tokens(inputs, spec.mask)
        counts += [] if real is None else [real.sum(1)]
        for name, values in {**inputs, **beside(spec, data, rows)}.items():
            if name in spec.at:
                named.setdefault(name, []).append(values)
    whole = {name: torch.cat(values) for name, values in named.items()}
    spans(whole, spec.at, torch.cat(counts) if counts else None)


def _n_tokens(spec: ReadingSpec, data: Data) -> NDArray[np.int64]:
    """(n,) tokens of every example, without padding."""
    found = [real_tokens(_named(batch), spec.mask) for _, batch in data.batches()]
    return np.concatenate([real.sum(1).numpy() for real in found if real is not None])


def _named(batch: Batch) -> dict[str, Tensor]:
    return batch if isinstance(batch, dict) else {}


def pairs_problems(loaded: LoadedStudy, layers: Sequence[LayerPlan]) -> list[StudyError]:
    """A table of pairs is of examples; a layer with several rows an example has no pairs of its own."""
    several = [layer for layer in layers if layer.n_rows is not None]
    return [
        StudyError(
            f"The pairs of {name!r} are of examples; layer {several[0].layer!r} gives several rows each.",
            where=loaded.where("concepts", concepts, "factors", name),
            fix="read that layer with one row an example, such as {token: mean}, or give a label instead",
        )
        for concepts, entry in loaded.study.concepts.items()
        for name, spec in entry.factors.items()
        if spec.kind == "pairs" and several
    ]
