"""From facts to one HTML page that needs nothing but itself."""

from __future__ import annotations

from tasks.report.embedded import csv_uri
from tasks.report.experiment_facts import of_all
from tasks.report.experiments import experiment_pages
from tasks.report.facts import StudyFacts
from tasks.report.figures import layer_chart
from tasks.report.findings import findings
from tasks.report.glance import LONGEST, PARTS, glance, glance_table
from tasks.report.pieces import Shelf
from tasks.report.tables import (
    headline_table,
    other_units_table,
    readable_table,
    seeds_table,
    shown_values,
)
from tasks.report.templates import template
from tasks.report.unit_pages import layer_pages

MOST = 10_000_000
"""Bytes of a page; mail servers refuse what is much larger."""


def render(facts: StudyFacts, most: int = MOST) -> str:
    """The page. The same facts give the same text.

    Args:
        facts: of the study.
        most: bytes. What cannot be left out (overview, findings, scores, and a line for each unit) is
            written first, to learn how many of them are left for figures, files and tables of units.
    """
    bare = len(_render(facts, Shelf(0)).encode())
    return _render(facts, Shelf(most - bare))


def _render(facts: StudyFacts, shelf: Shelf) -> str:
    found = glance(facts)
    overall = experiment_pages(of_all(facts.experiments), shelf)
    layers = layer_pages(facts, found, shelf)
    return template("page.html.j2").render(
        shown_values=shown_values,
        facts=facts,
        plan=facts.plan,
        study=facts.plan.study,
        topics=findings(facts),
        chart=layer_chart(facts),
        glance=found,
        glance_csv=csv_uri(glance_table(found)) if found else "",
        glance_parts=PARTS,
        glance_open=sum(len(of.lines) for of in found) <= LONGEST,
        readable=readable_table(facts),
        headline=headline_table(facts),
        others=other_units_table(facts),
        seeds=seeds_table(facts),
        experiments=overall,
        layers=layers,
        n_cut=sum(unit.cut for page in layers for unit in page.units),
        unfinished=[unit for unit in facts.units if unit.evaluated is None],
        undone=[entry.planned.step.label for entry in facts.experiments if entry.found is None],
    )
