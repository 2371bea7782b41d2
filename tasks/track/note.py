"""The Markdown note on a study's parent run: the result in five lines, then the table of scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from tasks.results import SCORE
from tasks.track.study import concepts_by_layer
from tasks.track.unit import held_against
from tasks.tracked_names import TAG_LENGTH, markdown_text, shorten

if TYPE_CHECKING:
    from tasks.gates import Verdict
    from tasks.output import Output, Root
    from tasks.plan import Plan

_COLUMNS = {
    "score/joint_reader": "joint (reader)",
    "score/joint_head": "joint (head)",
    "score/mig": "grouped MIG",
    "score/leak_worst": "worst leak",
    "score/nll_per_dim": "nll/dim",
}
_LONGEST = TAG_LENGTH - 200


@dataclass(frozen=True)
class _Cell:
    """Layer × concept set × budget: escaped names, and scores and their companions over seeds."""

    model: str
    layer: str
    concepts: str
    budget: str
    headline: bool
    seeds: str
    scores: Mapping[str, pd.Series]

    def mean(self, key: str) -> float:
        return float(self.scores[key].mean()) if key in self.scores else -math.inf

    def number(self, key: str) -> str:
        """`0.951 ± 0.004 [0.940, 0.960], chance 0.017, shuffled 0.020`."""
        if key not in self.scores:
            return "–"
        values = self.scores[key]
        spread = f" ± {(values.max() - values.min()) / 2:.3f}" if len(values) > 1 else ""
        means = {name: float(found.mean()) for name, found in self.scores.items()}
        return f"{means[key]:.3f}{spread}{held_against(means, key)}"


def study_note(
    plan: Plan,
    root: Root,
    scores: pd.DataFrame,
    evaluated: Mapping[str, Output],
    verdicts: Sequence[Verdict],
    reason: str | None = None,
) -> str:
    """Write the note; names are escaped, and it fits into a tag.

    Args:
        plan: the plan.
        root: where the outputs lie.
        scores: the score table.
        evaluated: key → sealed evaluation.
        verdicts: of the gates.
        reason: why the run did not finish, if it did not.
    """
    cells = _cells(plan, scores)
    lines = [
        _what(plan, scores),
        _headline(cells),
        _where_concepts_are(plan, evaluated),
        _gates(verdicts),
        _where_things_are(plan, root),
    ]
    head = "\n".join(f"- {line}" for line in lines)
    if reason:
        head = f"**Did not finish:** {markdown_text(shorten(reason, 700))}\n\n{head}"
    return f"{head}\n\n{_table(cells, _LONGEST - len(head))}"


def _what(plan: Plan, scores: pd.DataFrame) -> str:
    done = int((scores["status"] == "evaluated").sum())
    layers = sum(len(model.layers) for model in plan.models)
    about = markdown_text(shorten(plan.study.description or plan.study.name, 300))
    return (
        f"**{about}**: {done} of {len(scores)} units evaluated "
        f"({_count(len(plan.models), 'model')}, {_count(layers, 'layer')}, "
        f"{_count(len(plan.study.concepts), 'concept set')}, {_count(scores['seed'].nunique(), 'seed')})."
    )


def _headline(cells: Sequence[_Cell]) -> str:
    done = [cell for cell in cells if cell.scores]
    best = [cell for cell in done if cell.headline] or done
    if not best:
        return "No unit is evaluated yet."
    key = next((key for key in _COLUMNS if any(key in cell.scores for cell in best)), "")
    cell = max(best, key=lambda entry: entry.mean(key))
    said = [f"{words} {cell.number(key)}" for key, words in _COLUMNS.items() if key in cell.scores]
    return f"Headline, {cell.layer} · {cell.concepts} ({cell.budget} training budget): {', '.join(said)}."


def _where_concepts_are(plan: Plan, evaluated: Mapping[str, Output]) -> str:
    table = concepts_by_layer(plan, evaluated)
    said = []
    for _, group in table.groupby(["model", "concept"], sort=False):
        first, *_, last = group.sort_values("index").to_dict("records") if len(group) > 1 else (None, None)
        if first is None or last is None:
            continue
        said.append(
            f"{markdown_text(last['concept'])} {_read(first)} in {markdown_text(first['layer'])}, "
            f"{_read(last)} in {markdown_text(last['layer'])} (chance {last['chance']:.2f}, shuffled "
            f"{last['control']:.2f})"
        )
    if not said:
        return "How readable each concept is by layer: metrics `layers/…/concepts readable/…`."
    return f"Readable from the layer itself: {'; '.join(said[:8])}."


def _read(row: Mapping[Any, Any]) -> str:
    return f"{row['accuracy']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


def _gates(verdicts: Sequence[Verdict]) -> str:
    failed = [verdict for verdict in verdicts if not verdict.passed]
    if not verdicts:
        return "The study has no gates."
    if not failed:
        return f"All {_count(len(verdicts), 'gate')} passed."
    shown = "; ".join(markdown_text(str(verdict)) for verdict in failed[:3])
    return f"**{len(failed)} of {_count(len(verdicts), 'gate')} failed:** {shown}"


def _where_things_are(plan: Plan, root: Root) -> str:
    return (
        "Figures and interpretation: artifact `report.html`; scores: `summary.csv`; in a notebook: "
        f"`open_study({root.url!r}, {plan.study.name!r})`.".replace("\n", " ")
    )


def _table(cells: Sequence[_Cell], room: int) -> str:
    columns = [key for key in _COLUMNS if any(key in cell.scores for cell in cells)]
    head = ["layer", "concepts", "model", "budget", "seeds", *(_COLUMNS[key] for key in columns)]
    lines = [_line(head), _line(["---"] * len(head))]
    ordered = sorted(cells, key=lambda cell: not cell.headline)
    for i, cell in enumerate(ordered):
        about = [cell.layer, cell.concepts, cell.model, cell.budget, cell.seeds]
        line = _line([*about, *(cell.number(key) for key in columns)])
        if sum(map(len, lines)) + len(lines) + len(line) > room:
            return "\n".join([*lines, "", f"… and {len(cells) - i} more in `summary.csv`."])
        lines.append(line)
    legend = (
        "± half the range over seeds; in brackets the 95 % interval over sources. A short training budget "
        "is not to be compared with a full one; "
    )
    return "\n".join([*lines, "", f"{legend}nll in nats, ½·log 2π left out."])


def _cells(plan: Plan, scores: pd.DataFrame) -> list[_Cell]:
    units: dict[tuple[int, str, str, bool], list[int]] = {}
    for i, unit in enumerate(plan.units):
        units.setdefault((unit.layer.index, unit.concepts, unit.budget, unit.headline), []).append(i)
    cells = []
    for places in units.values():
        unit, rows = plan.units[places[0]], scores.iloc[places]
        done = rows[rows["status"] == "evaluated"]
        values = {str(key): done[key].dropna() for key in done if str(key).startswith(SCORE)}
        cells.append(
            _Cell(
                model=markdown_text(unit.model),
                layer=f"{unit.layer.index:02d} {markdown_text(unit.layer.layer)}",
                concepts=markdown_text(unit.concepts),
                budget=unit.budget,
                headline=unit.headline,
                seeds=f"{len(done)}" if len(done) == len(rows) else f"{len(done)} of {len(rows)}",
                scores={key: found for key, found in values.items() if len(found)},
            )
        )
    return cells


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
