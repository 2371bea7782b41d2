"""What all figures share: an own Matplotlib without global state, and files with reproducible bytes."""

from __future__ import annotations

import io
import os
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from iin_core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

INK = "#1f2933"
QUIET = "#52606d"
GRID = "#d9dee3"
SERIES = ("#0b62a4", "#b84a00", "#00785a", "#8a3b82", "#5c4b00", "#333f8f", "#a3123f", "#3d4852")
"""Line colours: each at least 4.5 : 1 against white, told apart without red–green vision."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_SETTINGS: Any = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.parse_math": False,  # names may hold a dollar sign
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",  # text stays text, so the reader's browser draws every script
    "svg.hashsalt": "iin",
}
_METADATA = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
_DPI = 160
_CHARACTERS_AN_INCH = 12
"""Of a bold title, where its letters are not unusually wide."""
_LINE_INCHES = 0.17
_LONGEST_TITLE = 160


class WritablePath(Protocol):
    """A `pathlib.Path`, or anything like one that lies elsewhere (a `UPath`)."""

    @property
    def suffix(self) -> str:
        """The end of the name, with its dot."""
        ...

    def write_bytes(self, data: bytes) -> object:
        """Write the whole file."""
        ...


Destination = str | os.PathLike[str] | WritablePath


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with our settings only: a user's matplotlibrc must not change the bytes of a figure."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, outside pyplot."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def head(figure: Figure, title: str) -> None:
    """Write a title in bold at the upper left; a narrow figure grows by the further lines that it takes."""
    width, height = figure.get_size_inches()
    lines = title_lines(title, int(_CHARACTERS_AN_INCH * (width - 0.16)))
    figure.set_size_inches(width, height + _LINE_INCHES * (len(lines) - 1))
    figure.suptitle("\n".join(lines), x=0.08 / width, ha="left", fontsize=9.5, weight="bold")


def title_lines(title: str, limit: int) -> list[str]:
    """A title as lines of at most so many characters, broken at its ` · `; a part that is longer is cut.

    Whoever gives a title says what it is of first and what it shows last: the last line is kept whole as
    far as it can be.
    """
    lines: list[str] = []
    for part in name_text(title, _LONGEST_TITLE).split(" · "):
        joined = f"{lines[-1]} · {part}" if lines else part
        if lines and len(joined) <= limit:
            lines[-1] = joined
        else:
            lines.append(name_text(part, limit))
    return lines


def save(figure: Figure, path: Destination) -> None:
    """Write a figure as PNG or SVG, by the suffix of the path; no date, no program name.

    Raises:
        InputError: any other suffix.
    """
    place = Path(path) if isinstance(path, (str, os.PathLike)) else path
    kind = place.suffix.lower().removeprefix(".")
    if kind not in _METADATA:
        raise InputError(
            f"A figure cannot be written as {place.suffix or 'a file without a suffix'!r}.",
            where=str(path),
            fix="let the name end in .png or .svg",
        )
    data = io.BytesIO()
    with warnings.catch_warnings():
        # PNG only: a name in a script that the bundled font lacks shows as boxes.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        figure.savefig(data, format=kind, dpi=_DPI, metadata=_METADATA[kind])
    place.write_bytes(data.getvalue())


def name_text(name: object, limit: int = 28) -> str:
    """A name that a person gave, fit to be drawn: on one line, without control characters, cut.

    Args:
        name: any object; its `str` is taken.
        limit: characters; what is longer loses its middle, because names differ at both ends.
    """
    characters = (" " if c.isspace() else c for c in str(name))
    text = "".join("\N{REPLACEMENT CHARACTER}" if _is_hidden(c) else c for c in characters).strip()
    if len(text) <= limit:
        return text
    tail = limit // 3
    return f"{text[: limit - tail - 1]}…{text[-tail:]}"


def _is_hidden(character: str) -> bool:
    # Cc control, Cf format (direction overrides), Co private, Cs surrogate, Cn unassigned.
    return unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Cn"}


def require_columns(table: pd.DataFrame, wanted: tuple[str, ...], what: str) -> None:
    """See that a table has the columns that a figure draws.

    Raises:
        InputError: naming the columns that are missing.
    """
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise InputError(
            f"The table for {what} lacks {', '.join(map(repr, missing))}.",
            where=f"columns {list(table.columns)}",
            fix=f"give the columns {', '.join(wanted)}",
        )


def require_rows(table: pd.DataFrame, wanted: tuple[str, ...], what: str, fix: str) -> None:
    """See that a table has the columns that a figure draws, and at least one row.

    Args:
        table: what is to be drawn.
        wanted: its columns.
        what: the figure: "a layer × concept chart", "training curves".
        fix: what to give where there is no row.

    Raises:
        InputError: columns are missing, or there is no row.
    """
    require_columns(table, wanted, what)
    if table.empty:
        verb = "need" if what.endswith("s") else "needs"
        raise InputError(
            f"{what[0].upper()}{what[1:]} {verb} at least one row.", where="an empty table", fix=fix
        )
