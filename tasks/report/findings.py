"""What a study found, in sentences with numbers, made from its scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from tasks.report.cautions import cautions
from tasks.report.cells import METHODS, READERS
from tasks.report.facts import IIN, RESIDUAL, StudyFacts, UnitFacts, records
from tasks.report.text import count, interval, listed, name, share

_FEW_SEEDS = 3


@dataclass(frozen=True)
class Topic:
    """Some sentences about one thing.

    Args:
        key: "swaps", "leaks", "layers" or "care".
        title: of the topic.
        sentences: one or more.
    """

    key: str
    title: str
    sentences: tuple[Markup, ...]


def findings(facts: StudyFacts) -> list[Topic]:
    """What the scores say: swaps, leaks, layers, and what to keep in mind; topics without a word left out."""
    groups = _groups(facts.headline)
    topics = (
        Topic("swaps", "What a swap does", tuple(s for group in groups for s in _swaps(group))),
        Topic("leaks", "What leaks", tuple(s for group in groups for s in _leaks(group))),
        Topic("layers", "Where each concept is readable", tuple(_layers(facts.readable))),
        Topic("care", "To keep in mind", tuple(cautions(facts))),
    )
    return [topic for topic in topics if topic.sentences]


def _groups(units: Sequence[UnitFacts]) -> list[list[UnitFacts]]:
    """Units that differ in their seed alone."""
    groups: dict[tuple[int, str], list[UnitFacts]] = {}
    for unit in units:
        groups.setdefault((unit.unit.layer.index, unit.unit.concepts), []).append(unit)
    return list(groups.values())


def _swaps(group: Sequence[UnitFacts]) -> Iterator[Markup]:
    unit = group[0]
    for factor in unit.unit.factors:
        rows = [_row(one.swaps(), factor) for one in group]
        kind = next((kind for kind in ("joint", "isolate", "cause") if _has(rows, kind)), None)
        first = next((row for row in rows if row is not None), None)
        if kind is None or first is None:
            continue
        who = READERS[str(first["reader"])]
        does = {
            "joint": Markup("{} then says the donor's {} and everything else as before").format(
                who, name(factor)
            ),
            "isolate": Markup("{} still says everything else as before").format(who),
            "cause": Markup("{} then says the donor's {}").format(who, name(factor)),
        }[kind]
        yield Markup("Swapping only <strong>{}</strong> in {}: {} in {} of {} {}.").format(
            name(factor),
            _place(unit),
            does,
            _over_seeds(group, rows, kind),
            count(int(first["n"]), "pair") if pd.notna(first["n"]) else "the pairs",
            _beside(unit, factor, first, kind),
        )


def _beside(unit: UnitFacts, factor: str, row: dict[str, Any], kind: str) -> Markup:
    said = []
    levels = (("chance", "chance"), ("with shuffled labels", "control"))
    said += [
        f"{words} {share(row[f'{kind}_{level}'])}"
        for words, level in levels
        if pd.notna(row[f"{kind}_{level}"])
    ]
    if kind == "joint" and pd.notna(row["ceiling"]):
        said.append(f"the reader's own ceiling {share(row['ceiling'])}")
    for method, words in METHODS.items():
        other = _row(unit.swaps(method), factor)
        if method != IIN and other is not None and pd.notna(other[kind]):
            ends = interval(other[f"{kind}_low"], other[f"{kind}_high"])
            said.append(f"{words} {share(other[kind])}{ends}")
    return Markup("({})").format("; ".join(said)) if said else Markup("")


def _over_seeds(group: Sequence[UnitFacts], rows: Sequence[dict[str, Any] | None], kind: str) -> Markup:
    known = [
        (unit, row) for unit, row in zip(group, rows, strict=True) if row is not None and pd.notna(row[kind])
    ]
    if len(known) > _FEW_SEEDS:
        values = [row[kind] for _, row in known]
        text = f"{share(min(values))} to {share(max(values))} (over {len(known)} seeds)"
        return Markup("<strong>{}</strong>").format(text)
    return listed(
        [
            Markup("<strong>{}</strong>{}{}").format(
                share(row[kind]),
                interval(row[f"{kind}_low"], row[f"{kind}_high"]),
                f" (seed {unit.unit.seed})" if len(known) > 1 else "",
            )
            for unit, row in known
        ]
    )


def _leaks(group: Sequence[UnitFacts]) -> Iterator[Markup]:
    leaks = [(unit, leak) for unit in group if (leak := unit.worst_leak()) is not None]
    if not leaks:
        return
    unit, leak = max(leaks, key=lambda pair: pair[1]["accuracy"] - pair[1]["chance"])
    block = (
        "the residual" if leak["block"] == RESIDUAL else Markup("the block of {}").format(name(leak["block"]))
    )
    worst = [pair[1]["accuracy"] for pair in leaks]
    ends = f"; over {len(leaks)} seeds {share(min(worst))} to {share(max(worst))}"
    yield Markup(
        "The largest leak in {}{}: {} probe reads <strong>{}</strong> from {} with accuracy "
        "<strong>{}</strong>{} (chance {}; the worst with shuffled labels {}{})."
    ).format(
        _place(unit),
        f" (seed {unit.unit.seed})" if len(leaks) > 1 else "",
        "an MLP" if leak["probe"] == "mlp" else "a linear",
        name(leak["concept"]),
        block,
        share(leak["accuracy"]),
        interval(leak["low"], leak["high"]),
        share(leak["chance"]),
        share(_by_luck(unit, leak)),
        ends if len(leaks) > 1 else "",
    )


def _by_luck(unit: UnitFacts, leak: dict[str, Any]) -> float | None:
    """What the worst of the same cells reaches with shuffled labels, above the chance of this one."""
    worst = unit.scores.get("score/leak_worst_control")
    return leak["control"] if worst is None else worst


def _layers(readable: pd.DataFrame) -> Iterator[Markup]:
    for model, found in readable.groupby("model", sort=False):
        concepts = [records(rows.sort_values("index")) for _, rows in found.groupby("concept", sort=False)]
        if found["index"].nunique() == 1:
            said = [
                Markup("{} at {}").format(_strong(rows[0]["concept"]), _read(rows[0])) for rows in concepts
            ]
            layer = concepts[0][0]["layer"]
            yield Markup("From {}, the one layer of {}: {}.").format(name(layer), name(model), listed(said))
            continue
        for rows in concepts:
            yield Markup("In {}, {} is readable from {} at <strong>{}</strong>{} and from {} at {}.").format(
                name(model),
                _strong(rows[0]["concept"]),
                name(rows[0]["layer"]),
                share(rows[0]["accuracy"]),
                interval(rows[0]["low"], rows[0]["high"]),
                name(rows[-1]["layer"]),
                _read(rows[-1]),
            )


def _read(row: dict[str, Any]) -> Markup:
    at_chance = pd.notna(row["low"]) and row["low"] <= row["chance"]
    levels = f"chance {share(row['chance'])}; with shuffled labels {share(row['control'])}"
    return Markup("<strong>{}</strong>{}{} ({})").format(
        share(row["accuracy"]),
        interval(row["low"], row["high"]),
        ", no better than chance" if at_chance else "",
        levels,
    )


def _strong(concept: str) -> Markup:
    return Markup("<strong>{}</strong>").format(name(concept))


def _place(unit: UnitFacts) -> Markup:
    return Markup("{} · {}").format(name(unit.unit.layer.layer), name(unit.unit.concepts))


def _row(table: pd.DataFrame, factor: str) -> dict[str, Any] | None:
    return next(iter(records(table[table["factor"] == factor])), None)


def _has(rows: Sequence[dict[str, Any] | None], kind: str) -> bool:
    return any(row is not None and pd.notna(row[kind]) for row in rows)
