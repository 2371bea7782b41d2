"""The report, on sealed outputs in the form in which the steps leave them."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from urllib.parse import unquote_to_bytes

import pandas as pd
import pytest

from tasks.errors import DamagedOutput, UnitFailed
from tasks.evaluate import job_of
from tasks.evaluate_worker import evaluate_and_seal
from tasks.output import open_root
from tasks.report.facts import read_facts
from tasks.report.page import render
from tasks.report.write import write_report
from tasks.sealed import identity
from tests.tasks.evaluation_world import make_world
from tests.tasks.html_page import Page
from tests.tasks.report_world import COLOUR, Names, ReportWorld, make_report_world

HOSTILE = Names(
    model="<script>alert(1)",
    layer="a\"b'c$x$</h3>\u202eevil\x07",
    concepts="d & <b>c <img src=x onerror=alert(1)>",
    concept="=צבע$1$",
    description="</p><script>alert(2)</script>\n\u2066x {{ 7 * 7 }}",
)
LATE = "03 bottleneck · digit+colour · seed 1"


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> ReportWorld:
    """A complete study and its report."""
    world = make_report_world(open_root(str(tmp_path_factory.mktemp("report"))))
    world.seal_all()
    return world


@pytest.fixture(scope="module")
def html(world) -> str:
    """The page of the complete study."""
    return write_report(world.plan, world.root).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html) -> Page:
    """The same page, taken apart."""
    return Page(html)


def _words(page: Page, of: str) -> str:
    """The text of a section on one line."""
    section = next(e for e in page.all("section") if e.attributes["id"] == of)
    return " ".join(section.text.split())


def test_the_report_of_a_complete_study_is_sealed_and_lies_where_people_look(world, html) -> None:
    """`reports/<study>.html` is a copy of the sealed page, and comes back when it was deleted."""
    sealed = world.root.find(world.plan.report)
    assert sealed.file("report.html").read_text(encoding="utf-8") == html
    path = world.root.path / "reports" / "digits.html"
    path.unlink()
    assert write_report(world.plan, world.root) == path
    assert path.read_text(encoding="utf-8") == html


def test_made_again_elsewhere_the_page_is_the_same_bytes(world, html, tmp_path) -> None:
    """Nothing of when, where or in which folder is on the page."""
    other = make_report_world(open_root(str(tmp_path / "other")))
    other.seal_all()
    write_report(other.plan, other.root)
    sealed, again = (w.root.find(w.plan.report) for w in (world, other))
    assert identity(again.manifest) == identity(sealed.manifest)
    assert world.root.url not in html


def test_the_page_asks_for_nothing_from_outside_and_runs_nothing(page) -> None:
    """It works from a disk without a network, and its own policy forbids the rest."""
    assert page.counts().keys().isdisjoint({"script", "link", "iframe", "object", "embed", "form", "base"})
    places = [e.attributes[name] for e in page.elements for name in ("src", "href") if name in e.attributes]
    assert places
    assert all(place.startswith(("data:", "#")) for place in places)
    assert "srcset" not in page.attributes()
    policy = next(e for e in page.all("meta") if e.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_names_that_a_person_gave_stay_names(root, html) -> None:
    """Hostile names add no element, no attribute and no formula; what they hold is shown."""
    world = make_report_world(root, HOSTILE)
    world.seal_all()
    text = write_report(world.plan, root).read_text(encoding="utf-8")
    page, plain = Page(text), Page(html)
    for tag in ("script", "b", "img", "h3", "p"):
        assert page.counts()[tag] == plain.counts()[tag], tag
    assert page.attributes() == plain.attributes()
    assert not set(text) & set("\u202e\u2066\x07")
    shown = page.all("body")[0].text
    for part in (
        "<script>alert(1)",
        "a\"b'c$x$</h3>",
        "<img src=x onerror=alert(1)>",
        "=צבע$1$",
        "{{ 7 * 7 }}",
    ):
        assert part in shown, part
    tables = [pd.read_csv(io.BytesIO(_csv(e))) for e in page.all("a", "file")]
    cells = {cell for table in tables for cell in table.select_dtypes("str").to_numpy().ravel()}
    assert "'=צבע$1$" in cells
    assert "=צבע$1$" not in cells


def _csv(link) -> bytes:
    head, data = link.attributes["href"].split(",", 1)
    assert head == "data:text/csv;charset=utf-8"
    return unquote_to_bytes(data)


def test_every_layer_is_a_section_with_all_its_units(world, page) -> None:
    """One folded section a layer, one inside it for each concept set and seed."""
    layers = page.all("details", "layer")
    assert [e.attributes["id"] for e in layers] == [f"layer-{i:02d}" for i in range(1, 4)]
    units = page.all("details", "unit")
    assert len(units) == len(world.plan.units)
    last = [unit for unit in units if layers[-1] in unit.above]
    assert len(last) == 5
    assert "open" in layers[-1].attributes


def test_pictures_have_words_for_those_who_do_not_see_them(page) -> None:
    """Each image says its numbers in the alternative text, and stands in a figure with a caption."""
    images = page.all("img")
    assert len(images) > 20
    assert all(len(e.attributes["alt"]) > 20 and e.above[-1].tag == "figure" for e in images)
    assert len(page.all("figcaption")) == len(images) == len(page.all("figure"))
    chart = images[0].attributes["alt"]
    assert "colour in classifier: conv1 0.99, fc 0.18" in chart


def test_a_reader_of_headings_and_links_finds_the_way(page) -> None:
    """One h1, no level left out, ids unique, every link inside the page leads somewhere."""
    levels = [int(e.tag[1]) for e in page.elements if re.fullmatch(r"h\d", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    inside = {e.attributes["href"][1:] for e in page.all("a") if e.attributes["href"].startswith("#")}
    assert inside <= set(ids)


def test_every_table_of_a_unit_of_short_budget_says_so(world, page) -> None:
    """Nobody compares a unit of 150 updates with one of 1,500 by mistake."""
    short = {i for i, unit in enumerate(world.plan.units) if unit.budget == "short"}
    for i, unit in enumerate(page.all("details", "unit")):
        captions = [e for e in page.all("caption") if unit in e.above]
        assert captions
        assert {"short" in caption.text for caption in captions} == {i in short}, unit.text[:60]
    marks = [e for e in page.all("abbr", "short") if any(a.attributes.get("id") == "scores" for a in e.above)]
    assert len(marks) == len(short)


def test_the_findings_say_where_concepts_are_readable_and_what_a_swap_does(page) -> None:
    """The page begins with sentences, and their numbers are those of the tables."""
    said = _words(page, "found")
    late = "at 0.97 [0.95, 0.99] (chance 0.10)"
    assert f"digit in classifier: read best from fc {late}, least from conv1 at 0.52 [0.50, 0.54]." in said
    silent = "(chance 0.17); from fc on no better than chance [0.16, 0.20]."
    assert f"colour in classifier: read best from conv1 at 0.99 [0.97, 1.00] {silent}" in said
    assert "From bottleneck, the one layer of autoencoder: digit 0.97 [0.95, 0.99] (chance 0.10), col" in said
    assert (
        "Swap only digit in bottleneck · digit+colour: the independent reader then says the donor's "
        "digit and all else as before in 0.95 [0.93, 0.97] (seed 0) and 0.95 [0.93, 0.97] (seed 1) of "
        "4,000 pairs (chance 0.02; ceiling 0.97; best linear baseline: LDA 0.94 [0.92, 0.96])."
    ) in said
    assert "digit is read from the residual at 0.13 [0.11, 0.15] (chance 0.10; worst with shuffled" in said
    assert "11 of 13 units were trained on a short budget (150 updates)" in said
    facts = " ".join(page.all("p", "facts")[0].text.split())
    assert facts.startswith("2 models at 3 layers · 17,970 rows from 1,797 source examples · digit (chance")
    assert facts.endswith("· 13 of 13 units evaluated")


def test_no_share_on_the_page_stands_alone(page) -> None:
    """Beside every share of overview and scores stand its interval, and what it is to be held against."""
    above = [(e, {a.attributes.get("id") for a in e.above}) for e in page.all("td", "number")]
    for e, ids in above:
        if re.match(r"[01]\.\d\d", e.text.strip()) and ids & {"found", "scores"}:
            assert re.search(r"\[[−\d.]+,\s[−\d.]+\]|\bto\s[01]\.\d\d$", e.text), e.text
    leak = next(e for e, ids in above if "scores" in ids and e.text.startswith("0.20"))
    assert "chance 0.17 · shuffled 0.11" in leak.text.replace("\xa0", " ")


def test_the_overview_has_a_line_for_each_concept_of_each_layer(world, page) -> None:
    """What the layer tells, what its own and the worst other block tell, and whether a swap works."""
    table = next(e for e in page.all("table", "glance"))
    lines = [
        [e for e in page.elements if e.above[-1:] == (row,)] for row in page.all("tr") if table in row.above
    ]
    assert len(lines) == 1 + 3 * 3
    said = [" | ".join(" ".join(cell.text.split()) for cell in line) for line in lines]
    own = "0.97 [0.95, 0.99] | 0.97 [0.95, 0.99] | 0.13 [0.11, 0.15] · residual | 0.95 [0.93, 0.97]"
    assert said[7] == f"03 bottleneck autoencoder | digit | {own}"
    assert said[4].startswith("02 fc classifier | digit short | 0.97")
    bars = [e.attributes["class"] for e in page.all("span") if "bar" in e.attributes.get("class", "")]
    assert "bar quiet" in bars  # the colour that fc has lost


def test_a_layer_and_a_unit_say_their_numbers_while_they_are_folded(page) -> None:
    """The summary of a layer has what it tells; that of a unit what its swaps do and what leaks."""
    layer, unit = (
        next(e for e in page.all("summary") if e.above[-1].attributes.get("id") == anchor).text
        for anchor in ("layer-01", "unit-8")
    )
    assert "digit 0.52 [0.50, 0.54] chance 0.10" in " ".join(layer.split())
    assert "swaps work 0.95 [0.93, 0.97] (chance 0.10) · worst leak 0.20" in " ".join(unit.split())


def test_the_spread_over_seeds_and_their_agreement_are_told(page) -> None:
    """A group of two seeds has a line with mean, range and the CKA of each block; one seed has none."""
    said = _words(page, "scores")
    assert "Spread over seeds" in said
    assert "0.95 to 0.95" in said
    assert re.search(r"residual 0\.9\d \[0\.\d\d, [01]\.\d\d\] · other", said)


def test_one_seed_is_said_to_have_no_spread(root) -> None:
    """Where no unit has a second seed the page says that the spread is unknown."""
    world = make_report_world(root)
    world.seal_all(leave_out=[LATE])
    page = Page(write_report(world.plan, root).read_text(encoding="utf-8"))
    assert "how far scores lie apart over seeds is not known" in _words(page, "scores")


def test_gates_and_scores_and_reasons_are_told(page) -> None:
    """Each gate's verdict with its number; each score that does not apply with its reason."""
    passed = "passed score/joint_reader of 03 bottleneck · digit+colour · seed 0: 0.951 (at least 0.9)"
    assert passed in _words(page, "gates")
    assert "the model has no decoder with an independent reader" in _words(page, "layers")


def test_the_page_names_what_it_was_made_of(world, page) -> None:
    """Every key but its own, the versions, and the study file as it was written."""
    said = _words(page, "provenance")
    assert all(step.key in said for step in world.plan.steps() if step.kind != "report")
    assert "torch 2" in said
    study = page.all("pre")[-1].text
    assert study == world.plan.text


def test_the_data_of_a_table_can_be_taken_along(world, page) -> None:
    """The link beside the headline scores holds one row a unit with every score."""
    link = next(e for e in page.all("a", "file") if e.attributes["download"].startswith("headline"))
    table = pd.read_csv(io.BytesIO(_csv(link)))
    assert len(table) == len(world.plan.units)
    assert set(table["status"]) == {"evaluated"}
    assert {"leakage/mlp_worst", "interchange/reader_joint"} <= set(table.columns)


def test_units_that_failed_are_named_and_nothing_is_sealed(root) -> None:
    """The rest of the study is told all the same; when the units are there, the page is made anew."""
    world = make_report_world(root)
    names = [world.plan.units[0].name, LATE]
    world.seal_all(leave_out=names)
    world.seal_training(world.plan.units[0])
    failure = UnitFailed(
        "The training of <one> unit ended.", where="seed 1", fix="lower training.learning_rate"
    )
    page = Page(write_report(world.plan, root, [failure]).read_text(encoding="utf-8"))
    assert root.find(world.plan.report) is None
    said = _words(page, "failed")
    assert "The training of <one> unit ended.seed 1To do: lower training.learning_rate" in said
    assert f"autoencoder · {LATE}: not trained" in said
    assert f"classifier · {names[0]}: trained, not evaluated" in said
    assert "11 of 13 units evaluated incomplete" in " ".join(page.all("p", "facts")[0].text.split())
    for unit in world.plan.units:
        if unit.name in names:
            world.seal_unit(unit)
    whole = Page(write_report(world.plan, root).read_text(encoding="utf-8"))
    assert root.find(world.plan.report) is not None
    assert "failed" not in [e.attributes.get("id") for e in whole.elements]


def test_a_study_of_which_nothing_is_there_yet_has_a_page(root) -> None:
    """It says that there is nothing to tell, and lists what is to be made."""
    world = make_report_world(root)
    page = Page(write_report(world.plan, root).read_text(encoding="utf-8"))
    assert "nothing to tell" in _words(page, "found")
    assert _words(page, "failed").count("not trained") == 13


def test_damaged_data_is_an_error_and_not_a_gap(root) -> None:
    """A page must not be quietly poorer than the study."""
    world = make_report_world(root)
    world.seal_all()
    root.find(world.plan.units[3].evaluate).file("leakage.csv").unlink()
    with pytest.raises(DamagedOutput, match=r"leakage\.csv"):
        write_report(world.plan, root)


def test_a_study_too_large_for_a_page_keeps_its_headline_whole(world) -> None:
    """What does not fit is left out from units of less interest, and the page says where it lies."""
    facts = read_facts(world.plan, world.root)
    text = render(facts, most=450_000)
    assert len(text.encode()) <= 450_000
    units = Page(text)
    for facts_of, unit in zip(facts.units, units.all("details", "unit"), strict=True):
        n_figures = sum(unit in e.above for e in units.all("figure"))
        if facts_of.unit.headline:
            assert n_figures == 2
    assert "This page has no room for all of this unit" in units.all("main")[0].text


def test_the_page_of_a_usual_study_can_be_sent_by_mail(html) -> None:
    """Far below the 12 MB that it may have at most."""
    assert len(html.encode()) < 6_000_000


def test_concepts_whose_names_look_like_nothing_or_numbers_stay_text(root) -> None:
    """A table reader must not take a concept called NA for a missing value."""
    world = make_report_world(root, Names(concept="NA"))
    world.seal_all()
    facts = read_facts(world.plan, root)
    assert list(dict.fromkeys(facts.readable["concept"])) == ["NA", COLOUR, "brightness (quintile)"]


def test_what_an_evaluation_really_leaves_can_be_told(root, jobs_folder) -> None:
    """The page of a unit that was measured, not made up: its interpreter is perfect, and the page says so."""
    world = make_world(jobs_folder, root, bootstrap=20)
    unit = world.unit("decoder", "both")
    evaluate_and_seal(root.url, [job_of(world.plan, unit)])
    page = Page(write_report(world.plan, root).read_text(encoding="utf-8"))
    said = _words(page, "found")
    assert re.search(r"Swap only digit in code · both: the independent reader .* in 1\.00 ", said)
    assert re.search(r"From code, the one layer of decoder: digit (0\.99|1\.00)", said)
    shown = [e.text for e in page.all("figcaption")]
    assert any("Leakage" in text for text in shown)
