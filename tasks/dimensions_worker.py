"""Estimate the dimensions of the concept sets of one layer on a worker, and fit their fronts."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.dimensions import Dimensions, Problem, drawn_pairs, estimate_dimensions, given_dimensions
from iin_core.front import Front, fit_front, shared_by
from iin_core.row_reader import SubsetReader
from iin_core.sampling import make_sampler
from tasks.activations import ActivationReader
from tasks.layer_rows import LayerRows, layer_table, read_pairs
from tasks.output import Root, open_root
from tasks.plan import Unit
from tasks.train_rows import evenly_in_pieces
from tasks.unit_front import write_front

_SAMPLE_BYTES = 2**30
"""Rows of z from which dimensions are estimated, where there are more. Fronts are fitted on all."""
_LEAST_ROWS = 256


def estimate_and_seal(root_url: str, rows_key: str, units: Sequence[Unit]) -> None:
    """Seal the dimensions and the front of units of one layer.

    Raises:
        InputError: a concept has no pairs, or the dimensions do not fit.
        DamagedOutput: a shard is missing, cut short or changed.
    """
    root = open_root(root_url, create=False)
    layer = _Layer(root, rows_key, units[0].layer.extract.key)
    for unit in units:
        begun = time.perf_counter()
        front = layer.front(unit)
        document = _document(unit, layer.estimate(unit, front), front.n_dims)
        with root.begin(unit.dimensions) as attempt:
            document["front"] = write_front(attempt.path, front)
            (attempt.path / "dimensions.json").write_text(json.dumps(document, indent=1) + "\n")
            attempt.seal(document, times={"estimate": time.perf_counter() - begun})


def _document(unit: Unit, estimated: Dimensions, n_dims: int) -> dict[str, Any]:
    """What dimensions a unit gets; where they are given, the estimate stands beside them."""
    document: dict[str, Any] = {
        "estimator": estimated.estimator,
        "dims": estimated.dims,
        "scores": estimated.scores,
        "curves": estimated.curves,
    }
    if unit.dims is None:
        return document
    given = given_dimensions({name: unit.dims[name] for name in unit.factors}, n_dims)
    return document | {"estimator": "given", "dims": given, "estimated": estimated.dims}


class _Layer:
    """The training rows of one layer: all by their reader and table, as many as fit in memory."""

    def __init__(self, root: Root, rows_key: str, activations_key: str) -> None:
        table = layer_table(root, rows_key, activations_key)
        pairs = read_pairs(root, rows_key)
        places = np.flatnonzero(np.asarray(table["split"] == "train"))
        self.reader = SubsetReader(ActivationReader(root.open("activations", activations_key)), places)
        self.rows = LayerRows(torch.empty(len(table), 0), table, pairs).of("train")
        most = max(_LEAST_ROWS, _SAMPLE_BYTES // (4 * self.reader.n_features))
        parts = evenly_in_pieces(self.reader.n_rows, most)
        self.taken = np.concatenate([np.arange(part.start, part.stop) for part in parts])
        self.z = torch.from_numpy(np.concatenate([self.reader.read(p.start, p.stop) for p in parts]))

    def front(self, unit: Unit) -> Front:
        """The front of a unit, fitted on all training rows."""
        columns, tables = self.rows.columns(unit.factors), self.rows.tables(unit.factors)
        rows = self.z if len(self.z) == self.reader.n_rows else self.reader
        return fit_front(rows, unit.flow, shared_by(columns, unit.factors, tables), self.rows.source)

    def estimate(self, unit: Unit, front: Front) -> Dimensions:
        """The dimensions of a unit's blocks by its estimator, from the rows in memory."""
        names = list(unit.factors)
        source = self.rows.source[self.taken]
        columns = {name: values[self.taken] for name, values in self.rows.columns(unit.factors).items()}
        tables = [table.within(self.taken, len(self.rows.table)) for table in self.rows.tables(unit.factors)]
        blocks = Blocks({RESIDUAL: 1, **dict.fromkeys(names, 1)})
        sampler = make_sampler(columns, unit.factors, source, blocks, tables=tables)
        found = drawn_pairs(sampler)
        pairs = {name: found[name] for name in names}
        return estimate_dimensions(unit.estimator, Problem(self.z, front.apply(self.z), pairs, source))
