"""The report in a real browser: on a desk, on a phone, in print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.output import open_root
from tasks.report.write import write_report
from tests.tasks.browser import Browser, browser
from tests.tasks.report_world import Names, make_report_world

pytestmark = pytest.mark.slow

_LONG = Names(
    layer="encoder.blocks.11.attention.output.dense.LayerNorm_with_a_name_that_never_ends_" + "x" * 60,
    concept="<img src=x onerror=alert(1)>",
    concepts="a set whose name is much longer than any column of a table on a phone could be",
)
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory) -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def _report(folder: Path, names: Names) -> Path:
    world = make_report_world(open_root(str(folder)), names)
    world.seal_all()
    return Path(str(write_report(world.plan, world.root)))


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """The report of a usual study."""
    return _report(tmp_path_factory.mktemp("usual"), Names())


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    """The report of a study with names that are long or want to be markup."""
    return _report(tmp_path_factory.mktemp("hostile"), _LONG)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_asks_for_itself_alone_and_the_browser_has_no_complaint(chromium, path, width) -> None:
    """No request but that for the file, nothing in the console, every picture drawn."""
    chromium.requests.clear()
    chromium.complaints.clear()
    chromium.open(path, width=width)
    assert chromium.ask("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert set(chromium.requests) == {path.as_uri()}
    assert chromium.complaints == []
    assert chromium.ask("document.querySelectorAll('details.layer').length") == 3
    assert chromium.ask("document.querySelectorAll('details.unit').length") == 13


@pytest.mark.parametrize("width", [1280, 390, 320])
@pytest.mark.parametrize("name", ["path", "hostile"])
def test_nothing_sticks_out_of_the_window(chromium, request, name, width) -> None:
    """On a desk and on a phone the page scrolls downwards only, also with everything unfolded."""
    chromium.open(request.getfixturevalue(name), width=width)
    chromium.ask("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert chromium.ask(_OVERFLOW) <= 0
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
    assert chromium.ask(f"{first}.querySelector('img').getBoundingClientRect().height") > 50


def test_text_has_the_contrast_that_weak_eyes_need(chromium, path) -> None:
    """Every text on the page stands out at least 4.5 : 1 from what is behind it (WCAG AA)."""
    chromium.open(path, width=1280)
    assert chromium.ask(_CONTRAST) == []


def test_folded_layers_are_printed(chromium, path) -> None:
    """Paper cannot be unfolded: all layers and units are on it; long tables only where they were open."""
    chromium.open(path, width=1280)
    folded = len(re.findall(rb"/Type\s*/Page\b", chromium.pdf()))
    chromium.ask("document.querySelectorAll('details:not(.long)').forEach(d => { d.open = true })")
    unfolded = len(re.findall(rb"/Type\s*/Page\b", chromium.pdf()))
    assert folded == unfolded > 10


_CONTRAST = """(() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(e.tagName + '.' + e.className);
  }
  return [...new Set(bad)];
})()"""
