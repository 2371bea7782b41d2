"""What a study may ask for beside its evaluations: one experiment a file, one line of this table each.

Nothing here imports torch: `run` and `problems` are names, resolved where they are called.
"""

from __future__ import annotations

from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any, Literal

Scope = Literal["unit", "layer", "model", "study"]


@dataclass(frozen=True)
class Experiment:
    """One kind of experiment.

    Args:
        name: as `experiments:` of a study calls it.
        title: its heading in the report.
        scope: what there is one output of: each unit, each layer, each model, or the study.
        run: ``module:function`` (context, spec) → `Found`; the context is that of the scope, see
            `tasks.experiments.context`.
        problems: ``module:function`` (plan, spec) → what `iin check` refuses before compute, as sentences
            or `IinError`s.
        version: raised when its code comes to make something else of the same inputs.
        applies: ``module:function`` (plan, target, spec) → why this unit, layer or model cannot have it,
            empty where it can; asked of those that the globs choose. None: all of them can.
        reads: ``module:function`` (plan, target, spec) → name → further unit, layer or step whose output
            it reads; they are part of its key. For scope "study" the target is the plan.
        scores: what its scores may be called, see `tasks.experiments.score_keys`; gates name these.
    """

    name: str
    title: str
    scope: Scope
    run: str
    problems: str | None = None
    version: int = 1
    applies: str | None = None
    reads: str | None = None
    scores: tuple[str, ...] = ()


def resolved(name: str) -> Any:
    """The function behind ``module:function``; its module is imported."""
    return resolve_name(name)


_ALL = (
    Experiment(
        "swaps",
        "Swaps",
        "unit",
        run="tasks.experiments.swaps:run",
        problems="tasks.experiments.decoder_check:image_problems",
        applies="tasks.experiments.edit_check:swaps_apply",
        reads="tasks.experiments.edit_check:swaps_read",
        scores=("swaps/{factor}_{reader}_{success}",),
    ),
    Experiment(
        "edits",
        "Edits",
        "unit",
        run="tasks.experiments.edits:run",
        version=2,
        problems="tasks.experiments.edit_check:edit_problems",
        applies="tasks.experiments.edit_check:edits_apply",
        scores=(
            "edits/{concept}_{reader}_{success}",
            "edits/{concept}_{reader}_kept_{concept}",
            "edits/{concept}_{reader}_slope",
            "edits/{concept}_itself_slope",
        ),
    ),
    Experiment(
        "transfer",
        "Class transfer",
        "unit",
        run="tasks.experiments.transfer:run",
        version=2,
        problems="tasks.experiments.decoder_check:image_problems",
        applies="tasks.experiments.edit_check:transfer_applies",
        scores=("transfer/{concept}_{reader}_{success}",),
    ),
    Experiment(
        "response",
        "Network response",
        "unit",
        run="tasks.experiments.response:run",
        version=3,
        problems="tasks.experiments.response_check:problems",
        applies="tasks.experiments.response_check:applies",
        reads="tasks.experiments.response_check:reads",
        scores=("response/{factor}_{movement}", "response/{any}/{factor}_{movement}"),
    ),
    Experiment(
        "walks",
        "Latent walks",
        "unit",
        run="tasks.experiments.walks:run",
        version=2,
        problems="tasks.experiments.embedding_check:problems",
        applies="tasks.experiments.response_check:applies",
        scores=(
            "walks/{factor}_acceptance",
            "walks/{factor}_beyond",
            "walks/{factor}_{concept}_neighbours",
            "walks/{factor}_{concept}_{reader}",
        ),
    ),
    Experiment(
        "embeddings",
        "1-D embeddings",
        "unit",
        run="tasks.experiments.embeddings:run",
        problems="tasks.experiments.embedding_check:problems",
        applies="tasks.experiments.embedding_check:applies",
        scores=("embeddings/{factor}_{concept}",),
    ),
    Experiment(
        "interpolation",
        "Interpolation",
        "unit",
        run="tasks.experiments.interpolation:run",
        version=2,
        applies="tasks.experiments.response_check:applies",
        scores=(
            "interpolation/log_prob_change_{space}",
            "interpolation/nll_change_{space}",
            "interpolation/{any}_confidence_change_{space}",
        ),
    ),
    Experiment(
        "layers",
        "Layers compared",
        "study",
        run="tasks.experiments.layers:run",
        reads="tasks.experiments.layers_check:reads",
        problems="tasks.experiments.layers_check:problems",
        version=2,
        scores=("compared/{any}/{concept}/{compared}",),
    ),
    Experiment(
        "sampling",
        "Sampling",
        "unit",
        run="tasks.experiments.sampling:run",
        problems="tasks.experiments.sampling_check:problems",
        applies="tasks.experiments.sampling_check:applies",
        reads="tasks.experiments.sampling_networks:extra_steps",
        scores=("sampling/{quality}", "sampling/{quality}_{generator}"),
    ),
    Experiment(
        "invariances",
        "Invariances",
        "layer",
        run="tasks.experiments.invariances:run",
        version=2,
        problems="tasks.experiments.invariances_check:problems",
        applies="tasks.experiments.invariances_check:applies",
        reads="tasks.experiments.invariances_check:reads",
        scores=(
            "invariances/{concept}_{read}",
            "invariances/kept",
            "invariances/kept_{any}",
            "invariances/agree_{concept}",
            "invariances/dependence",
            "invariances/dependence_p",
            "invariances/leak_nats",
            "invariances/nll_per_dim",
        ),
    ),
    Experiment(
        "invariances_over_depth",
        "Invariances over depth",
        "study",
        run="tasks.experiments.invariances_over_depth:run",
        version=2,
        problems="tasks.experiments.invariances_check:depth_problems",
        reads="tasks.experiments.invariances_check:depth_reads",
        scores=("invariances_over_depth/layers",),
    ),
)
EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in _ALL}
"""Name → experiment, in the order of the report."""
