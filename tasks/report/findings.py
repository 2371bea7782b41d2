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
        key: "layers", "swaps", "leaks" or "care".
        title: of the topic.
        sentences: one or more.
    """

    key: str
    title: str
    sentences: tuple[Markup, ...]


def findings(facts: StudyFacts) -> list[Topic]:
    """What the scores say: layers, swaps, leaks, and what to keep in mind; topics without a word left out."""
    groups = _groups(facts.headline)
    topics = (
        Topic("layers", "Where each concept is readable", tuple(_layers(facts.readable))),
        Topic("swaps", "What a swap does", tuple(s for group in groups for s in _swaps(group))),
        Topic("leaks", "What leaks", tuple(s for group in groups for s in _leaks(group))),
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
        does = {
            "joint": Markup("then says the donor's {} and all else as before").format(name(factor)),
            "isolate": "still says all else as before",
            "cause": Markup("then says the donor's {}").format(name(factor)),
        }[kind]
        yield Markup("Swap only <strong>{}</strong> in {}: {} {} in {} of {} {}.").format(
            name(factor),
            _place(unit),
            READERS[str(first["reader"])],
            does,
            _over_seeds(group, rows, kind),
            count(int(first["n"]), "pair") if pd.notna(first["n"]) else "the pairs",
            _beside(unit, factor, first, kind),
        )


def _beside(unit: UnitFacts, factor: str, row: dict[str, Any], kind: str) -> Markup:
    """What to hold a share against: chance, the judge's ceiling, and the best of the linear baselines."""
    said = [f"chance {share(row[f'{kind}_chance'])}"] if pd.notna(row[f"{kind}_chance"]) else []
    if kind == "joint" and pd.notna(row["ceiling"]):
        said.append(f"ceiling {share(row['ceiling'])}")
    others = [
        (other[kind], words, other)
        for method, words in METHODS.items()
        if method != IIN and (other := _row(unit.swaps(method), factor)) is not None and pd.notna(other[kind])
    ]
    if others:
        value, words, other = max(others, key=lambda found: found[0])
        ends = interval(other[f"{kind}_low"], other[f"{kind}_high"])
        said.append(f"best linear baseline: {words} {share(value)}{ends}")
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
        "The largest leak of {}{}: <strong>{}</strong> is read from {} at <strong>{}</strong>{} "
        "(chance {}; worst with shuffled labels {}{})."
    ).format(
        _place(unit),
        f" (seed {unit.unit.seed})" if len(leaks) > 1 else "",
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
    """Where each concept is read best, and from where on no better than by guessing, or where worst."""
    for model, found in readable.groupby("model", sort=False):
        of = [records(rows.sort_values("index")) for _, rows in found.groupby("concept", sort=False)]
        if found["index"].nunique() == 1:
            said = [Markup("{} {}").format(_strong(rows[0]["concept"]), _read(rows[0])) for rows in of]
            yield Markup("From {}, the one layer of {}: {}.").format(
                name(of[0][0]["layer"]), name(model), listed(said)
            )
            continue
        for rows in of:
            yield Markup("{} in {}: {}.").format(_strong(rows[0]["concept"]), name(model), _over_depth(rows))


def _over_depth(rows: list[dict[str, Any]]) -> Markup:
    best = max(rows, key=lambda row: row["accuracy"])
    if _at_chance(best):
        return Markup("no layer tells it (at most {})").format(_read(best))
    silent = len(rows)
    while _at_chance(rows[silent - 1]):
        silent -= 1
    if silent < len(rows):
        row = rows[silent]
        rest = Markup("; from {} on no better than chance{}").format(
            name(row["layer"]), interval(row["low"], row["high"])
        )
    else:
        least = min(rows, key=lambda row: row["accuracy"])
        rest = Markup(", least from {} at {}{}").format(
            name(least["layer"]), share(least["accuracy"]), interval(least["low"], least["high"])
        )
    return Markup("read best from {} at {}{}").format(name(best["layer"]), _read(best), rest)


def _at_chance(row: dict[str, Any]) -> bool:
    return bool(pd.notna(row["low"]) and row["low"] <= row["chance"])


def _read(row: dict[str, Any]) -> Markup:
    ends = interval(row["low"], row["high"])
    return Markup("<strong>{}</strong>{} (chance {})").format(
        share(row["accuracy"]), ends, share(row["chance"])
    )


def _strong(concept: str) -> Markup:
    return Markup("<strong>{}</strong>").format(name(concept))


def _place(unit: UnitFacts) -> Markup:
    return Markup("{} · {}").format(name(unit.unit.layer.layer), name(unit.unit.concepts))


def _row(table: pd.DataFrame, factor: str) -> dict[str, Any] | None:
    return next(iter(records(table[table["factor"] == factor])), None)


def _has(rows: Sequence[dict[str, Any] | None], kind: str) -> bool:
    return any(row is not None and pd.notna(row[kind]) for row in rows)
