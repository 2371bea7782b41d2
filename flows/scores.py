"""The table of headline scores, as the terminal, Prefect and `--json` show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flows.console import number, say, show_table

if TYPE_CHECKING:
    import pandas as pd

SHORT_MARK = "*"
WORDS = {
    "score/joint_reader": "reader",
    "score/joint_head": "head",
    "score/mig": "MIG",
    "score/leak_worst": "leak",
    "score/nll_per_dim": "nll/dim",
    "score/invertibility_error": "inverse",
}
HEADLINE_COLUMNS = ("layer", "concepts", "seed", *WORDS.values())
LEGEND = """\
reader, head: joint interchange accuracy, by the independent reader and by the model's own head
MIG: grouped mutual information gap; leak: the worst off-block probe
nll/dim: held-out, in nats without ½·log 2π; inverse: largest error of T⁻¹(T(z))
behind a number: [95 % interval over sources] what guessing reaches / what shuffled labels give"""
SHORT_NOTE = f"{SHORT_MARK} short training budget: compare such units with each other, not with the others"


def score_rows(scores: pd.DataFrame) -> list[list[str]]:
    """The rows under `HEADLINE_COLUMNS`; units of a short budget are marked.

    Args:
        scores: one row a unit, as `tasks.results` makes it.
    """
    records = scores.to_dict("records")
    models: dict[str, set[str]] = {}
    for record in records:
        models.setdefault(record["layer"], set()).add(record["model"])
    return [_row(dict(record), several=len(models[record["layer"]]) > 1) for record in records]


def _row(record: dict[Any, Any], *, several: bool) -> list[str]:
    mark = SHORT_MARK if record["budget"] == "short" else ""
    layer = f"{record['model']}/{record['layer']}" if several else record["layer"]
    unit = [f"{record['index']:02d} {layer}", str(record["concepts"]), f"{record['seed']}{mark}"]
    return [*unit, *(_score(key, record) for key in WORDS)]


def _score(key: str, record: Mapping[Any, Any]) -> str:
    value = record.get(key)
    if key == "score/invertibility_error" and _is_there(value):
        return f"{value:.0e}"
    low, high, control = (record.get(f"{key}_{part}") for part in ("low", "high", "control"))
    chance = record.get("score/leak_chance" if key == "score/leak_worst" else f"{key}_chance")
    ends = f" [{low:.2f}, {high:.2f}]" if _is_there(low) and _is_there(high) else ""
    levels = [f"{level:.2f}" if _is_there(level) else "–" for level in (chance, control)]
    return f"{number(value)}{ends}" + (f" {'/'.join(levels)}" if levels != ["–", "–"] else "")


def _is_there(value: float | None) -> bool:
    return value is not None and value == value


def seed_lines(scores: pd.DataFrame) -> list[str]:
    """For each layer and set with several seeds its scores as mean ± half the range."""
    same = ["model", "index", "layer", "concepts", "budget"]
    lines = []
    for (_, index, layer, concepts, _), group in scores.groupby(same, sort=False):
        known = {word: group[key].dropna() for key, word in WORDS.items() if key in group}
        told = [
            f"{word} {values.mean():.3g} ± {(values.max() - values.min()) / 2:.1g}"
            for word, values in known.items()
            if len(values) > 1
        ]
        if told:
            lines.append(f"over {len(group)} seeds, {index:02d} {layer} · {concepts}: {', '.join(told)}")
    return lines


def show_scores(scores: pd.DataFrame, *, title: str) -> None:
    """Print the table."""
    show_table(HEADLINE_COLUMNS, score_rows(scores), title=title)
    for line in seed_lines(scores):
        say(line)
    say(LEGEND)
    if "budget" in scores and (scores["budget"] == "short").any():
        say(SHORT_NOTE)
