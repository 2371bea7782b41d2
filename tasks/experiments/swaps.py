"""Swap grids: each factor of a few donors put into a few bases, decoded (paper, figures 3 and 5)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iin_core.errors import InputError
from iin_core.metrics import Score, quintiles
from iin_core.varied_rows import varied_rows
from tasks.evaluation.interchanges import swap_delta
from tasks.evaluation.material import Material, is_absent
from tasks.experiments.context import UnitContext
from tasks.experiments.drawing import figure
from tasks.experiments.found import Drawn, Found, Undrawn
from tasks.experiments.seen import WHO, Judged, Rows, Seen, in_range, judge, originals, see
from tasks.experiments.spec import SwapsSpec
from tasks.experiments.told import capital, percent, value_text

KINDS = ("cause", "isolate", "joint")
Everywhere = Mapping[tuple[str, str], Mapping[str, Score]]
_HOW_TO_READ = (
    "Each image has one factor of the donor on its left and all else of the base above it: along a row that "
    "factor should stay the same, along a column everything else should. joint: a reader says the donor's "
    "value and the base's of all else."
)


def run(context: UnitContext, spec: SwapsSpec) -> Found:
    """Draw a grid for each factor, with what every reader says of each image in it.

    Raises:
        InputError: too few held-out sources; what is decoded is no image of the data's kind.
    """
    network, material = context.network, context.material
    bases, donors = choose(material, spec)
    base, donor = np.tile(bases, len(donors)), np.repeat(donors, len(bases))
    either = np.concatenate([bases, donors])
    plain = see(network, material.rows[either], shown=len(either))
    everywhere = _of_all_pairs(context)
    scores: dict[str, Score] = {}
    drawn: list[Drawn | Undrawn] = []
    tables, words = [], [_HOW_TO_READ]
    for i, factor in enumerate(material.factors):
        delta = swap_delta(material.methods["iin"], material.z, (base, donor), factor)
        seen = see(network, material.rows[base], delta, shown=len(base))
        targets = {r.name: r.truth(material.table, material.columns) for r in network.readers}
        wanted = {name: truth[factor][donor] for name, truth in targets.items() if factor in truth}
        judged = judge(network, material, seen, (factor, base, wanted), context.job.spec)
        before = {
            who: {c: said[: len(bases)] for c, said in found.items()} for who, found in plain.said.items()
        }
        tables += [t for one in judged for t in _readings(material, one, (factor, base, donor), before)]
        scores |= {f"swaps/{factor}_{one.reader}_{k}": s for one in judged for k, s in _kinds(one).items()}
        told = [_sentence(factor, one, everywhere) for one in judged]
        words += told
        drawn += _grid(context, (i, factor), (bases, donors), (plain, seen), told)
    table = pd.concat(tables) if tables else pd.DataFrame()
    table = table.reindex(columns=list(COLUMNS))
    return Found(scores, {"swaps": table}, drawn, words, why=_why(context, scores))


COLUMNS = (
    *("factor", "base", "donor", "base_source", "donor_source", "reader", "concept"),
    *("base_value", "donor_value", "before", "after", "as_wanted"),
)
"""Of the table: what each reader says of each concept before and after each swap; rows are the data's."""


def choose(material: Material, spec: SwapsSpec) -> tuple[Rows, Rows]:
    """Bases and donors, positions among the held-out rows: each of its own source, their classes varied.

    Raises:
        InputError: fewer than two held-out sources with a value of every concept.
    """
    values = {name: material.probed[name] for name in material.factors if name in material.probed}
    absent = np.zeros(len(material.rows), dtype=bool)
    for found in values.values():
        absent |= is_absent(found)
    whole = np.flatnonzero(~absent)
    source = material.source[whole]
    n_sources = len(np.unique(source))
    if n_sources < 2:
        raise InputError(
            f"A swap needs a base and a donor of different sources, and {n_sources} held-out source has a "
            "value of every concept.",
            where=f"{len(material.rows)} held-out rows",
            fix="hold back more rows: `data: split: heldout`",
        )
    binned = {name: _bins(v[whole]) for name, v in values.items()}
    bases = varied_rows(binned, source, min(spec.bases, n_sources - 1), spec.seed)
    donors = varied_rows(binned, source, spec.donors, spec.seed, without=source[bases])
    return whole[bases], whole[donors]


def _bins(values: NDArray[np.generic]) -> NDArray[np.generic]:
    return quintiles(values) if values.dtype.kind == "f" else values


def _of_all_pairs(context: UnitContext) -> Everywhere:
    """What the evaluation found in its many pairs: (reader, factor) → kind → score."""
    table = pd.read_csv(io.BytesIO(context.opened.output("evaluation").read("interchange.csv")))
    rows = cast("list[dict[str, Any]]", table[table["method"] == "iin"].to_dict("records"))
    return {
        (row["reader"], row["factor"]): {
            kind: Score(
                row[kind], low=_number(row[f"{kind}_low"]), high=_number(row[f"{kind}_high"]), n=row["n"]
            )
            for kind in KINDS
            if not pd.isna(row[kind])
        }
        for row in rows
    }


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def _readings(
    material: Material, judged: Judged, pairs: tuple[str, Rows, Rows], before: Mapping[str, Any]
) -> Iterator[pd.DataFrame]:
    factor, base, donor = pairs
    n_bases = len(np.unique(base))
    for concept, classes in judged.classes.items():
        labels = np.array([*classes, None], dtype=object)
        said, wanted = judged.said[concept], judged.wanted[concept]
        plain = before[judged.reader][concept][judged.kept % n_bases]
        truth = material.table[material.columns[concept]].to_numpy()
        columns = {
            "base": material.rows[base],
            "donor": material.rows[donor],
            "base_source": material.source[base],
            "donor_source": material.source[donor],
            "base_value": truth[base],
            "donor_value": truth[donor],
        }
        kept = {name: values[judged.kept] for name, values in columns.items()}
        kept |= {"before": labels[plain], "after": labels[said], "as_wanted": said == wanted}
        yield pd.DataFrame(kept).assign(factor=factor, reader=judged.reader, concept=concept)


def _kinds(judged: Judged) -> dict[str, Score]:
    return {kind: score for kind, score in judged.success.scores.items() if kind in KINDS}


def _sentence(factor: str, judged: Judged, everywhere: Everywhere) -> str:
    """What the reader says of exactly these pairs, and of all pairs of the evaluation."""
    scores = _kinds(judged)
    kind = "joint" if "joint" in scores else "isolate"
    who, others = capital(WHO[judged.reader]), [name for name in judged.classes if name != factor]
    kept = f"the base's {' and '.join(others)}" if others else ""
    says = f"the donor's {factor}{f' and {kept}' if kept else ''}" if kind == "joint" else kept
    n = scores[kind].n
    shown = f"{who} says {says} in {percent(scores[kind])} of the {n} swaps of {factor} that are shown"
    whole = everywhere.get((judged.reader, factor), {}).get(kind)
    if whole is None:
        return f"{shown}."
    return f"{shown}, and in {percent(whole)} of the {whole.n:,} of the evaluation."


@figure("grid of the swaps")
def _grid(
    context: UnitContext,
    which: tuple[int, str],
    chosen: tuple[Rows, Rows],
    outputs: tuple[Seen, Seen],
    told: list[str],
) -> Drawn:
    from iin_core.figures import swap_grid

    (i, factor), (bases, donors), (plain, seen) = which, chosen, outputs
    assert plain.images is not None
    assert seen.images is not None
    like = originals(context.network, context.material.rows[np.concatenate([bases, donors])])
    images, swapped = (in_range(found, like) for found in (plain.images, seen.images))
    grid = swapped.reshape(len(donors), len(bases), *swapped.shape[1:])
    file = f"swaps_{i}.png"
    title = f"{context.unit.name} · {factor} of the donor"
    swap_grid(context.folder / file, images[: len(bases)], images[len(bases) :], grid, title=title)
    others = " and ".join(name for name in context.material.factors if name != factor) or "all else"
    caption = (
        f"Swap of {factor}: each image has the {factor} of the donor on its left and everything else of the "
        f"base above it, all decoded. Along a row {factor} should stay the same, along a column {others} "
        "should."
    )
    values = [_values(context.material, rows) for rows in chosen]
    alt = (
        f"Grid of {len(bases)} bases ({values[0]}) by {len(donors)} donors ({values[1]}): "
        f"the {factor} of each donor in each base."
    )
    return Drawn(file, " ".join([caption, *told]), alt, table="swaps", pixelated=True)


def _values(material: Material, rows: Rows) -> str:
    """The concepts of a few rows, in words."""
    columns = [
        material.table[material.columns[n]].to_numpy() for n in material.factors if n in material.probed
    ]
    return ", ".join(" ".join(value_text(column[row]) for column in columns) for row in rows) or "no labels"


def _why(context: UnitContext, scores: Mapping[str, Score]) -> dict[str, str]:
    """Why a factor has no joint."""
    if not context.network.readers:
        return {"swaps/joint": "the model has neither a reader nor a head that says a concept of the images"}
    missing = [
        (reader.name, factor)
        for reader in context.network.readers
        for factor in context.material.factors
        if f"swaps/{factor}_{reader.name}_joint" not in scores
    ]
    return {f"swaps/{f}_{who}_joint": f"{WHO[who]} does not read {f}" for who, f in missing}
