"""The figures of class transfers, each with a caption and words for who does not see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from tasks.experiments.context import UnitContext
from tasks.experiments.drawing import figure
from tasks.experiments.found import Drawn
from tasks.experiments.seen import WHO, Seen, in_range, originals, see
from tasks.experiments.told import listed, value_text

if TYPE_CHECKING:
    from tasks.experiments.transfer import Transfers


@figure("grid of the classes")
def draw_grid(context: UnitContext, transfers: Transfers, seen: Seen) -> Iterator[Drawn]:
    """One image of each class with every class, where the model decodes images."""
    from iin_core.figures import Heads, film_strip

    if seen.images is None:
        return
    concept, size = transfers.concept, len(transfers.labels)
    rows = context.material.rows[transfers.base[: size * size : size]]
    plain = see(context.network, rows, shown=size).images
    assert plain is not None
    like = originals(context.network, rows)
    frames = in_range(seen.images, like).reshape(size, size, *like.shape[1:])
    names = [value_text(label) for label in transfers.labels]
    own = [(i, i) for i in range(size)]
    file = f"transfer_{context.material.factors.index(concept)}.png"
    heads = Heads(names, names, f"given the {concept} →", own)
    title = f"{context.unit.name} · transfer of {concept}"
    film_strip(context.folder / file, in_range(plain, like), frames, heads, title=title)
    caption = (
        f"Transfer of {concept}: at the left a decoded image of each class, beside it the same image "
        f"with every {concept} (across). Along a line all but the {concept} should stay, along a column the "
        f"{concept} should. Framed: its own class, taken from elsewhere."
    )
    alt = f"Grid of images: one of each {concept} {listed(names, 40)} (lines), given each of them (columns)."
    yield Drawn(file, caption, alt, table="transfer", pixelated=True)


@figure("matrix of what is read")
def draw_confusion(context: UnitContext, transfers: Transfers, reader: str, table: pd.DataFrame) -> Drawn:
    """What a reader said of each class that was asked for."""
    from iin_core.figures import confusion_matrix

    concept = transfers.concept
    counted = table.groupby(["asked", "read"])["n"].sum()
    names = list(transfers.labels)
    read = [*names, *(label for label in dict.fromkeys(table["read"]) if label not in names)]
    whole = table.groupby("asked")["n"].sum()
    shares = pd.DataFrame(
        [
            {
                "asked": value_text(asked),
                "read": value_text(label),
                "share": float(counted.get((asked, label), 0) / whole[asked]),
            }
            for asked in names
            for label in read
        ]
    )
    file = f"transfer_{context.material.factors.index(concept)}_{reader}.svg"
    title = f"{context.unit.name} · {concept} asked for and read"
    confusion_matrix(context.folder / file, shares, title=title)
    caption = (
        f"Transfer of {concept}: of images that were given a class (line), the share in which "
        f"{WHO[reader]} says each class (column). Framed: as asked for; dark is good there and bad elsewhere."
    )
    right = shares[shares["asked"] == shares["read"]]
    said = ", ".join(f"{a} {s:.2f}" for a, s in zip(right["asked"], right["share"], strict=True))
    return Drawn(file, caption, f"Heat map. Read as asked for: {said}.", table="transfer")
