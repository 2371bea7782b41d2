"""What `fit` is given, checked before anything is computed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.blocks import RESIDUAL
from iin_core.cautions import Caution, cautions, lonely_in_training
from iin_core.concept_checks import check_concepts
from iin_core.concept_values import is_missing
from iin_core.errors import InputError, InputWarning, nearest
from iin_core.fit_arguments import check_scale, named_columns, numbers_of, pair_tables
from iin_core.front.support import LEAST_DIMS, follows_rows
from iin_core.pair_checks import check_pairs
from iin_core.pairs import Pairs
from iin_core.spec import FlowSpec, PairSpec

Kind = Literal["label", "numeric"]
_FEW_ROWS = 2
"""Training rows a dimension below which it is said that they are few."""
_FEW_VALUES = 100
_LEAST_SOURCES = 3


@dataclass(frozen=True)
class FitInput:
    """Rows with their concepts.

    Attributes:
        z: (n, N), finite.
        columns: for each concept its values, (n,).
        specs: for each concept how its pairs are drawn.
        source: (n,), the source example of each row.
        tables: of pairs, as row indices.
    """

    z: Tensor
    columns: Mapping[str, NDArray[Any]]
    specs: Mapping[str, PairSpec]
    source: NDArray[Any]
    tables: tuple[Pairs, ...]

    def of(self, rows: NDArray[np.int64]) -> FitInput:
        """Some of the rows, and the pairs among them.

        Raises:
            InputError: of a table of pairs none is left.
        """
        return FitInput(
            self.z[rows],
            {name: values[rows] for name, values in self.columns.items()},
            self.specs,
            self.source[rows],
            tuple(table.within(rows, len(self.z)) for table in self.tables),
        )


def fit_input(
    z: ArrayLike | Tensor,
    concepts: Mapping[str, ArrayLike] | None,
    specs: Mapping[str, Kind | PairSpec],
    source: ArrayLike | None,
    pairs: Sequence[Pairs],
) -> FitInput:
    """Check the arguments of `fit`.

    Raises:
        InputError: see `fit`.
    """
    rows = check_rows(z)
    tables = pair_tables(pairs)
    columns = {name: np.asarray(values) for name, values in named_columns(concepts).items()}
    sources = np.arange(len(rows)) if source is None else np.asarray(source)
    _check_lengths(len(rows), {**columns, "source": sources})
    for name in ("source", RESIDUAL):
        if name in columns:
            raise InputError(f"A concept cannot be called {name!r}.", where="concepts", fix="rename it")
    if is_missing(sources).any():
        raise InputError(
            f"{is_missing(sources).sum()} rows have no source.",
            where="source",
            fix="name the example that each row comes from, or leave `source` out: each row its own",
        )
    n_sources = len(np.unique(sources))
    if n_sources < _LEAST_SOURCES:
        raise InputError(
            f"{n_sources} sources cannot be split.", where="source", fix="give rows of several sources"
        )
    for name in specs:
        if name not in columns:
            raise InputError(
                f"specs names {name!r}, the concepts are {sorted(columns)}.",
                where="specs",
                fix=f"nearest: {nearest(name, list(columns))}",
            )
    full = {name: _spec(name, values, specs.get(name)) for name, values in columns.items()}
    table = pd.DataFrame({"source": sources, **columns})
    check_concepts(table, full)
    check_pairs(tables, sources, columns, full)
    _say(cautions(table, full))
    return FitInput(rows, columns, full, sources, tables)


def check_training(data: FitInput, flow: FlowSpec) -> None:
    """See that the rows which are left for training can serve.

    Raises:
        InputError: fewer rows than dimensions, or a concept of one value.
    """
    n, n_features = data.z.shape
    width = min(n_features, flow.most_dims) if flow.front == "whiten" else n_features
    chosen = follows_rows(flow, n_features)
    least = LEAST_DIMS if chosen else width
    if n < least:
        fewer = max(2, n // 4 // 2 * 2)
        raise InputError(
            f"{n} training rows are fewer than the {least} dimensions that they should fill.",
            where=f"z has {n_features} features",
            fix=f"give at least {4 * least} rows, or let a front keep fewer dimensions: "
            f"flow=FlowSpec(front_dims={fewer})",
        )
    if n < _FEW_ROWS * width:
        fewer_kept = ", so the front keeps as many of them as these rows support" if chosen else ""
        what = f"{n} training rows are few for {width} dimensions{fewer_kept}."
        _say([Caution(what, f"give {4 * width} or more")])
    for name, values in data.columns.items():
        present = ~is_missing(values)
        if len(pd.unique(pd.Series(values[present]))) < 2:
            raise InputError(
                f"The concept {name!r} is constant in the training rows.",
                where=f"{n} rows, {present.sum()} with a value",
                fix="give more sources, so that each value lies on both sides of the split",
            )
        if data.specs[name].kind == "label":
            _say(list(lonely_in_training(values[present], data.source[present], name)))


def check_rows(z: ArrayLike | Tensor) -> Tensor:
    """The rows as a float32 tensor on the CPU.

    Raises:
        InputError: not (n, N) with even N, or values that are not finite real numbers.
    """
    rows = numbers_of(z)
    if rows.ndim != 2 or len(rows) < 2:
        raise InputError(
            f"z has the shape {tuple(rows.shape)}; it should be (n, N) with several rows.",
            where="z",
            fix="give one row an example, of an image's activation for instance z.reshape(len(z), -1)",
        )
    if rows.shape[1] % 2:
        raise InputError(
            f"z has {rows.shape[1]} features; a flow needs an even number.",
            where="z",
            fix="drop one feature, or append one that varies",
        )
    bad = (~rows.isfinite().all(1)).nonzero().flatten()
    if len(bad):
        listed = ", ".join(str(int(row)) for row in bad[:10])
        raise InputError(
            f"{len(bad)} rows of z are not finite.", where=f"rows {listed}", fix="drop or mend them"
        )
    check_scale(rows)
    return rows


def kind_of(values: NDArray[Any]) -> Kind:
    """Floating-point numbers are a numeric concept, all else are labels; missing values say nothing."""
    if values.dtype == object:
        values = np.asarray(values[~is_missing(values)].tolist())
    return "numeric" if values.dtype.kind == "f" else "label"


def _spec(name: str, values: NDArray[Any], given: Kind | PairSpec | None) -> PairSpec:
    if isinstance(given, PairSpec):
        if given.kind == "pairs" or given.column is not None:
            raise InputError(
                f"specs of {name!r} names a file or column; `fit` takes arrays.",
                where="specs",
                fix="give tables of pairs as `pairs`",
            )
        return given
    if given not in (None, "label", "numeric"):
        raise InputError(
            f"specs of {name!r} is {given!r}.", where="specs", fix='"label", "numeric" or a PairSpec'
        )
    kind = given or kind_of(values)
    present = values[~is_missing(values)]
    if given is None and kind == "numeric" and len(present) < len(values):
        numbers = np.unique(present.astype(np.float64))
        if 0 < len(numbers) < _FEW_VALUES and (numbers == np.floor(numbers)).all():
            what = f"The concept {name!r} holds {len(numbers)} whole numbers and gaps: taken for a number."
            _say([Caution(what, f"say specs={{{name!r}: 'label'}} if they are labels, else 'numeric'")])
    return PairSpec(kind=kind)


def _check_lengths(n: int, columns: Mapping[str, NDArray[Any]]) -> None:
    for name, values in columns.items():
        if values.shape != (n,):
            raise InputError(
                f"{name!r} has the shape {values.shape}, z has {n} rows.",
                where=name,
                fix=f"give one value for each row, ({n},)",
            )


def _say(found: Sequence[Caution]) -> None:
    for caution in found:
        warnings.warn(str(caution), InputWarning, stacklevel=4)
