"""What the evaluation of a unit works on: held-out rows, their concepts, all factorisations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.baselines import BASELINES
from iin_core.concept_values import class_index
from iin_core.errors import InputError
from iin_core.factorisation import Factorisation
from iin_core.interpreter import Interpreter
from iin_core.metrics import interchange_pairs, quintiles
from iin_core.spec import EvaluationSpec, PairSpec

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Base and donor (n,), positions among the held-out rows."""
READ_AS = ("label", "numeric")
"""Kinds of concepts whose column holds something that a probe can be fitted to."""


@dataclass(frozen=True)
class Coded:
    """A factorisation and the codes of the held-out rows.

    Args:
        factorisation: T, or a linear baseline.
        code: (n, d).
        back: (n, N), T⁻¹ of the code.
    """

    factorisation: Factorisation
    code: Tensor
    back: Tensor


@dataclass(frozen=True)
class Material:
    """Held-out rows of one layer, and every factorisation of them.

    Args:
        z: (n, N) activations of the held-out rows.
        passing: (n, m) leading coordinates of what a front keeps from the flow; m = 0 where nothing.
        rows: (n,) their numbers in the data.
        table: (n rows) their sources and concept columns.
        columns: concept → column: every concept of the study, and every column by its own name.
        probed: concept → (n,) what probes read: labels, or numbers as floats.
        factors: the unit's own concepts.
        labelled: those of them that are labels.
        methods: "iin" and the baselines that could be fitted.
        absent: baseline → why it could not be.
    """

    z: Tensor
    passing: Tensor
    rows: NDArray[np.int64]
    table: pd.DataFrame
    columns: Mapping[str, str]
    probed: Mapping[str, NDArray[np.generic]]
    factors: tuple[str, ...]
    labelled: tuple[str, ...]
    methods: Mapping[str, Coded]
    absent: Mapping[str, str]

    @property
    def source(self) -> NDArray[np.generic]:
        """(n,) source of each row."""
        return self.table["source"].to_numpy()

    @property
    def baselines(self) -> dict[str, Coded]:
        """The methods that no seed changes."""
        return {name: method for name, method in self.methods.items() if name != "iin"}

    @property
    def unlabelled(self) -> dict[str, int]:
        """Concept → held-out rows without a value of it; only those that have any."""
        counts = {name: int(is_absent(values).sum()) for name, values in self.probed.items()}
        return {name: n for name, n in counts.items() if n}


@dataclass(frozen=True)
class Concepts:
    """Which concepts a unit is about, and which it is probed for.

    Args:
        factors: the unit's own.
        study: every concept of the study.
    """

    factors: Mapping[str, PairSpec]
    study: Mapping[str, PairSpec]

    @property
    def probed(self) -> dict[str, PairSpec]:
        """All of them that have a column to be read from: a table of pairs has none."""
        return {name: spec for name, spec in {**self.study, **self.factors}.items() if spec.kind in READ_AS}

    @property
    def labelled(self) -> tuple[str, ...]:
        """The unit's own that are labels."""
        return tuple(name for name, spec in self.factors.items() if spec.kind == "label")


def material_maker(
    z: Tensor, table: pd.DataFrame, concepts: Concepts, spec: EvaluationSpec
) -> Callable[[Interpreter], Material]:
    """What codes the held-out rows by an interpreter, beside baselines that are fitted here, once for all.

    It raises an `InputError` for an interpreter whose codes are not finite, and for that one alone.

    Args:
        z: (n_rows, N) activations of all rows.
        table: all rows, with `source`, `split` and the concepts' columns.
        concepts: of the units, which differ in their seeds, say.
        spec: which baselines.
    """
    held = np.flatnonzero((table["split"] == "heldout").to_numpy())
    train = np.flatnonzero((table["split"] == "train").to_numpy())
    rows = table.iloc[held].reset_index(drop=True)
    fitted, absent = fit_baselines(z[train], table.iloc[train], concepts, spec)
    read = z[held]
    baselines = {name: coded(t, read) for name, t in fitted.items()}
    columns = {str(c): str(c) for c in rows.columns}
    columns |= {name: pairs.column or name for name, pairs in concepts.probed.items()}
    probed = {name: concept_values(rows, name, pairs) for name, pairs in concepts.probed.items()}

    def make(interpreter: Interpreter) -> Material:
        return Material(
            z=read,
            passing=interpreter.front.remainder_coordinates(read),
            rows=held,
            table=rows,
            columns=columns,
            probed=probed,
            factors=tuple(concepts.factors),
            labelled=concepts.labelled,
            methods={"iin": coded(interpreter, read), **baselines},
            absent=absent,
        )

    return make


def concept_values(table: pd.DataFrame, name: str, pairs: PairSpec) -> NDArray[np.generic]:
    """A concept's values as metrics take them: class indices of labels, floats of numbers.

    A missing label is None, a missing number NaN.
    """
    column = table[pairs.column or name]
    if pairs.kind == "numeric":
        return column.to_numpy(dtype=np.float64)
    return _classes(column)


def class_codes(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """The class indices of `concept_values`, (n,), as integers: −1 where a row has none."""
    return np.where(is_absent(values), -1, values).astype(np.int64)


def _classes(column: pd.Series) -> NDArray[np.generic]:
    codes = class_index(column.to_numpy())[1]
    if (codes >= 0).all():
        return codes
    found = codes.astype(object)
    found[codes < 0] = None
    return found


def is_absent(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """(n,) where `concept_values` has nothing."""
    return np.asarray(pd.isna(values), dtype=bool)


def draw_pairs(material: Material, judged: Sequence[str], n: int, seed: int) -> Pairs:
    """Pairs of held-out rows that differ in source, in the unit's concepts, and in all that is judged.

    Rows without a value of one of them are left out.

    Args:
        material: of the unit.
        judged: concepts or columns that a reader reads.
        n: how many pairs.
        seed: of the draw.

    Raises:
        InputError: such pairs are too rare to be found.
    """
    values: dict[str, NDArray[np.generic]] = {"source": material.source}
    whole = np.ones(len(material.rows), dtype=bool)
    for name in dict.fromkeys([*material.factors, *judged]):
        found = material.probed.get(name)
        if found is None and name in material.columns:
            found = _classes(material.table[material.columns[name]])
        if found is not None:
            whole &= ~is_absent(found)
            values[name] = found
    kept = np.flatnonzero(whole)
    concepts = {name: found[kept] for name, found in values.items()}
    binned = {name: quintiles(v) if v.dtype.kind == "f" else v for name, v in concepts.items()}
    base, donor = interchange_pairs(binned, n, seed)
    return kept[base], kept[donor]


@torch.no_grad()
def coded(factorisation: Factorisation, z: Tensor) -> Coded:
    """Codes of rows z (n, N), and what becomes of them.

    Raises:
        InputError: codes that are not finite.
    """
    code = factorisation.encode(z)
    broken = int((~code.isfinite().all(1)).sum())
    if broken:
        raise InputError(
            f"The codes of {broken} of {len(code)} held-out rows are not finite.",
            fix="train it again with a lower `learning_rate`, or with another seed",
        )
    return Coded(factorisation, code, factorisation.decode(code, like=z))


def fit_baselines(
    z: Tensor, table: pd.DataFrame, concepts: Concepts, spec: EvaluationSpec
) -> tuple[dict[str, Factorisation], dict[str, str]]:
    """Fit every baseline that is asked for on training rows.

    Args:
        z: (n, N).
        table: of the same rows.
        concepts: of the unit.
        spec: which.

    Returns:
        name → factorisation, and name → why there is none.
    """
    fitted: dict[str, Factorisation] = {}
    absent = {}
    labels = {name: concept_values(table, name, concepts.factors[name]) for name in concepts.labelled}
    for name, fit in BASELINES.items():
        if spec.level == "default":
            absent[name] = "the unit's evaluation is `default`; `baselines` and `full` have it"
        elif name not in spec.baselines:
            absent[name] = "the study's evaluation.baselines leaves it out"
        elif not labels:
            absent[name] = "linear baselines need a label concept in the set"
        else:
            try:
                fitted[name] = fit(z, labels)
            except InputError as error:
                absent[name] = error.what
    return fitted, absent
