"""Units and layers as the page shows them, those that matter most served first where room is short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from markupsafe import Markup

from tasks.report.cells import Table
from tasks.report.experiment_facts import of_layer, of_unit
from tasks.report.experiments import ExperimentPage, experiment_pages
from tasks.report.facts import StudyFacts, UnitFacts
from tasks.report.figures import Figure, unit_figures
from tasks.report.glance import LayerGlance
from tasks.report.pieces import Pieces, Shelf, piece
from tasks.report.text import interval, share
from tasks.report.unit_tables import detail_tables, unit_tables

if TYPE_CHECKING:
    from tasks.planned import LayerPlan

_KEY_NUMBERS = {
    "score/joint_reader": "swaps work",
    "score/joint_head": "swaps work",
    "score/leak_worst": "worst leak",
    "score/mig": "grouped MIG",
    "score/nll_per_dim": "NLL per dimension",
}


@dataclass(frozen=True)
class UnitPage:
    """One unit as the page shows it.

    Args:
        facts: of the unit.
        place: of the unit in the plan; its link.
        numbers: what its summary says, also while it is folded.
        figures, tables, details: as they stand on the page, as far as there is room.
        experiments: of this unit.
        cut: whether something was left out for want of room.
    """

    facts: UnitFacts
    place: int
    numbers: Sequence[str]
    figures: Sequence[Markup]
    tables: Sequence[Markup]
    details: Sequence[Markup]
    experiments: Sequence[ExperimentPage]
    cut: bool


@dataclass(frozen=True)
class LayerPage:
    """One layer, what it tells, its units, and the experiments that are of the layer itself."""

    layer: LayerPlan
    glance: LayerGlance | None
    units: Sequence[UnitPage]
    experiments: Sequence[ExperimentPage]
    open: bool


def layer_pages(facts: StudyFacts, glances: Sequence[LayerGlance], shelf: Shelf) -> list[LayerPage]:
    """Every layer of the plan with its units."""
    layers = [layer for model in facts.plan.models for layer in model.layers]
    order = sorted(facts.units, key=lambda unit: (unit.unit.budget == "short", unit.unit.seed))
    first = [unit for unit in order if unit.unit.headline]
    served = {unit.unit.name: [what(unit, facts, shelf) for what in _PARTS] for unit in first}
    own = {layer.index: experiment_pages(of_layer(facts.experiments, layer), shelf) for layer in layers}
    rest = [unit for unit in order if not unit.unit.headline]
    served |= {unit.unit.name: [] for unit in rest}
    # Of what is left each unit first gets its figures and short tables, before any gets long ones.
    for what in _PARTS:
        for unit in rest:
            served[unit.unit.name].append(what(unit, facts, shelf))
    told = {of.layer.index: of for of in glances}
    places = {unit.unit.name: i for i, unit in enumerate(facts.units)}
    return [
        LayerPage(
            layer,
            told.get(layer.index),
            [_unit(unit, places[unit.unit.name], served[unit.unit.name]) for unit in facts.of_layer(layer)],
            own[layer.index],
            any(unit.unit.headline for unit in facts.of_layer(layer)),
        )
        for layer in layers
    ]


@dataclass(frozen=True)
class _Served:
    figures: Pieces
    tables: Pieces
    experiments: Sequence[ExperimentPage] = ()

    @property
    def cut(self) -> bool:
        return self.figures.cut or self.tables.cut or any(page.cut for page in self.experiments)


def _short(unit: UnitFacts, facts: StudyFacts, shelf: Shelf) -> _Served:
    makers = [] if shelf.full else [partial(_shown, drawn) for drawn in unit_figures(unit)]
    figures = Pieces(cut=shelf.full and unit.evaluated is not None).add(shelf, makers)
    tables = Pieces().add(shelf, [partial(piece, "table", table) for table in unit_tables(unit)])
    return _Served(figures, tables)


def _experiments(unit: UnitFacts, facts: StudyFacts, shelf: Shelf) -> _Served:
    pages = experiment_pages(of_unit(facts.experiments, unit.unit), shelf)
    return _Served(Pieces(), Pieces(), pages)


def _long(unit: UnitFacts, facts: StudyFacts, shelf: Shelf) -> _Served:
    tables: Sequence[Table] = () if shelf.full else detail_tables(unit)
    makers = [partial(piece, "folded_table", table) for table in tables]
    return _Served(Pieces(), Pieces(cut=shelf.full and unit.evaluated is not None).add(shelf, makers))


_PARTS: tuple[Callable[[UnitFacts, StudyFacts, Shelf], _Served], ...] = (_short, _experiments, _long)


def _shown(drawn: Figure) -> Markup:
    return piece("figure", drawn)


def _unit(unit: UnitFacts, place: int, served: Sequence[_Served]) -> UnitPage:
    short, experiments, long = served
    return UnitPage(
        unit,
        place,
        _numbers(unit),
        short.figures.shown,
        short.tables.shown,
        long.tables.shown,
        experiments.experiments,
        any(part.cut for part in served),
    )


def _numbers(unit: UnitFacts) -> list[str]:
    """The headline scores in words, the likelihood only where there is no other."""
    said: list[str] = []
    for key, words in _KEY_NUMBERS.items():
        value = unit.scores.get(key)
        if value is None or (key == "score/nll_per_dim" and said):
            continue
        found = unit.companions(key)
        chance = f" (chance {share(found['chance'])})" if found.get("chance") is not None else ""
        said.append(f"{words} {share(value)}{interval(found['low'], found['high'])}{chance}")
    return said
