"""From facts to one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.report.cards import card_unit, cards
from tasks.report.cells import Table
from tasks.report.experiment_facts import of_all, of_layer, of_unit
from tasks.report.experiments import ExperimentPage, experiment_pages
from tasks.report.facts import StudyFacts, UnitFacts, records
from tasks.report.figures import Figure, layer_chart, unit_figures
from tasks.report.findings import findings
from tasks.report.tables import headline_table, readable_table, seeds_table, shown_values
from tasks.report.templates import template
from tasks.report.text import csv_uri
from tasks.report.unit_tables import detail_tables, unit_tables

if TYPE_CHECKING:
    from tasks.planned import LayerPlan

LARGEST = 9_000_000
"""Bytes; the rest of a page takes some more, and mail servers refuse what is much larger."""

_LEAST = 50_000
"""Bytes; with less room nothing is drawn any more, which takes a tenth of a second each time."""


@dataclass
class Shelf:
    """How much the page can still hold.

    Args:
        left: bytes.
    """

    left: int

    def take(self, size: int) -> bool:
        """Whether so many bytes fit; if so they are taken."""
        fits = size <= self.left
        self.left -= size if fits else 0
        return fits


@dataclass(frozen=True)
class UnitPage:
    """One unit as the page shows it.

    Args:
        facts: of the unit.
        figures, tables, details: empty where the page has no room; then `cut` is true.
        experiments: of this unit.
        curves_csv: data URI; empty where there are none.
        cut: whether something was left out for want of room.
    """

    facts: UnitFacts
    figures: Sequence[Figure]
    tables: Sequence[Table]
    details: Sequence[Table]
    experiments: Sequence[ExperimentPage]
    curves_csv: str
    cut: bool


@dataclass(frozen=True)
class LayerPage:
    """One layer, its units, and the experiments that are of the layer itself."""

    layer: LayerPlan
    readable: Sequence[dict[str, Any]]
    units: Sequence[UnitPage]
    experiments: Sequence[ExperimentPage]
    open: bool


def render(facts: StudyFacts, room: int = LARGEST) -> str:
    """The page. The same facts give the same text.

    Args:
        facts: of the study.
        room: bytes for figures, files and long tables; units of less interest go without what is beyond.
    """
    shelf = Shelf(room)
    chart = layer_chart(facts)
    overall = experiment_pages(of_all(facts.experiments), shelf.take)
    # Units that matter most are served first, wherever they stand on the page.
    order = sorted(facts.units, key=lambda unit: not unit.unit.headline)
    pages = {unit.unit.name: _unit(unit, facts, shelf) for unit in order}
    shown = card_unit(facts)
    return template("page.html.j2").render(
        shown_values=shown_values,
        facts=facts,
        plan=facts.plan,
        study=facts.plan.study,
        topics=findings(facts),
        cards=[] if shown is None else cards(shown),
        card_unit=shown,
        chart=chart,
        readable=readable_table(facts),
        headline=headline_table(facts),
        seeds=seeds_table(facts),
        experiments=overall,
        layers=[_layer(layer, facts, pages, shelf) for model in facts.plan.models for layer in model.layers],
        unfinished=[unit for unit in facts.units if unit.evaluated is None],
        undone=[entry.planned.step.label for entry in facts.experiments if entry.found is None],
    )


def _unit(facts: UnitFacts, study: StudyFacts, shelf: Shelf) -> UnitPage:
    tables, details = unit_tables(facts), detail_tables(facts)
    curves_csv = csv_uri(facts.curves) if len(facts.curves) else ""
    roomy = shelf.left > _LEAST
    drawn = unit_figures(facts) if roomy else []
    figures = [figure for figure in drawn if shelf.take(len(figure.uri))]
    cut = not roomy or len(figures) < len(drawn)
    experiments = experiment_pages(of_unit(study.experiments, facts.unit), shelf.take)
    if not shelf.take(len(curves_csv) + sum(_size(table) for table in (*tables, *details))):
        return UnitPage(facts, figures, (), (), experiments, "", cut=True)
    return UnitPage(facts, figures, tables, details, experiments, curves_csv, cut)


def _size(table: Table) -> int:
    """About how many bytes a table takes on the page."""
    return len(table.csv) + 300 + sum(40 + len(cell.text) for row in table.rows for cell in row)


def _layer(layer: LayerPlan, facts: StudyFacts, pages: dict[str, UnitPage], shelf: Shelf) -> LayerPage:
    units = [pages[unit.unit.name] for unit in facts.of_layer(layer)]
    readable = records(facts.readable[facts.readable["index"] == layer.index])
    is_open = any(unit.facts.unit.headline for unit in units)
    experiments = experiment_pages(of_layer(facts.experiments, layer), shelf.take)
    return LayerPage(layer, readable, units, experiments, is_open)
