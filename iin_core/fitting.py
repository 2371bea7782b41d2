"""From rows and their concepts to an interpreter, in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.dimensions import given_dimensions, shared_score, softmax_dimensions
from iin_core.errors import InputError
from iin_core.front import Front, fit_front
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
    dims: Literal["auto"] | Mapping[str, int] = "auto",
    source: ArrayLike | None = None,
    seed: int = 0,
    flow: FlowSpec | None = None,
    training: TrainingSpec | None = None,
) -> Interpreter:
    """Train an IIN on activations.

    Args:
        z: (n, N), finite, N even.
        concepts: for each concept its value in every row, (n,). Integers, strings and booleans are
            labels, floating-point numbers a numeric concept. None: unsupervised.
        pairs: tables of pairs, instead of concepts or beside them.
        dims: the dimensions of each concept's block, or "auto" for the estimate of the paper.
        source: (n,), which source example each row comes from; each row its own when left out.
        seed: of the split, the network's start, the pairs and the noise.
        flow, training: settings other than the defaults.

    Returns:
        An interpreter; 15 % of the sources are held back for validation and stand, with the
        curves' last values, in its `meta`.

    Raises:
        InputError: rows that are not finite or not rows, odd N, lengths that do not fit, a concept
            that cannot make pairs, dimensions that leave no residual.
        DivergedError: training did not stay finite.

    Example:
        >>> interpreter = fit(z, {"digit": digit, "colour": colour}, source=source)
        >>> z_swapped = interpreter.swap(z[:10], z[10:20], "digit")

    Source: paper, section 3.
    """
    flow, training = flow or FlowSpec(), training or TrainingSpec()
    rows = check_rows(z)
    columns = {name: np.asarray(values) for name, values in (concepts or {}).items()}
    source = np.arange(len(rows)) if source is None else np.asarray(source)
    _check_lengths(len(rows), {**columns, "source": source})
    specs = {name: PairSpec(kind=kind_of(values)) for name, values in columns.items()}
    kept, held_back = _hold_back(source, seed)
    front = fit_front(rows[kept], flow)

    columns_kept = {name: values[kept] for name, values in columns.items()}
    tables = [table.within(kept, len(rows)) for table in pairs]

    def sampler(blocks: Blocks) -> PairSampler:
        return make_sampler(columns_kept, specs, source[kept], blocks, tables=tables)

    blocks = _blocks(rows[kept], sampler, (list(columns), tables), dims, front.n_dims)
    job = make_job(front, (rows[kept], rows[held_back]), sampler(blocks), blocks, seed)
    [trained] = train([job], flow, training)
    meta = {
        "seed": seed,
        "training": training.model_dump(mode="json"),
        "validation_sources": [plain(value) for value in np.unique(source[held_back])],
    }
    check = {name: values[held_back] for name, values in columns.items()}
    return assemble(
        trained,
        front,
        blocks,
        (rows[kept], columns_kept, specs),
        (rows[held_back], check),
        meta,
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
        meta: goes into the interpreter, with the last values of the curves.

    Raises:
        DivergedError: training failed.
    """
    if trained.failure is not None:
        raise trained.failure
    last = trained.curves.iloc[-1]
    meta = {**meta, "nll_train": float(last["nll_train"]), "nll_validation": float(last["nll_validation"])}
    normal: dict[str, Prior] = {name: NormalPrior(dim) for name, dim in blocks.dims.items()}
    interpreter = Interpreter(front, trained.flow, blocks, normal, meta)
    z, columns, specs = rows
    z_check, check_columns = check
    codes, check_codes = interpreter.encode(z), interpreter.encode(z_check)
    for name, spec in specs.items():
        own, own_check = codes[:, blocks[name]], check_codes[:, blocks[name]]
        interpreter.priors[name] = (
            fit_class_prior(own, columns[name], (own_check, check_columns[name]))
            if spec.kind == "label"
            else fit_value_prior(own, columns[name])
        )
    return interpreter


def check_rows(z: ArrayLike | Tensor) -> Tensor:
    """The rows as a float32 tensor on the CPU.

    Raises:
        InputError: not (n, N) with even N, or values that are not finite.
    """
    rows = torch.as_tensor(z).detach().cpu().float()
    if rows.ndim != 2 or len(rows) < 2:
        raise InputError(f"z has the shape {tuple(rows.shape)}; it should be (n, N) with several rows.")
    if rows.shape[1] % 2:
        raise InputError(
            f"z has {rows.shape[1]} features; a flow needs an even number.",
            fix="drop one feature, or append one that varies",
        )
    bad = (~rows.isfinite().all(1)).nonzero().flatten()
    if len(bad):
        listed = ", ".join(str(int(row)) for row in bad[:10])
        raise InputError(
            f"{len(bad)} rows of z are not finite.", where=f"rows {listed}", fix="drop or mend them"
        )
    return rows


def kind_of(values: NDArray[Any]) -> Literal["label", "numeric"]:
    """Floating-point numbers are a numeric concept, all else are labels."""
    return "numeric" if values.dtype.kind == "f" else "label"


def _check_lengths(n: int, columns: Mapping[str, NDArray[Any]]) -> None:
    for name, values in columns.items():
        if values.shape != (n,):
            raise InputError(f"{name!r} has the shape {values.shape}, z has {n} rows.", where=name)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            bad = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(f"{name!r} is not finite in row {bad}.", where=name, fix="drop those rows")
        if name != "source" and len(np.unique(values)) < 2:
            raise InputError(f"The concept {name!r} is the same in every row.", where=name)


def _hold_back(source: NDArray[Any], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    values, code = np.unique(source, return_inverse=True)
    n_held = max(1, round(_VALIDATION_SHARE * len(values)))
    if len(values) < 3:
        raise InputError(f"{len(values)} sources cannot be split.", fix="give rows of several sources")
    held = np.isin(code, np.random.default_rng(seed).permutation(len(values))[:n_held])
    return np.flatnonzero(~held), np.flatnonzero(held)


def _blocks(
    z: Tensor,
    sampler: Callable[[Blocks], PairSampler],
    concepts: tuple[list[str], list[Pairs]],
    dims: Literal["auto"] | Mapping[str, int],
    n_dims: int,
) -> Blocks:
    """The layout of z̃, given or estimated; what pairs differ in is what they do not share."""
    columns, tables = concepts
    named = [name for table in tables for name in table.names]
    names = list(dict.fromkeys([*columns, *named]))
    if not isinstance(dims, str):
        if sorted(dims) != sorted(names):
            raise InputError(f"dims names {sorted(dims)}, the concepts are {sorted(names)}.", where="dims")
        return Blocks(given_dimensions({name: dims[name] for name in names}, n_dims))
    scores: dict[str, float] = {}
    sources = sampler(Blocks({RESIDUAL: 1, **dict.fromkeys(names, 1)})).sources
    for source, shared_names, differ in zip(
        sources,
        [*([name] for name in columns), *(table.names for table in tables)],
        [*(False for _ in columns), *(table.differs is not None for table in tables)],
        strict=True,
    ):
        score = shared_score(z, source)
        for name in shared_names:
            scores.setdefault(name, 1 - score if differ else score)
    return Blocks(softmax_dimensions(scores, n_dims).dims)
