"""What a reader of the report has to keep in mind, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from tasks.check_width import few_rows
from tasks.report.facts import StudyFacts, UnitFacts
from tasks.report.text import count, name, number


def cautions(facts: StudyFacts) -> Iterator[Markup]:
    """How exact the inverses are, what was trained shorter, and which codes are too wide for their probes."""
    yield from _exactness(facts.units)
    yield from _budgets(facts.units)
    yield from _unlabelled(facts.units)
    if facts.rows:
        share = facts.rows["sources"].get("heldout", 0) / facts.rows["n_sources"]
        few = few_rows(facts.plan, round(facts.rows["n_rows"] * share))
        if few is not None:
            yield Markup("{}").format(few.what)


def _exactness(units: Sequence[UnitFacts]) -> Iterator[Markup]:
    inverse = [v for unit in units if (v := unit.scores.get("score/invertibility_error")) is not None]
    identity = [v for unit in units if (v := unit.scores.get("score/identity_error")) is not None]
    if inverse:
        through = (
            f"; putting unchanged codes back moves a model's output by at most {number(max(identity))}"
            if identity
            else ""
        )
        yield Markup("The inverse of every IIN is exact to {}{}.").format(number(max(inverse)), through)


def _budgets(units: Sequence[UnitFacts]) -> Iterator[Markup]:
    short = [unit for unit in units if unit.unit.budget == "short"]
    if any(unit.trained for unit in short):
        updates = sorted({unit.unit.training.updates for unit in short})
        said = str(updates[0]) if len(updates) == 1 else f"{updates[0]} to {updates[-1]}"
        yield Markup(
            "{} of {} were trained on a <em>short</em> budget ({} updates), so that every layer is seen: "
            "compare them with one another, not with units of a full budget."
        ).format(len(short), count(len(units), "unit"), said)


def _unlabelled(units: Sequence[UnitFacts]) -> Iterator[Markup]:
    """Held-out rows that no number about a concept counts."""
    missing: dict[str, int] = {}
    rows = 0
    for unit in units:
        if unit.evaluated is not None:
            missing |= unit.evaluated.meta.get("unlabelled", {})
            rows = max(rows, int(unit.evaluated.meta.get("n_heldout", 0)))
    for concept, n in missing.items():
        yield Markup(
            "{} of {} have no value of <strong>{}</strong>: every number about it is of the others."
        ).format(f"{n:,}", count(rows, "held-out row"), name(concept))
