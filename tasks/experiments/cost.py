"""About how long an experiment takes, told before it is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from statistics import median_high
from typing import Any

from tasks.data_sizes import DataSizes
from tasks.experiments.spec import Embedding
from tasks.output import Output
from tasks.planned import Plan, PlannedExperiment

_A_PASS = 1.5e-4
"""Seconds an example that goes through a small network and its readers."""
_A_STEP = 3e-5
"""Seconds a row and factor of one step of a walk."""
_A_UMAP, _FIRST_UMAP = 1.5e-3, 2.0
"""Seconds a row that UMAP lays out, and to begin with it."""
_A_FIT = 1.3e-2
"""Seconds a training row of fitting a built-in VAE."""
_AN_UPDATE = 2.5e-2
"""Seconds an update of a conditional flow."""
_REST = 0.3
"""Opening what is read, tables and figures."""


def experiment_seconds(plan: Plan, planned: PlannedExperiment) -> float | None:
    """Seconds of one core of a laptop's size, from rows, factors and settings; None where nothing is known.

    An estimate: how long the study's own network takes is not known beforehand, so it is priced as a small
    one. Where an experiment ran before, its own time says more, see `scaled`.

    Args:
        plan: the study's.
        planned: one of its experiments.
    """
    found = _SECONDS.get(planned.name)
    return None if found is None else _REST + found(planned, planned.spec, plan.sizes)


def scaled(expected: float | None, earlier: list[tuple[float, float | None]]) -> float | None:
    """What is expected of an experiment, held against how long it took before with other rows and settings.

    Args:
        expected: of this one; None if nothing is known of such.
        earlier: (seconds that one took, seconds that had been expected of it), one or more.
    """
    ratios = [took / told for took, told in earlier if told]
    if expected is not None and ratios:
        return expected * median_high(ratios)
    return median_high(took for took, _ in earlier) if earlier else expected


def times_of(output: Output) -> tuple[float, float | None] | None:
    """Seconds that a sealed experiment took, and those expected; None where no time was written down."""
    times = output.manifest["times"]
    if "experiment" not in times:
        return None
    return float(times["experiment"]), float(times["predicted"]) if "predicted" in times else None


def _factors(planned: PlannedExperiment) -> int:
    """The concepts of its unit and the residual."""
    return 1 + (len(planned.unit.factors) if planned.unit else 0)


def _umap(rows: int, sizes: DataSizes, embedding: Embedding) -> float:
    if embedding == "pca" or (embedding == "auto" and find_spec("umap") is None):
        return 0.0
    return _FIRST_UMAP + _A_UMAP * min(rows, sizes.n_heldout)


def _swaps(planned: PlannedExperiment, spec: Any, sizes: DataSizes) -> float:
    return float(_A_PASS * spec.bases * spec.donors * (_factors(planned) - 1))


def _edits(planned: PlannedExperiment, spec: Any, sizes: DataSizes) -> float:
    rows = min(spec.rows, sizes.n_heldout)
    passes = 0
    for name, pairs in planned.unit.factors.items() if planned.unit else ():
        if pairs.kind == "numeric":
            passes += len(spec.to.get(name, spec.quantiles))
        elif name in spec.to or sizes.n_classes.get(name) == 2:
            passes += len(spec.to.get(name, (0, 1))) * len(spec.strengths)
    return float(_A_PASS * rows * passes)


def _transfer(planned: PlannedExperiment, spec: Any, sizes: DataSizes) -> float:
    labels = (
        [pairs for pairs in planned.unit.factors.values() if pairs.kind == "label"] if planned.unit else ()
    )
    return float(_A_PASS * spec.pairs * len(labels))


def _response(planned: PlannedExperiment, spec: Any, sizes: DataSizes) -> float:
    bases = min(spec.bases, sizes.n_heldout)
    return float(_A_PASS * bases * spec.draws * (_factors(planned) + 1) * len(spec.draw_from))


def _walks(planned: PlannedExperiment, spec: Any, sizes: DataSizes) -> float:
    steps = spec.starts * spec.steps * _factors(planned)
    return float((_A_STEP + _A_PASS) * steps + _umap(spec.rows, sizes, spec.embedding))


def _embeddings(planned: PlannedExperiment, spec: Any, sizes: DataSizes) -> float:
    return float(_factors(planned) * _umap(spec.rows, sizes, spec.embedding) * 0.5)


def _interpolation(planned: PlannedExperiment, spec: Any, sizes: DataSizes) -> float:
    return float(_A_PASS * spec.pairs * spec.points * 2)


def _layers(planned: PlannedExperiment, spec: Any, sizes: DataSizes) -> float:
    return 0.03 * len(planned.reads)


def _sampling(planned: PlannedExperiment, spec: Any, sizes: DataSizes) -> float:
    n = min(spec.n, sizes.n_heldout)
    neighbours = 2e-8 * n**2
    fit = _A_FIT * sizes.n_train if spec.vae else 0.0
    return float(fit + spec.seeds * 4 * (4 * _A_PASS * n + neighbours))


def _invariances(planned: PlannedExperiment, spec: Any, sizes: DataSizes) -> float:
    return float(_AN_UPDATE * spec.updates + _A_PASS * sizes.n_heldout * spec.draws + 2.0)


def _depth(planned: PlannedExperiment, spec: Any, sizes: DataSizes) -> float:
    return 0.0


_SECONDS: Mapping[str, Callable[[PlannedExperiment, Any, DataSizes], float]] = {
    "swaps": _swaps,
    "edits": _edits,
    "transfer": _transfer,
    "response": _response,
    "walks": _walks,
    "embeddings": _embeddings,
    "interpolation": _interpolation,
    "layers": _layers,
    "sampling": _sampling,
    "invariances": _invariances,
    "invariances_over_depth": _depth,
}
"""Constants were measured on one core, with the small networks of the example studies."""
