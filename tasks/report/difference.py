"""Two studies, or two models of one, on one page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from iin_core.figures import layer_concept_chart
from tasks.compare import Comparison
from tasks.report.cells import Cell, Table, name_cell, scored
from tasks.report.embedded import csv_uri
from tasks.report.facts import records
from tasks.report.figures import Figure, Memory
from tasks.report.score_words import SCORES
from tasks.report.templates import template
from tasks.report.text import interval, listed, name, number, share

_MOST_SENTENCES = 12


def render_difference(found: Comparison) -> str:
    """The page. The same comparison gives the same text."""
    return template("difference.html.j2").render(
        a=found.sides[0],
        b=found.sides[1],
        headline=headline(found),
        sentences=_sentences(found),
        chart=_chart(found),
        tables=[table for table in (_read_table(found), _score_table(found)) if table.rows],
        experiments=_experiment_table(found),
        alone=found.alone,
        settings=found.settings,
    )


def _where(row: Mapping[str, Any]) -> Markup:
    return Markup(" · ").join(name(row[key]) for key in ("model", "layer") if row.get(key))


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value)


def _sentences(found: Comparison) -> list[Markup]:
    """What lies apart by more than its interval, the largest differences first."""
    told = [(abs(row["difference"]), _of_layer(row)) for row in records(found.read[found.read["apart"]])] + [
        (abs(row["difference"]), _of_unit(row)) for row in records(found.scores[found.scores["apart"]])
    ]
    order = sorted(range(len(told)), key=lambda i: -told[i][0])
    return [told[i][1] for i in order[:_MOST_SENTENCES]]


def _of_layer(row: Mapping[str, Any]) -> Markup:
    return Markup("{} is read from {} with {} in A and {} in B (difference {}{}, chance {}).").format(
        name(row["concept"]), _where(row), share(row["a"]), share(row["b"]),
        _signed(row["difference"]), interval(row["low"], row["high"]), share(row["chance"]),
    )  # fmt: skip


def _of_unit(row: Mapping[str, Any]) -> Markup:
    return Markup("{} of {} at {}{}: {} in A and {} in B (difference {}{}).").format(
        SCORES[row["score"]].label, name(row["concepts"]), _where(row),
        " (short budget)" if row["budget"] == "short" else "", number(row["a"]), number(row["b"]),
        _signed(row["difference"]), interval(row["low"], row["high"]),
    )  # fmt: skip


def _chart(found: Comparison) -> Figure | None:
    if found.read.empty:
        return None
    drawn = Memory()
    both = pd.concat([_drawn(found, "a", 0), _drawn(found, "b", 1)], ignore_index=True)
    layer_concept_chart(drawn, both, title="How readable each concept is in each layer")
    said = [
        f"{concept}: "
        + ", ".join(f"{row['layer']} {share(row['a'])} and {share(row['b'])}" for row in records(rows))
        for concept, rows in found.read.groupby("concept", sort=False)
    ]
    alt = f"Line charts side by side. In A and B, {'; '.join(said)}."
    caption = (
        "Accuracy of a probe on the whole layer, A at the left, B at the right, on one scale. A point on "
        "its dotted line is at chance. Bars: 95 % intervals over sources."
    )
    return Figure(drawn.uri(), alt, caption, csv=csv_uri(both), file="layers.csv")


def _drawn(found: Comparison, side: str, place: int) -> pd.DataFrame:
    """What the chart shows of one side: a panel for each of its models."""
    read, title = found.read, found.sides[place].title
    names = {side: "accuracy", f"{side}_low": "low", f"{side}_high": "high"}
    table = read[["layer", "concept", "chance", *names]].rename(columns=names)
    several = "model" in read and read["model"].nunique() > 1
    table["model"] = [f"{title} · {model}" for model in read["model"]] if several else title
    table["index"] = pd.factorize(read["layer"])[0]
    return table


def _numbers(row: Mapping[str, Any]) -> list[Cell]:
    cells = [
        scored(number(row[side]), interval(row[f"{side}_low"], row[f"{side}_high"]).strip())
        for side in ("a", "b")
    ]
    kind = "best" if row["apart"] else "number"
    return [*cells, scored(_signed(row["difference"]), interval(row["low"], row["high"]).strip(), kind)]


def _read_table(found: Comparison) -> Table:
    rows = tuple(
        (Cell(_where(row), "name"), name_cell(row["concept"]), *_numbers(row), Cell(share(row["chance"])))
        for row in records(found.read)
    )
    head = ("layer", "concept", "A", "B", "B − A", "chance")
    return Table("What is read from each whole layer", head, rows, _NOTE, csv_uri(found.read))


def _score_table(found: Comparison) -> Table:
    rows = tuple(
        (
            Cell(_where(row), "name"), name_cell(row["concepts"]), Cell(row["budget"], "name"),
            Cell(SCORES[row["score"]].label, "name", SCORES[row["score"]].meaning), *_numbers(row),
            Cell(f"{row['a_seeds']} / {row['b_seeds']}"),
        )
        for row in records(found.scores)
    )  # fmt: skip
    head = ("layer", "concepts", "budget", "score", "A", "B", "B − A", "seeds")
    return Table("Headline scores of the units that both have", head, rows, _NOTE, csv_uri(found.scores))


def _experiment_table(found: Comparison) -> Table:
    rows = tuple(
        (
            Cell(Markup("<code>{}</code>").format(row["score"]), "name"), Cell(_where(row), "name"),
            name_cell(row["concepts"]), *_numbers(row), Cell(f"{row['a_seeds']} / {row['b_seeds']}"),
        )
        for row in records(found.experiments)
    )  # fmt: skip
    head = ("score", "of", "concepts", "A", "B", "B − A", "seeds")
    title = "Scores of the experiments that both have"
    return Table(title, head, rows, _NOTE, csv_uri(found.experiments))


_NOTE = (
    "In brackets the 95 % interval over sources; differences in bold leave 0 out. Their intervals take "
    "the errors of both sides for independent, which is too wide where both were read of the same sources."
)


def headline(found: Comparison) -> Markup:
    """One sentence: how much there is, and how much of it lies apart."""
    apart = int(found.read["apart"].sum()), int(found.scores["apart"].sum())
    parts = [
        f"{apart[0]} of {len(found.read)} concepts in layers",
        f"{apart[1]} of {len(found.scores)} scores of units",
    ]
    if len(found.experiments):
        n = int(found.experiments["apart"].sum())
        parts.append(f"{n} of {len(found.experiments)} scores of experiments")
    return Markup("{} lie apart.").format(listed(parts))
