"""The table of headline scores, as the terminal, Prefect and `--json` show it."""

from __future__ import annotations

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
    "score/leak_chance": "chance",
    "score/nll_per_dim": "nll/dim",
    "score/invertibility_error": "inverse",
}
HEADLINE_COLUMNS = ("layer", "concepts", "seed", *WORDS.values())
LEGEND = """\
reader, head: joint interchange accuracy, by the independent reader and by the model's own head
MIG: grouped mutual information gap; leak: the worst off-block probe, with chance beside it
nll/dim: held-out, in nats without ½·log 2π; inverse: largest error of T⁻¹(T(z))"""
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
    return [*unit, *(_score(key, record.get(key)) for key in WORDS)]


def _score(key: str, value: float | None) -> str:
    if key == "score/invertibility_error" and value is not None and value == value:
        return f"{value:.0e}"
    return number(value)


def show_scores(scores: pd.DataFrame, *, title: str) -> None:
    """Print the table."""
    show_table(HEADLINE_COLUMNS, score_rows(scores), title=title)
    say(LEGEND)
    if "budget" in scores and (scores["budget"] == "short").any():
        say(SHORT_NOTE)
