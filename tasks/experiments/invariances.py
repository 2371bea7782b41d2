"""What a layer discards: the conditional flow v = t(z̄ | z) between an autoencoder's code and the layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.conditional_spec import conditional_training
from iin_core.interpreter import Interpreter
from iin_core.invariance import ConditionalInterpreter, fit_invariance
from iin_core.metrics.invariance import Independence, Kept, concept_space, independence, readable
from iin_core.metrics.score import Score
from iin_core.spec import EvaluationSpec
from iin_core.varied_rows import varied_rows
from tasks.experiments.context import LayerContext
from tasks.experiments.drawing import figure
from tasks.experiments.found import Drawn, Found, columns_of
from tasks.experiments.invariances_check import CODE, SPACE
from tasks.experiments.invariances_words import dots_alt, dots_caption, strip_alt, strip_caption, words
from tasks.experiments.seen import in_range, originals, see
from tasks.experiments.spec import InvariancesSpec

_IMAGES = 4
"""Axes of a batch of images."""
_MOST_ROWS = 6000
"""Held-out rows that probes and tests look at, of whole sources."""


@dataclass(frozen=True)
class Held:
    """Held-out rows: the code z̄ with the noise of the training, the layer z, and the table of both.

    Args:
        rows: (n,) their places among all rows.
    """

    z_bar: Tensor
    z: Tensor
    table: pd.DataFrame
    rows: NDArray[np.int64]

    @property
    def source(self) -> NDArray[Any]:
        """(n,)."""
        return np.asarray(self.table["source"])


def run(context: LayerContext, spec: InvariancesSpec) -> Found:
    """Train t on the rows that are not held out, and read v, z and z̄ on those that are."""
    job = context.opened.job
    measuring, code = job.measuring, context.opened.rows(CODE)
    fitted = np.array(context.rows.table["split"] != "heldout")
    chosen = torch.from_numpy(fitted)
    interpreter = fit_invariance(
        code.z[chosen],
        context.rows.z[chosen],
        source=context.rows.source[fitted],
        seed=measuring.seed,
        flow=spec.flow,
        training=conditional_training(spec.updates, spec.noise),
    )
    held = _held_out(context, interpreter.noisy(code.z, measuring.seed), measuring.seed)
    v = interpreter.encode(held.z_bar, given=held.z)
    given = held.z if interpreter.given is None else interpreter.given.apply(held.z)
    concepts = _concepts(context, held)
    codes = {"z": given, "embedding": interpreter.embed(held.z), "v": v, "z_bar": held.z_bar}
    table = readable(codes, concepts, held.source, measuring)
    tests = independence(v, given, held.source, measuring)
    kept = _kept(context, interpreter, held, (spec.draws, measuring))
    return Found(
        scores=_scores(table, tests, kept, interpreter),
        tables={
            "invariances": table,
            "independence": _tests_table(tests),
            **({"concept_space": _kept_table(kept)} if kept else {}),
        },
        drawn=[*_draw_dots(context, table), *_draw_strip(context, spec, interpreter, (held, concepts))],
        words=words(context.layer.title, table, tests, kept),
        files=_files(context, interpreter),
        why={} if kept else {"invariances/kept": "no IIN with concepts was trained on the code"},
    )


def _held_out(context: LayerContext, z_bar: Tensor, seed: int) -> Held:
    table = context.rows.table
    rows = np.flatnonzero(table["split"] == "heldout")
    if len(rows) > _MOST_ROWS:
        sources = np.random.default_rng(seed).permutation(table["source"].iloc[rows].unique())
        few = sources[: max(4, round(len(sources) * _MOST_ROWS / len(rows)))]
        rows = rows[np.isin(table["source"].iloc[rows], few)]
    at = torch.from_numpy(rows)
    return Held(z_bar[at], context.rows.z[at], table.iloc[rows].reset_index(drop=True), rows)


def _concepts(context: LayerContext, held: Held) -> dict[str, NDArray[Any]]:
    """Every concept of the study with a column, whatever unit it is of."""
    probed = context.opened.job.probed
    return {
        name: np.asarray(held.table[pairs.column or name])
        for name, pairs in probed.items()
        if pairs.kind != "pairs"
    }


def _kept(
    context: LayerContext,
    interpreter: ConditionalInterpreter,
    held: Held,
    asked: tuple[int, EvaluationSpec],
) -> dict[str, Kept]:
    if SPACE not in context.opened.job.planned.reads:
        return {}
    space: Interpreter = context.opened.interpreter(SPACE)
    draws, measuring = asked
    return concept_space(interpreter, space, held.z_bar, held.z, held.source, draws=draws, spec=measuring)


def _scores(
    table: pd.DataFrame,
    tests: Independence,
    kept: Mapping[str, Kept],
    interpreter: ConditionalInterpreter,
) -> dict[str, Score]:
    mlp = table[table["probe"] == table["probe"].iloc[-1]]
    numbers = ("accuracy", "chance", "control", "low", "high", "n", "control_high")
    scores = {
        f"invariances/{_plain(row['concept'])}_{row['code']}": Score(*(row[name] for name in numbers))
        for row in cast("list[dict[str, Any]]", mlp.to_dict("records"))
    }
    scores |= {f"invariances/kept_{name}": found.explained for name, found in kept.items()}
    scores |= {
        f"invariances/agree_{name}": found.agreement for name, found in kept.items() if found.agreement
    }
    scores["invariances/dependence"] = tests.distance_correlation.score
    scores["invariances/dependence_p"] = Score(tests.distance_correlation.p_value)
    scores["invariances/leak_nats"] = tests.nats.nats
    scores["invariances/nll_per_dim"] = Score(interpreter.meta["nll_validation"])
    return scores


def _plain(concept: str) -> str:
    """The name of a concept without the note that its numbers are read by quintiles."""
    return concept.removesuffix(" (quintile)")


def _tests_table(tests: Independence) -> pd.DataFrame:
    found = [
        ("distance correlation", tests.distance_correlation.score, tests.distance_correlation.p_value),
        ("HSIC", tests.hsic.score, tests.hsic.p_value),
        ("critic, nats", tests.nats.nats, tests.nats.p_value),
    ]
    columns = ("value", "low", "high", "control", "control_high", "n")
    return pd.DataFrame([{"test": name, "p": p, **columns_of(score, columns)} for name, score, p in found])


def _kept_table(kept: Mapping[str, Kept]) -> pd.DataFrame:
    rows = []
    for name, found in kept.items():
        for what, score in (("explained", found.explained), ("agreement", found.agreement)):
            if score is not None:
                numbers = (score.value, score.low, score.high, score.chance, score.n)
                rows.append((name, what, *numbers))
    return pd.DataFrame(rows, columns=["block", "what", "value", "low", "high", "chance", "n"])


@figure("chart of what is read")
def _draw_dots(context: LayerContext, table: pd.DataFrame) -> Iterator[Drawn]:
    from iin_core.figures.invariances import invariance_dots

    shown = table[table["probe"] == table["probe"].iloc[-1]]
    title = f"{context.layer.title} · what it discards"
    invariance_dots(context.folder / "invariances.svg", shown, title=title)
    yield Drawn("invariances.svg", dots_caption(), dots_alt(context.layer.title, shown), table="invariances")


@figure("film strip")
def _draw_strip(
    context: LayerContext,
    spec: InvariancesSpec,
    interpreter: ConditionalInterpreter,
    rows: tuple[Held, Mapping[str, NDArray[Any]]],
) -> Iterator[Drawn]:
    """Inputs, their codes decoded, and codes that look the same to the layer, where the model decodes."""
    network = context.opened.network(CODE)
    batch = network.data.batch(np.arange(1))
    if not network.decodes or not isinstance(batch, Tensor) or batch.ndim != _IMAGES:
        return
    from iin_core.figures.strips import Heads, film_strip

    held, concepts = rows
    labels = {name: values for name, values in concepts.items() if values.dtype.kind != "f"}
    few = varied_rows(labels, held.source, spec.shown, context.opened.job.measuring.seed)
    at = torch.from_numpy(few)
    drawn = interpreter.sample(given=held.z[at], n=spec.strip, seed=context.opened.job.measuring.seed)
    change = drawn - held.z_bar[at][:, None]
    delta = torch.cat([torch.zeros_like(change[:, :1]), change], 1).flatten(0, 1)
    columns = spec.strip + 1
    places = np.repeat(held.rows[few], columns)
    images = see(network, places, delta, shown=len(places)).images
    given = originals(network, held.rows[few])
    assert images is not None
    heads = Heads(
        steps=["code", *(str(i + 1) for i in range(spec.strip))],
        across="codes that look the same to the layer →",
    )
    frames = in_range(images, given).unflatten(0, (-1, columns))
    title = f"{context.layer.title} · what it cannot see"
    film_strip(context.folder / "samples.png", in_range(given, given), frames, heads, title=title)
    yield Drawn("samples.png", strip_caption(), strip_alt(context.layer.title, len(few), spec.strip))


def _files(context: LayerContext, interpreter: ConditionalInterpreter) -> dict[str, bytes]:
    """The interpreter itself, as `ConditionalInterpreter.load` reads it."""
    folder = context.folder / "flow"
    interpreter.save(folder)
    return {f"flow/{file.name}": file.read_bytes() for file in sorted(folder.iterdir())}
