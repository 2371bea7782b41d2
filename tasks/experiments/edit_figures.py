"""The figures of edits, each with a caption and words for who does not see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from torch import Tensor

from iin_core.priors import Label
from tasks.experiments.context import UnitContext
from tasks.experiments.drawing import figure
from tasks.experiments.found import Drawn
from tasks.experiments.seen import WHO, Rows, in_range, originals
from tasks.experiments.told import listed, value_text

_LINES = {"cause": "as asked", "isolate": "all else as before"}


@figure("curves of the edits")
def draw_curves(context: UnitContext, concept: str, table: pd.DataFrame) -> Drawn:
    """The share of edits that are obeyed over their strength, a panel a label."""
    from iin_core.figures import edit_curves

    shown = table[table["statistic"].isin(list(_LINES))]
    chart = pd.DataFrame(
        {
            "panel": [f"{concept} → {value_text(to)}" for to in shown["to"]],
            "line": [
                f"{WHO[r]}: {_LINES[s]}" for r, s in zip(shown["reader"], shown["statistic"], strict=True)
            ],
            "x": shown["strength"],
            **{part: shown[part].astype(float) for part in ("value", "low", "high")},
        }
    )
    file = f"{_file(context, concept)}_success.svg"
    title = f"{context.unit.name} · edits of {concept}"
    edit_curves(context.folder / file, chart, title=title, across="strength: 0 own class, 1 asked for")
    caption = (
        f"Edits of {concept}: how often a reader says what was asked for, and how often it still says "
        "the row's own value of everything else, over the strength of the edit. A good edit rises to the "
        "top by 1 (dotted) while the rest stays up; at strength 0 nothing was edited. Bands: 95 % intervals "
        "over sources."
    )
    chart["of"] = chart["panel"] + ", " + chart["line"]
    ends = {str(of): rows["value"].iloc[[0, -1]].tolist() for of, rows in chart.groupby("of", sort=False)}
    said = "; ".join(f"{of}: {first:.2f} to {last:.2f}" for of, (first, last) in ends.items())
    return Drawn(file, caption, f"Line charts over strength. {said}.", table="edits")


@figure("curve of the values")
def draw_values(context: UnitContext, concept: str, rows: Sequence[Mapping[str, Any]]) -> Drawn:
    """The number that was read over the one that was asked for."""
    from iin_core.figures import value_curve

    table = pd.DataFrame(rows)
    names = {**WHO, "itself": "the layer itself, shown the image again"}
    chart = pd.DataFrame(
        {
            "line": [names[who] for who in table["who"]],
            "x": table["asked"],
            "value": table["read"],
            "low": table["low"].astype(float),
            "high": table["high"].astype(float),
        }
    )
    file = f"{_file(context, concept)}_values.svg"
    title = f"{context.unit.name} · {concept} set"
    value_curve(context.folder / file, chart, title=title, across=concept)
    caption = (
        f"The number {concept} set to each value (across), and what is read of it afterwards (up), on "
        "average over rows. Obeyed edits lie on the dashed line; a flat line means that nothing followed. "
        "Bands: 95 % intervals over sources."
    )
    table["said"] = [f"{a:.3g} read as {b:.3g}" for a, b in zip(table["asked"], table["read"], strict=True)]
    said = "; ".join(f"{names[str(w)]}: {', '.join(t['said'])}" for w, t in table.groupby("who", sort=False))
    return Drawn(file, caption, f"Line chart. {said}.", table="edit_numbers")


@figure("film strip")
def draw_strip(
    context: UnitContext,
    which: tuple[str, Label | None],
    shown: Rows,
    frames: Tensor,
    steps: Sequence[float],
) -> Drawn:
    """A few rows at each strength of an edit to a label, or at each value of a number (label None)."""
    from iin_core.figures import Heads, film_strip

    concept, to = which
    given = originals(context.network, shown)
    file = f"{_file(context, concept)}_strip_{len(list(context.folder.glob('*strip*')))}.png"
    towards = f"{concept} set to →" if to is None else f"strength towards {concept} {value_text(to)} →"
    title = f"{context.unit.name} · {concept}" + ("" if to is None else f" to {value_text(to)}")
    own = context.rows.table[context.material.columns[concept]].to_numpy()[shown]
    heads = Heads([f"{step:.3g}" for step in steps], [value_text(value) for value in own], towards)
    film_strip(context.folder / file, in_range(given, given), in_range(frames, given), heads, title=title)
    if to is None:
        how = f"the same with {concept} set to each number"
        along = f"set to {listed([float(step) for step in steps])}"
    else:
        how = f"the same with {concept} moved towards {value_text(to)} by rising strength (0: only decoded)"
        along = f"at strengths {listed([float(step) for step in steps])} towards {value_text(to)}"
    caption = f"Left: an example with its {concept}; then {how}. Along a line {concept} alone should change."
    alt = f"Grid of images: {len(shown)} examples with {concept} {listed(own.tolist())}, each {along}."
    return Drawn(file, caption, alt, table="edits", pixelated=True)


def _file(context: UnitContext, concept: str) -> str:
    return f"edits_{context.material.factors.index(concept)}"
