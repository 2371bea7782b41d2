"""The figures of the report as data URIs, with the words for people who do not see them."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup

from iin_core.figures import curves, layer_concept_chart, leakage_matrix
from tasks.report.embedded import csv_uri, file_uri
from tasks.report.facts import ALL, StudyFacts, UnitFacts, records
from tasks.report.text import number, share


@dataclass(frozen=True)
class Figure:
    """A picture.

    Args:
        uri: holds it.
        alt: what it shows, in words and numbers.
        caption: what it is and how to read it.
        pixelated: whether its pixels are data.
        csv: a data URI with the numbers behind it; empty where there are none.
        file: name of that table.
    """

    uri: str
    alt: str
    caption: str | Markup
    pixelated: bool = False
    csv: str = ""
    file: str = ""


@dataclass
class Memory:
    """A file that is never written: what `iin_core.figures` takes for a path."""

    suffix: str = ".svg"
    data: bytes = field(default=b"")

    def write_bytes(self, data: bytes) -> None:
        """Keep what a file would hold."""
        self.data = data

    def uri(self) -> str:
        """It as a link that holds it."""
        return file_uri(self.data, "svg")


def layer_chart(facts: StudyFacts) -> Figure | None:
    """How readable each concept is in each layer; None where nothing is evaluated."""
    table = facts.readable
    if table.empty:
        return None
    drawn = Memory()
    layer_concept_chart(drawn, table, title="How readable each concept is in each layer")
    said = [
        f"{concept} in {model}: "
        + ", ".join(f"{row['layer']} {share(row['accuracy'])}" for row in records(found))
        for (model, concept), found in table.groupby(["model", "concept"], sort=False)
    ]
    family = "an MLP" if "mlp" in set(table["probe"]) else "a linear"
    caption = (
        f"Accuracy with which {family} probe reads each concept from the whole layer, on sources that "
        "it has not seen. A point on its dotted line is at chance: the layer no longer tells the concept. "
        "Bars: 95 % intervals over sources."
    )
    alt = f"Line chart. {'; '.join(said)}."
    return Figure(drawn.uri(), alt, caption, csv=csv_uri(table), file="layers.csv")


def unit_figures(unit: UnitFacts) -> list[Figure]:
    """Leakage matrix and curves of a unit, as far as there are any."""
    return [*_leakage(unit), *_curves(unit)]


def _leakage(unit: UnitFacts) -> list[Figure]:
    table = unit.leakage()
    if table.empty:
        return []
    drawn = Memory()
    family = "MLP" if unit.probe == "mlp" else "linear"
    leakage_matrix(drawn, table, title=f"Read by {family} probes")
    said = [
        f"{'whole code' if block == ALL else str(block)}: "
        + ", ".join(f"{row['concept']} {share(row['accuracy'])}" for row in records(found))
        for block, found in table.groupby("block", sort=False)
    ]
    caption = (
        "Leakage: accuracy of a probe for each concept (column) on each block (row). The darker, the "
        "further above chance. Inside a frame (a concept's own block) dark is good; everywhere else it is a "
        "leak, but for concepts without a block of their own, which belong in the residual."
    )
    alt = f"Heat map. {'; '.join(said)}."
    return [Figure(drawn.uri(), alt, caption, csv=csv_uri(table), file="leakage-matrix.csv")]


def _curves(unit: UnitFacts) -> list[Figure]:
    if unit.curves.empty:
        return []
    drawn = Memory()
    curves(drawn, unit.curves, title="Training")
    last = unit.curves.iloc[-1]
    alt = (
        f"Two line charts over {int(last['update'])} updates. At the end: loss {number(last['loss'])}, "
        f"NLL per dimension {number(last['nll_train'])} on training rows and "
        f"{number(last['nll_validation'])} on validation rows."
    )
    caption = "Training: a validation curve that rises while the training curve falls means overfitting."
    return [Figure(drawn.uri(), alt, caption, csv=csv_uri(unit.curves), file="curves.csv")]
