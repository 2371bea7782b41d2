"""The tables of a whole study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from tasks.report.cells import SHORT, Cell, Table, beside, name_cell, scored, unbroken
from tasks.report.embedded import csv_uri
from tasks.report.facts import RESIDUAL, StudyFacts, UnitFacts, records
from tasks.report.score_words import SCORES
from tasks.report.text import NONE, count, name, number, share
from tasks.seeds import SeedGroup

HEADLINE = (
    *("score/joint_reader", "score/joint_head", "score/leak_worst", "score/mig", "dependence/critic_nats"),
    *("score/nll_per_dim", "score/invertibility_error"),
)
"""The scores of the tables; a table leaves out those that none of its units has."""


def headline_table(facts: StudyFacts) -> Table:
    """The headline scores of the headline units, of all units where the study names none."""
    units = [unit for unit in facts.units if unit.unit.headline] or facts.units
    every = csv_uri(pd.DataFrame([_record(unit) for unit in facts.units]))
    note = (
        "In brackets the 95 % interval over sources; below, what guessing reaches and what it is with "
        "shuffled labels. A dash: not applicable or not there; each unit's section says why. The CSV has "
        "every score of every unit."
    )
    return _unit_table("Headline scores", units, note, every)


def other_units_table(facts: StudyFacts) -> Table:
    """The same scores of the units beside the headline; without rows where there is no headline."""
    named = any(unit.unit.headline for unit in facts.units)
    units = [unit for unit in facts.units if named and not unit.unit.headline]
    note = "Units of a short training budget are comparable with one another only."
    return _unit_table(f"The same of {count(len(units), 'other unit')}", units, note)


def _unit_table(caption: str, units: Sequence[UnitFacts], note: str, csv: str = "") -> Table:
    shown = [key for key in HEADLINE if any(unit.scores.get(key) is not None for unit in units)]
    head = ("layer", "concepts", "seed", "budget", *(SCORES[key].label for key in shown))
    rows = tuple((*_which(unit), *(_score(unit, key) for key in shown)) for unit in units)
    return Table(caption, head, rows, note, csv)


def seeds_table(facts: StudyFacts) -> Table:
    """Layer × concept set with several seeds: mean and range of the headline scores, agreement of blocks."""
    groups = [group for group in facts.seeds if group.n_evaluated > 1]
    shown = [key for key in HEADLINE if any(key in group.scores for group in groups)]
    head = ("layer", "concepts", "seeds", *(SCORES[key].label for key in shown), "agreement")
    rows = tuple(
        (
            *list(_place(group.unit))[:2],
            Cell(str(group.n_evaluated)),
            *(_over_seeds(group, key) for key in shown),
            _agreement(group),
        )
        for group in groups
    )
    every = [
        {"layer": g.unit.layer.layer, "concepts": g.unit.concepts, "score": key, **vars(spread)}
        for g in groups
        for key, spread in g.scores.items()
    ]
    note = (
        "Mean over seeds, below it the smallest and the largest. Agreement: linear CKA of each block "
        "between seeds, its interval over sources, and “other”, its CKA with the other blocks of the "
        "other seeds; 1 where seeds find the same block up to a turn, 0 for blocks that share nothing."
    )
    return Table("Spread over seeds", head, rows, note, csv_uri(pd.DataFrame(every)))


def readable_table(facts: StudyFacts) -> Table:
    """Layer × concept: the numbers behind the chart."""
    table = facts.readable
    concepts = list(dict.fromkeys(table["concept"]))
    rows = []
    for (model, layer, _), found in table.groupby(["model", "layer", "index"], sort=False):
        cells = {row["concept"]: scored(share(row["accuracy"]), beside(row)) for row in records(found)}
        told = (cells.get(concept, Cell(NONE, "none")) for concept in concepts)
        rows.append((name_cell(model), name_cell(layer), *told))
    caption = "Accuracy of a probe on the whole layer"
    note = "In brackets the 95 % interval over sources; below, chance and the same with shuffled labels."
    return Table(caption, ("model", "layer", *concepts), tuple(rows), note, csv=csv_uri(table))


def _which(unit: UnitFacts) -> Iterator[Cell]:
    yield from _place(unit.unit)
    yield Cell(str(unit.unit.seed))
    yield Cell(SHORT if unit.unit.budget == "short" else unit.unit.budget, "name")


def _place(unit: Any) -> Iterator[Cell]:
    layer = unit.layer
    anchor = Markup('<a href="#layer-{:02d}">{:02d}&nbsp;{}</a>').format(
        layer.index, layer.index, name(layer.layer)
    )
    yield Cell(anchor, "name", layer.model)
    yield name_cell(unit.concepts)


def _score(unit: UnitFacts, key: str) -> Cell:
    value = unit.scores.get(key)
    if value is None:
        reason = unit.why.get(key, "not evaluated" if unit.evaluated is None else "not applicable")
        return Cell(NONE, "none", reason)
    return scored(_shown(key, value), beside(unit.companions(key)))


def _shown(key: str, value: float) -> str:
    return number(value) if "error" in key else share(value)


def _over_seeds(group: SeedGroup, key: str) -> Cell:
    spread = group.scores.get(key)
    if spread is None:
        return Cell(NONE, "none")
    ends = f"{_shown(key, spread.least)} to {_shown(key, spread.most)}"
    return scored(_shown(key, spread.mean), ends if spread.n > 1 else "one seed only")


def _agreement(group: SeedGroup) -> Cell:
    if group.stability is None:
        return Cell(NONE, "none", "codes of these units were not kept")
    lines = [
        Markup("{} {}{}").format(
            RESIDUAL if block == RESIDUAL else name(block),
            share(score.value),
            Markup(' <small class="range">{}</small><br>').format(
                unbroken(
                    beside({"low": score.low, "high": score.high})
                    + (f" · other {share(score.control)}" if score.control is not None else "")
                )
            ),
        )
        for block, score in group.stability.blocks.items()
    ]
    return Cell(Markup("").join(lines), "number")


def _record(unit: UnitFacts) -> dict[str, Any]:
    layer = unit.unit.layer
    where = {"model": layer.model, "layer": layer.layer, "index": layer.index, "concepts": unit.unit.concepts}
    which = {**where, "seed": unit.unit.seed, "budget": unit.unit.budget, "status": unit.status}
    return {**which, **unit.scores}


def shown_values(values: Sequence[object], limit: int = 12) -> Markup:
    """The first values of a label, and how many more there are."""
    more = f" and {len(values) - limit} more" if len(values) > limit else ""
    return Markup("{}{}").format(Markup(", ").join(name(value) for value in values[:limit]), more)
