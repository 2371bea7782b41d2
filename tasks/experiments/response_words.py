"""What a response says, in sentences with numbers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from iin_core.redraw import ALL
from tasks.experiments.told import between

BY_READER = " by the reader"
UNUSED = 0.1
"""A factor whose response has its upper end below this share of that to all blocks is hardly used."""
MAIN = {"class": "tv", "value": "distance"}
"""The statistic that sentences are about."""
_DRAWN = {"prior": "from its prior", "normal": "from N(0, I)", "rows": "from other rows"}
_HOW_TO_READ = (
    "Each factor is drawn anew and put back into the running model, all else kept: the further the output "
    "moves, the more the model makes of the factor at this layer. 0 means that nothing moved; drawing every "
    "block anew is the ceiling."
)


def words(table: pd.DataFrame, primary: str) -> list[str]:
    """How to read it, then a sentence for each output and factor, what is hardly used, and the history."""
    said = [_HOW_TO_READ]
    for name, rows in table.groupby("output", sort=False):
        mine = rows[rows["drawn"] == primary]
        said += _of_output(str(name), mine)
        said += _history(str(name), mine)
    return said + _left_the_data(table)


def caption(name: str, rows: pd.DataFrame) -> str:
    """Of the figure of one output."""
    first = rows.iloc[0]
    return (
        f"How far {called(name, first['kind'])} moves when one factor is drawn anew and the rest is kept: "
        f"{first['bases']} held-out rows, {first['draws']} draws of each, 95 % intervals over sources. The "
        "dashed line is what drawing every block anew does."
    )


def alt_text(name: str, rows: pd.DataFrame) -> str:
    """What the figure shows, in numbers."""
    main = rows[rows["statistic"] == MAIN[rows.iloc[0]["kind"]]]
    told = [f"{row.factor} {_DRAWN[row.drawn]} {row.value:.3f}" for row in _typed(main)]
    kind = rows.iloc[0]["kind"]
    return f"Response of {called(name, kind)}, {_what(kind)}: {', '.join(told)}."


def called(name: str, kind: str) -> str:
    """An output as sentences call it."""
    if kind == "value":
        return f"the {name}"
    concept = name.removesuffix(BY_READER)
    return f"what the {'model' if concept == name else 'reader'} says of {concept}"


def _of_output(name: str, rows: pd.DataFrame) -> list[str]:
    kind = rows.iloc[0]["kind"]
    what = called(name, kind)
    main = rows[rows["statistic"] == MAIN[kind]]
    kl = rows[rows["statistic"] == "kl"].set_index("factor")["value"]
    ceiling = float(main.loc[main["factor"] == ALL, "value"].iloc[0])
    said, unused = [], []
    for row in _typed(main[main["factor"] != ALL]):
        nats = f", {kl[row.factor]:.2f} nats of KL" if row.factor in kl.index else ""
        ends = between(row.low, row.high, ".3f", "95 % interval ")
        said.append(
            f"Drawing {row.factor!r} anew {_DRAWN[row.drawn]} moves {what} by {row.value:.3f} in "
            f"{_what(kind)}{ends}{nats}; drawing every block anew moves it by {ceiling:.3f}."
        )
        if row.high is not None and ceiling > 0 and row.high < UNUSED * ceiling:
            unused.append(repr(row.factor))
    if unused:
        said.append(
            f"At this layer {what} hardly depends on {' and '.join(unused)}: less than {UNUSED:.0%} of what "
            "drawing every block anew does."
        )
    return said


def _history(name: str, rows: pd.DataFrame) -> list[str]:
    old = rows[(rows["statistic"] == "class_std") & (rows["factor"] != ALL)]
    if old.empty:
        return []
    told = ", ".join(f"{row.factor} {row.value:.2f}" for row in _typed(old))
    return [
        f"The published statistic, the standard deviation of the class index in {called(name, 'class')}, is "
        f"{told}; it depends on the order of labels and is shown for comparison only."
    ]


def _left_the_data(table: pd.DataFrame) -> list[str]:
    """Where draws are not like the rows, the response is to something that no row has."""
    once = table.drop_duplicates(["factor", "drawn"])
    far = once[once["beyond"] > UNUSED]
    return [
        f"Of the draws of {row.factor!r} {_DRAWN[row.drawn]}, {row.beyond:.0%} are less likely under "
        "the block's prior than 99 % of the held-out rows: that response is in part one to activations that "
        "no row has."
        for row in _typed(far)
    ]


def _what(kind: str) -> str:
    return "total variation" if kind == "class" else "squared distance relative to that of another row"


def _typed(rows: pd.DataFrame) -> Any:
    return rows.itertuples()
