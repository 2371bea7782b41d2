"""Network response: each factor of a layer is drawn anew in the running model, and its output watched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.metrics.response import Response, class_movement, spread, summarise, value_movement
from iin_core.metrics.score import Score
from iin_core.redraw import ALL, DrawFrom, redraw, share_beyond
from tasks.evaluation.network import Network
from tasks.experiments.context import UnitContext
from tasks.experiments.drawing import figure
from tasks.experiments.drawn_rows import drawn_rows
from tasks.experiments.found import Drawn, Found, columns_of
from tasks.experiments.response_words import alt_text, called, caption, words
from tasks.experiments.spec import ResponseSpec
from tasks.experiments.watched import Part, Watched, opened, watch

COLUMNS = (
    "output",
    "kind",
    "factor",
    "drawn",
    "statistic",
    "value",
    "low",
    "high",
    "share_of_all",
    "beyond",
    "bases",
    "draws",
    "seed",
)


def run(context: UnitContext, spec: ResponseSpec) -> Found:
    """Draw every block, and all of them, anew; what the output does, by each way of drawing."""
    rng = np.random.default_rng(context.job.spec.seed)
    n_rows = len(context.material.rows)
    bases = np.sort(rng.choice(n_rows, min(spec.bases, n_rows), replace=False))
    watched = opened(spec, context.job.folder)
    plain, constant = _without_constant(_plain(context.network, context.material.rows[bases], watched))
    factors = [*context.interpreter.blocks, ALL]
    rows = []
    for factor, how in product(factors, spec.draw_from):
        found, beyond = _response(context, spec, (factor, how), (bases, plain, watched))
        for name, response in found.items():
            kind = plain[name].kind
            rows += [
                {
                    "output": name,
                    "kind": kind,
                    "factor": factor,
                    "drawn": how,
                    "statistic": statistic,
                    **columns_of(score, ("value", "low", "high")),
                    "beyond": beyond,
                    "bases": len(bases),
                    "draws": spec.draws,
                    "seed": _seed(context.job.spec.seed, factor, how),
                }
                for statistic, score in response.scores.items()
            ]
    table = _with_share(pd.DataFrame(rows)).reindex(columns=list(COLUMNS))
    return Found(
        scores=_scores(table, spec),
        tables={"response": table, "response_rows": drawn_rows(context.material, base=bases)},
        drawn=_draw(context, table),
        words=[*words(table, spec.draw_from[0]), *constant],
    )


def _plain(network: Network, rows: NDArray[np.int64], how: Watched) -> dict[str, Part]:
    """Name → the output of the bases as they are."""
    batches = [watched for _, watched in watch(network, rows, how=how)]
    return {
        first.name: Part(first.name, first.kind, torch.cat([batch[i].values for batch in batches]))
        for i, first in enumerate(batches[0])
    }


def _without_constant(plain: dict[str, Part]) -> tuple[dict[str, Part], list[str]]:
    """Without numbers that are the same for all bases, where others are left; and a sentence that says so."""
    same = {
        name
        for name, part in plain.items()
        if part.kind == "value" and bool((part.values == part.values[:1]).all())
    }
    if not same or len(same) == len(plain):
        return plain, []
    told = f"Left out, since it is the same for all bases: {', '.join(sorted(same))}."
    return {name: part for name, part in plain.items() if name not in same}, [told]


def _response(
    context: UnitContext,
    spec: ResponseSpec,
    which: tuple[str, DrawFrom],
    known: tuple[NDArray[np.int64], Mapping[str, Part], Watched],
) -> tuple[dict[str, Response], float]:
    """Output → its response to one factor drawn in one way, and the share of draws beyond the data."""
    (factor, how), (bases, plain, watched) = which, known
    material, coded, interpreter = context.material, context.material.methods["iin"], context.interpreter
    base = np.repeat(bases, spec.draws)
    seed = _seed(context.job.spec.seed, factor, how)
    layout = (interpreter.blocks, interpreter.priors, material.source)
    drawn = redraw(coded.code, base, factor, how, layout, seed)

    def delta(part: slice) -> Tensor:
        rows = base[part]
        with torch.no_grad():
            return interpreter.decode(drawn[part], like=material.z[rows]) - coded.back[rows]

    moved = _movements((context.network, watched), plain, (material.rows[base], delta), spec.draws)
    source = material.source[bases]
    found = {name: summarise(columns, source, context.job.spec) for name, columns in moved.items()}
    if factor == ALL:
        return found, float("nan")
    place = interpreter.blocks[factor]
    return found, share_beyond(interpreter.priors[factor], coded.code[:, place], drawn[:, place])


def _movements(
    seen: tuple[Network, Watched],
    plain: Mapping[str, Part],
    edited: tuple[NDArray[np.int64], Any],
    draws: int,
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Output → columns (bases, draws), measured batch by batch: outputs may be large."""
    (network, how), (rows, delta) = seen, edited
    pieces: dict[str, list[Mapping[str, NDArray[np.float64]]]] = {name: [] for name in plain}
    for place, watched in watch(network, rows, delta, how):
        base_of = torch.arange(place.start, place.stop) // draws
        for part in (part for part in watched if part.name in plain):
            measure = class_movement if part.kind == "class" else value_movement
            pieces[part.name].append(measure(plain[part.name].values[base_of], part.values))
    found = {}
    for name, batches in pieces.items():
        columns = {key: np.concatenate([b[key] for b in batches]).reshape(-1, draws) for key in batches[0]}
        if "squared" in columns:
            columns = {"distance": columns["squared"] / spread(plain[name].values)}
        found[name] = columns
    return found


def _seed(seed: int, factor: str, how: str) -> int:
    """A seed of its own for each factor and way of drawing, whatever else is drawn."""
    return int(np.random.SeedSequence([seed, *f"{how} {factor}".encode()]).generate_state(1)[0])


def _with_share(table: pd.DataFrame) -> pd.DataFrame:
    """With each response as a share of what drawing everything anew does, in the same way."""
    keys = ["output", "drawn", "statistic"]
    ceiling = table[table["factor"] == ALL].set_index(keys)["value"]
    whole = ceiling.reindex(pd.MultiIndex.from_frame(table[keys])).to_numpy()
    return table.assign(
        share_of_all=np.divide(table["value"], whole, where=whole > 0, out=np.full(len(table), np.nan))
    )


def _scores(table: pd.DataFrame, spec: ResponseSpec) -> dict[str, Score]:
    """One number a factor and statistic, of the first way of drawing; the others stand in the table."""
    first = table[table["drawn"] == spec.draw_from[0]]
    several = first["output"].nunique() > 1
    return {
        f"response/{row['output'] + '/' if several else ''}{row['factor']}_{row['statistic']}": Score(
            row["value"], 0.0, low=row["low"], high=row["high"], n=row["bases"]
        )
        for row in cast("list[dict[str, Any]]", first.to_dict("records"))
    }


@figure("bars of the response")
def _draw(context: UnitContext, table: pd.DataFrame) -> Iterator[Drawn]:
    from iin_core.figures import response_bars

    for i, (name, rows) in enumerate(table.groupby("output", sort=False)):
        file = f"response_{i}.svg"
        title = f"{context.unit.name} · response of {called(str(name), rows.iloc[0]['kind'])}"
        response_bars(context.folder / file, rows, title=title)
        yield Drawn(file, caption(str(name), rows), alt_text(str(name), rows), table="response")
