"""Experiments in the report: at their unit or layer, with figures, tables, numbers, and what is missing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest

from iin_core.metrics.score import Score
from tasks.experiments.found import Drawn, Found, Undrawn
from tasks.output import open_root
from tasks.report.facts import read_facts
from tasks.report.page import render
from tasks.report.write import write_report
from tests.tasks.html_page import Page
from tests.tasks.report_experiments_world import experiments_world

HOSTILE = '<img src=x onerror="alert(1)">'


def _found(label: str, folder: Path) -> Found:
    (folder / "drawn.png").write_bytes(b"\x89PNG")
    (folder / "more.svg").write_bytes(b"<svg/>")
    table = pd.DataFrame({"block": ["=1+1", "NA"], "norm": [0.5, float("nan")]})
    scores = {"norms/a": Score(0.5, low=0.4, high=0.6, chance=0.1), f"norms/{HOSTILE}": Score(1.0)}
    drawn = [
        Drawn("drawn.png", f"Caption {HOSTILE}", "Bars: a 0.50.", table="norms"),
        Drawn("more.svg", "No table.", "Nothing."),
        Undrawn("film strip", f"ValueError: {HOSTILE}"),
    ]
    words = [f"How to read {label}.", f"It is {HOSTILE}."]
    return Found(scores, {"norms": table, "other": table}, drawn, words, why={"norms/b": "b has none"})


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A study with an experiment on each unit, layer and model, of which one model's is not sealed."""
    root = open_root(str(tmp_path_factory.mktemp("report")))
    with experiments_world(root, tmp_path_factory.mktemp("drawn"), _found, undone=1) as made:
        yield made


@pytest.fixture(scope="module")
def html(world) -> str:
    """Its page."""
    return write_report(world.plan, world.root).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html) -> Page:
    """The same, taken apart."""
    return Page(html)


def test_each_stands_where_it_belongs(page):
    """A model's in a section of its own; a layer's folded in its layer; a unit's folded inside its unit."""
    found = {}
    for heading in page.elements:
        titles = ("Norms of blocks", "A layer", "A model")
        if heading.tag in ("h3", "h4", "h5") and heading.text.strip().startswith(titles):
            classes = [e.attributes.get("class") for e in heading.above if e.tag == "details"]
            found.setdefault((heading.tag, tuple(classes)), []).append(" ".join(heading.text.split()))
    assert found == {
        ("h3", ()): ["A model · classifier", "A model · autoencoder not done"],
        ("h4", ("layer", "experiment")): ["A layer"] * 3,
        ("h5", ("layer", "unit", "experiment")): ["Norms of blocks"] * 3,
    }


def test_a_figure_that_could_not_be_drawn_is_told_of(html):
    """With its reason, as text, in each of the seven experiments that lack it."""
    assert html.count("A figure is missing, the film strip: ValueError: &lt;img src=x") == 7


def test_what_was_found_is_shown_escaped(html):
    """Words, captions and keys are text; the sentence on how to read it comes first."""
    assert HOSTILE not in html
    of_models, of_layers, of_units = 1, 3, 3
    assert html.count("<li>It is &lt;img src=x") == of_models + of_layers + of_units
    assert html.count("<small>It is &lt;img src=x") == of_layers + of_units  # while they are folded
    assert html.count("How to read norms · 01 conv1 · digit · seed 0.") == 1


def test_figures_have_words_and_the_table_behind_them(page):
    """Alt text on each, a CSV in a data URI in its caption, and a list of the tables behind no figure."""
    drawn = [e for e in page.all("img") if e.attributes["alt"] == "Bars: a 0.50."]
    assert len(drawn) == 7
    assert all(e.attributes["src"].startswith("data:image/png;base64,") for e in drawn)
    links = [e.attributes for e in page.all("a") if e.attributes.get("download") == "norms.csv"]
    assert len(links) == 7
    assert all(link["href"].startswith("data:text/csv") for link in links)
    assert len([e for e in page.all("a") if e.attributes.get("download") == "other.csv"]) == 7


def test_numbers_stand_beside_what_they_are_held_against(page):
    """An interval and chance; a score without a value says why."""
    table = next(e for e in page.all("table") if "Norms of blocks: numbers" in e.text)
    rows = [e for e in page.all("tr") if table in e.above]
    cells = [[e.text.replace("\xa0", " ") for e in page.elements if e.above[-1:] == (row,)] for row in rows]
    assert cells[1] == ["norms/a", "0.500 [0.40, 0.60] chance 0.10", ""]
    assert cells[-1] == ["norms/b", "–", "b has none"]


def test_what_was_not_done_is_said_and_the_page_is_not_sealed(world, html):
    """Until the last experiment is sealed the report is written anew each time."""
    assert world.root.find(world.plan.report) is None
    assert "Experiments that were not done" in html
    assert "model · autoencoder" in html


def test_without_room_the_output_is_named(world):
    """Figures that do not fit are left out, and the page says where they lie."""
    page = render(read_facts(world.plan, world.root), most=100)
    key = next(entry.step.key for entry in world.plan.experiments)
    assert f"experiments/{key}" in page
    assert "Bars: a 0.50." not in page


def test_a_study_without_experiments_has_no_section_of_them(world):
    """The page is as it was."""
    facts = dataclasses.replace(read_facts(world.plan, world.root), experiments=())
    assert "experiments-title" not in render(facts)


def test_the_sealed_files_are_json_a_person_can_read(world):
    """Names stay as they are written."""
    entry = world.plan.experiments[0]
    output = world.root.open("experiments", entry.step.key)
    assert json.loads(output.read("found.json"))["tables"] == ["norms", "other"]
