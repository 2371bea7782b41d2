"""The pages in a real browser: on a desk, on a phone, in the dark, in print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.compare import compare, open_side
from tasks.output import open_root
from tasks.report.difference import render_difference
from tasks.report.write import write_report
from tasks.study_record import write_record
from tests.tasks.browser import Browser, browser
from tests.tasks.report.page_checks import (
    OVERFLOW,
    UNFOLD,
    charts,
    hidden_in_print,
    weak_texts,
)
from tests.tasks.report_experiments_world import charts as found_charts
from tests.tasks.report_experiments_world import experiments_world
from tests.tasks.report_world import Names, make_report_world

pytestmark = pytest.mark.slow

_LONG = Names(
    layer="encoder.blocks.11.attention.output.dense.LayerNorm_with_a_name_that_never_ends_" + "x" * 60,
    concept="<img src=x onerror=alert(1)>",
    concepts="a set whose name is much longer than any column of a table on a phone could be",
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory) -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _by_day(chromium) -> None:
    chromium.show_as()


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """The report of a study with experiments on units, layers and models."""
    root = open_root(str(tmp_path_factory.mktemp("usual")))
    with experiments_world(root, tmp_path_factory.mktemp("drawn"), found_charts) as world:
        return Path(str(write_report(world.plan, world.root)))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    """The report of a study with names that are long or want to be markup."""
    world = make_report_world(open_root(str(tmp_path_factory.mktemp("hostile"))), _LONG)
    world.seal_all()
    return Path(str(write_report(world.plan, world.root)))


@pytest.fixture(scope="module")
def difference(tmp_path_factory) -> Path:
    """What `iin diff` makes of two models with a layer of one name."""
    world = make_report_world(open_root(str(tmp_path_factory.mktemp("two"))), Names(layer="bottleneck"))
    world.seal_all()
    write_record(world.plan, world.root)
    sides = [open_side(world.root, f"digits:{model}") for model in ("classifier", "autoencoder")]
    page = tmp_path_factory.mktemp("difference") / "difference.html"
    page.write_text(render_difference(compare(world.root, *sides)), encoding="utf-8")
    return page


PAGES = pytest.mark.parametrize("name", ["path", "hostile", "difference"])


@pytest.mark.parametrize("width", [1280, 390])
@PAGES
def test_the_page_asks_for_itself_alone_and_the_browser_has_no_complaint(
    chromium, request, name, width
) -> None:
    """No request but that for the file, nothing in the console, every picture drawn."""
    page = request.getfixturevalue(name)
    chromium.requests.clear()
    chromium.complaints.clear()
    chromium.open(page, width=width)
    chromium.ask(UNFOLD)
    assert chromium.ask("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert set(chromium.requests) == {page.as_uri()}
    assert chromium.complaints == []


def test_all_layers_units_and_experiments_are_there(chromium, path) -> None:
    """Three layers, thirteen units, an experiment for each unit of one set, each layer and each model."""
    chromium.open(path, width=1280)
    of_units, of_layers = "details.unit details.experiment", "details.layer > .body > details.experiment"
    wanted = ("details.layer", "details.unit", of_units, of_layers, "#experiments .experiment")
    counted = [chromium.ask(f"document.querySelectorAll('{what}').length") for what in wanted]
    assert counted == [3, 13, 3, 3, 2]


@PAGES
def test_charts_have_a_mark_for_each_row_of_the_table_behind_them(chromium, request, name) -> None:
    """Layer × concept, and whatever else a chart over depth tells apart; a heat map a note for each cell."""
    chromium.open(request.getfixturevalue(name), width=1280)
    found = charts(chromium)
    wanted = {"layers.csv", "compared.csv", "response.csv", "invariances.csv"}
    over_depth = [chart for chart in found if chart["file"] in wanted]
    heat_maps = [chart for chart in found if chart["file"] == "leakage-matrix.csv"]
    assert {chart["file"] for chart in over_depth} == (wanted if name == "path" else {"layers.csv"})
    assert all(chart["marks"] == chart["rows"] > 0 for chart in over_depth), over_depth
    assert all(chart["notes"] == chart["rows"] > 0 for chart in heat_maps), heat_maps
    assert len(heat_maps) == (0 if name == "difference" else 13)


@pytest.mark.parametrize("width", [1280, 390, 320])
@PAGES
def test_nothing_sticks_out_of_the_window(chromium, request, name, width) -> None:
    """On a desk and on a phone the page scrolls downwards only, also with everything unfolded."""
    chromium.open(request.getfixturevalue(name), width=width)
    chromium.ask(UNFOLD)
    assert chromium.ask(OVERFLOW) <= 0
    assert chromium.ask("document.querySelectorAll('img[src=x], script').length") == 0


def test_a_keyboard_reaches_and_unfolds_everything(chromium, path) -> None:
    """The first Tab shows the way past the menu, and a focused layer opens with Enter."""
    chromium.open(path, width=1280)
    chromium.press("Tab")
    assert chromium.ask("document.activeElement.textContent") == "Skip to what was found"
    first = "document.querySelector('details.layer')"
    assert chromium.ask(f"{first}.open") is False
    chromium.ask(f"{first}.querySelector('summary').focus()")
    chromium.press("Enter")
    assert chromium.ask(f"{first}.open") is True
    assert chromium.ask(f"{first}.querySelector('.body').getBoundingClientRect().height") > 50


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@PAGES
def test_text_has_the_contrast_that_weak_eyes_need(chromium, request, name, width, scheme) -> None:
    """Every text stands out 4.5 : 1 from what is behind it, a large one 3 : 1 (WCAG AA), day and night."""
    chromium.show_as(scheme=scheme)
    chromium.open(request.getfixturevalue(name), width=width)
    chromium.ask(UNFOLD)
    dark = chromium.ask("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    assert weak_texts(chromium) == []


@PAGES
def test_every_picture_has_words(chromium, request, name) -> None:
    """An alternative text and a caption, neither empty."""
    chromium.open(request.getfixturevalue(name), width=1280)
    caption = "i.parentElement.querySelector('figcaption')"
    bare = f"!i.alt.trim() || !{caption} || !{caption}.textContent.trim()"
    assert chromium.ask(f"[...document.images].filter(i => {bare}).length") == 0
    assert chromium.ask("document.images.length") > 0


@PAGES
def test_nothing_is_folded_away_on_paper_without_a_word(chromium, request, name) -> None:
    """Layers, units and experiments are on it; a long table says that it is on the screen and in its CSV."""
    chromium.open(request.getfixturevalue(name), width=1280)
    chromium.show_as(media="print")
    assert hidden_in_print(chromium) == []


def test_paper_is_the_same_however_the_page_was_unfolded(chromium, path) -> None:
    """Folding is for the screen alone; long tables only are printed where they were open."""
    chromium.open(path, width=1280)
    folded = len(re.findall(rb"/Type\s*/Page\b", chromium.pdf()))
    chromium.ask("document.querySelectorAll('details:not(.long)').forEach(d => { d.open = true })")
    unfolded = len(re.findall(rb"/Type\s*/Page\b", chromium.pdf()))
    assert folded == unfolded > 10
