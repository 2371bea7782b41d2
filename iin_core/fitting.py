"""From rows and their concepts to an interpreter, in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.concept_values import as_numbers, concept_targets, present_labels
from iin_core.dimensions import (
    DEFAULT,
    ESTIMATORS,
    Dimensions,
    Problem,
    drawn_pairs,
    estimate_dimensions,
    given_dimensions,
)
from iin_core.errors import InputError
from iin_core.fit_arguments import settings, whole_seed
from iin_core.fit_input import FitInput, Kind, check_training, fit_input
from iin_core.front import Front, fit_front, shared_by
from iin_core.interpreter import Interpreter
from iin_core.pairs import Pairs
from iin_core.priors import NormalPrior, Prior, fit_class_prior, fit_value_prior, plain
from iin_core.sampling import PairSampler, make_sampler
from iin_core.spec import FlowSpec, PairSpec, TrainingSpec
from iin_core.training import Trained, make_job, train

_VALIDATION_SHARE = 0.15


def fit(  # noqa: PLR0913
    z: ArrayLike | Tensor,
    concepts: Mapping[str, ArrayLike] | None = None,
    *,
    pairs: Sequence[Pairs] = (),
    specs: Mapping[str, Kind | PairSpec] | None = None,
    dims: Literal["auto", "softmax", "rank", "explicit"] | Mapping[str, int] = "auto",
    source: ArrayLike | None = None,
    seed: int = 0,
    flow: FlowSpec | Literal["published"] | None = None,
    training: TrainingSpec | Literal["published"] | None = None,
) -> Interpreter:
    """Train an IIN on activations.

    Args:
        z: (n, N), finite, N even.
        concepts: for each concept its value in every row, (n,). Integers, strings and booleans are
            labels, floating-point numbers a numeric concept. None, NaN and pandas' NA are missing
            values: those rows train the residual and the likelihood. None: unsupervised.
        pairs: tables of pairs, instead of concepts or beside them.
        specs: for some concepts "label" or "numeric", where the values do not tell, or a `PairSpec`
            with more (correlation, balance of classes, what it is drawn apart from).
        dims: the dimensions of each concept's block, or an estimator of them: "softmax" (the paper's),
            "rank" or "explicit"; "auto" is the default one, see `iin_core.dimensions`.
        source: (n,), which source example each row comes from; each row its own when left out.
        seed: of the split, the network's start, the pairs and the noise.
        flow, training: settings other than the defaults; "published" for those of the paper.

    Returns:
        An interpreter; 15 % of the sources are held back for validation and stand, with the
        curves' last values, in its `meta`.

    Raises:
        InputError: rows that are not finite or not rows, odd N, fewer rows than dimensions, lengths
            that do not fit, a concept that cannot make pairs or is the same as another, pairs that
            cannot be, dimensions that leave no residual.
        DivergedError: training did not stay finite.

    Warns:
        InputWarning: what can be used, but not without a word; see `iin_core.cautions`.

    Example:
        >>> interpreter = fit(z, {"digit": digit, "colour": colour}, source=source)
        >>> z_swapped = interpreter.swap(z[:10], z[10:20], "digit")

    Source: paper, section 3.
    """
    flow, training, seed = settings(flow, FlowSpec), settings(training, TrainingSpec), whole_seed(seed)
    data = fit_input(z, concepts, specs or {}, source, pairs)
    kept, held_back = _hold_back(data.source, seed)
    rows = data.of(kept)
    check_training(rows, flow)
    front = fit_front(rows.z, flow, shared_by(rows.columns, data.specs, rows.tables), rows.source)
    found = _dimensions(rows, dims, front)
    blocks = Blocks(found.dims)
    sampler = make_sampler(
        rows.columns, rows.specs, rows.source, blocks, tables=rows.tables, links=training.links
    )
    targets = concept_targets(rows.columns, rows.specs)
    job = make_job(front, (rows.z, data.z[held_back]), sampler, blocks, seed, targets)
    job = replace(job, check=_check(data, held_back, blocks, training))
    [trained] = train([job], flow, training)
    meta = {
        "seed": seed,
        "training": training.model_dump(mode="json"),
        "dimensions": {"estimator": found.estimator, "scores": found.scores},
        "explained": front.explained,
        "validation_sources": [plain(value) for value in np.unique(data.source[held_back])],
    }
    check = {name: values[held_back] for name, values in data.columns.items()}
    return assemble(
        trained, front, blocks, (rows.z, rows.columns, rows.specs), (data.z[held_back], check), meta
    )


def assemble(
    trained: Trained,
    front: Front,
    blocks: Blocks,
    rows: tuple[Tensor, Mapping[str, NDArray[Any]], Mapping[str, PairSpec]],
    check: tuple[Tensor, Mapping[str, NDArray[Any]]],
    meta: Mapping[str, Any],
) -> Interpreter:
    """Make an interpreter of a trained flow: fit the priors of its blocks.

    Args:
        trained: what `train` returned.
        front, blocks: those of its job.
        rows: training rows z, (n, N), their concept columns, and how pairs were drawn of each.
        check: validation rows z and their concept columns.
        meta: goes into the interpreter, with what the curves say of its weights.

    Raises:
        DivergedError: training failed.
    """
    if trained.failure is not None:
        raise trained.failure
    kept = trained.curves.iloc[trained.kept]
    nll = {name: float(kept[name]) for name in ("nll_train", "nll_validation")}
    meta = {**meta, **nll, "linear": trained.linear}
    normal: dict[str, Prior] = {name: NormalPrior(dim) for name, dim in blocks.dims.items()}
    interpreter = Interpreter(front, trained.flow, blocks, normal, meta)
    z, columns, specs = rows
    z_check, check_columns = check
    codes, check_codes = interpreter.encode(z), interpreter.encode(z_check)
    for name, spec in specs.items():
        own, own_check = codes[:, blocks[name]], check_codes[:, blocks[name]]
        if spec.kind == "label":
            labelled, labels = present_labels(columns[name])
            check_labelled, check_labels = present_labels(check_columns[name])
            check_rows = (own_check[torch.from_numpy(check_labelled)], check_labels)
            interpreter.priors[name] = fit_class_prior(own[torch.from_numpy(labelled)], labels, check_rows)
        elif spec.kind == "numeric":
            numbers = as_numbers(columns[name])
            valued = ~np.isnan(numbers)
            interpreter.priors[name] = fit_value_prior(own[torch.from_numpy(valued)], numbers[valued])
    return interpreter


def _hold_back(source: NDArray[Any], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    values, code = np.unique(source, return_inverse=True)
    n_held = max(1, round(_VALIDATION_SHARE * len(values)))
    held = np.isin(code, np.random.default_rng(seed).permutation(len(values))[:n_held])
    return np.flatnonzero(~held), np.flatnonzero(held)


def _check(
    data: FitInput, held_back: NDArray[np.int64], blocks: Blocks, training: TrainingSpec
) -> PairSampler | None:
    """What draws linked validation rows; None where a concept has no pairs among them."""
    try:
        rows = data.of(held_back)
        return make_sampler(
            rows.columns, rows.specs, rows.source, blocks, tables=rows.tables, links=training.links
        )
    except InputError:
        return None


def _dimensions(rows: FitInput, dims: str | Mapping[str, int], front: Front) -> Dimensions:
    """The dimensions of the blocks, given or estimated."""
    named = [name for table in rows.tables for name in table.names]
    names = list(dict.fromkeys([*rows.columns, *named]))
    if not isinstance(dims, str):
        if sorted(dims) != sorted(names):
            raise InputError(
                f"dims names {sorted(dims)}, the concepts are {sorted(names)}.",
                where="dims",
                fix="give each concept its dimensions; the residual takes the rest",
            )
        given = given_dimensions({name: dims[name] for name in names}, front.n_dims)
        return Dimensions(given, {}, "given")
    estimator = DEFAULT if dims == "auto" else dims
    if estimator not in ESTIMATORS:
        raise InputError(
            f"There is no estimator of dimensions {dims!r}.",
            where="dims",
            fix=f"one of auto, {', '.join(ESTIMATORS)}, or a mapping of concepts to dimensions",
        )
    units = Blocks({RESIDUAL: 1, **dict.fromkeys(names, 1)})
    sampler = make_sampler(rows.columns, rows.specs, rows.source, units, tables=rows.tables)
    found = drawn_pairs(sampler)
    pairs = {name: found[name] for name in names}
    return estimate_dimensions(estimator, Problem(rows.z, front.apply(rows.z), pairs, rows.source))
