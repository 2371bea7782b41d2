"""What the evaluation of a unit works on: held-out rows, their concepts, all factorisations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.baselines import BASELINES
from iin_core.errors import InputError
from iin_core.factorisation import Factorisation
from iin_core.metrics import quintiles
from iin_core.spec import EvaluationSpec, PairSpec


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


def make_material(
    z: Tensor,
    table: pd.DataFrame,
    concepts: tuple[Mapping[str, PairSpec], Mapping[str, PairSpec]],
    interpreter: Factorisation,
    spec: EvaluationSpec,
) -> Material:
    """Code the held-out rows by the interpreter and by baselines fitted on the training rows.

    Args:
        z: (n_rows, N) activations of all rows.
        table: all rows, with `source`, `split` and the concepts' columns.
        concepts: (the unit's own factors, every concept of the study).
        interpreter: the unit's.
        spec: which baselines.
    """
    factors, probed = concepts
    held = np.flatnonzero((table["split"] == "heldout").to_numpy())
    train = np.flatnonzero((table["split"] == "train").to_numpy())
    rows = table.iloc[held].reset_index(drop=True)
    labelled = tuple(name for name, pairs in factors.items() if pairs.kind == "label")
    fitted, absent = _baselines(z[train], table.iloc[train], {n: factors[n] for n in labelled}, spec)
    with torch.no_grad():
        methods = {name: _coded(t, z[held]) for name, t in {"iin": interpreter, **fitted}.items()}
    return Material(
        z=z[held],
        rows=held,
        table=rows,
        columns={str(c): str(c) for c in rows.columns}
        | {name: pairs.column or name for name, pairs in {**probed, **factors}.items()},
        probed={name: concept_values(rows, name, pairs) for name, pairs in {**probed, **factors}.items()},
        factors=tuple(factors),
        labelled=labelled,
        methods=methods,
        absent=absent,
    )


def concept_values(table: pd.DataFrame, name: str, pairs: PairSpec) -> NDArray[np.generic]:
    """A concept's values as metrics take them: class indices of labels, floats of numbers."""
    column = table[pairs.column or name]
    if pairs.kind == "numeric":
        return column.to_numpy(dtype=np.float64)
    codes, _ = pd.factorize(column)
    return codes.astype(np.int64)


def must_differ(material: Material, judged: list[str]) -> dict[str, NDArray[np.generic]]:
    """What base and donor must differ in: source, the unit's concepts, and all that is judged."""
    values: dict[str, NDArray[np.generic]] = {"source": material.source}
    for name in dict.fromkeys([*material.factors, *judged]):
        found = material.probed.get(name)
        if found is None:
            found = pd.factorize(material.table[material.columns[name]])[0]
        values[name] = quintiles(found) if found.dtype.kind == "f" else found
    return values


def _coded(factorisation: Factorisation, z: Tensor) -> Coded:
    code = factorisation.encode(z)
    return Coded(factorisation, code, factorisation.decode(code, like=z))


def _baselines(
    z: Tensor, table: pd.DataFrame, labelled: Mapping[str, PairSpec], spec: EvaluationSpec
) -> tuple[dict[str, Factorisation], dict[str, str]]:
    fitted: dict[str, Factorisation] = {}
    absent = {}
    fits: Mapping[str, Callable[..., Factorisation]] = BASELINES
    for name in BASELINES:
        if name not in spec.baselines:
            absent[name] = "the study's evaluation.baselines leaves it out"
        elif not labelled:
            absent[name] = "linear baselines need a label concept in the set"
        else:
            labels = {n: concept_values(table, n, pairs) for n, pairs in labelled.items()}
            try:
                fitted[name] = fits[name](z, labels)
            except InputError as error:
                absent[name] = error.what
    return fitted, absent
