"""Files inside links of a page, as small as they can be without losing anything that is seen."""

from __future__ import annotations

import base64
import io
import re
from urllib.parse import quote

import pandas as pd

from tasks.tracked_names import csv_text

_PLAIN = " !$()*+,-./:;=?@[]^_`{|}~"
"""Characters that stand for themselves in a data URI and in an attribute of HTML."""
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_ATTRIBUTES = re.compile(r'\b(d|x|y|x1|x2|y1|y2|points|transform|width|height|viewBox)="([^"]*)"')
_SPACE = re.compile(r"\s+")
_BEFORE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)


def file_uri(data: bytes, kind: str) -> str:
    """A file as a URI that holds it.

    Args:
        data: the file.
        kind: how its name ends: "png" and "svg" are written anew, smaller.
    """
    if kind == "svg":
        return f"data:image/svg+xml,{quote(small_svg(data.decode()), safe=_PLAIN)}"
    data, kind = small_image(data, kind)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def csv_uri(table: pd.DataFrame) -> str:
    """A table as a downloadable file; no cell is taken for a formula by a spreadsheet."""
    safe = table.map(lambda cell: csv_text(cell) if isinstance(cell, str) else cell)
    text = safe.to_csv(index=False, lineterminator="\n")
    return f"data:text/csv;charset=utf-8,{quote(text, safe=_PLAIN)}"


def small_image(data: bytes, kind: str) -> tuple[bytes, str]:
    """The same pixels as WebP, and "webp"; what no picture can be read from, or gains nothing, stays."""
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(io.BytesIO(data))
        opaque = picture.mode != "RGBA" or picture.getchannel("A").getextrema() == (255, 255)
        smaller = io.BytesIO()
        # More effort takes twice as long and gains nothing on figures.
        how = {"lossless": True, "method": 1, "quality": 50}
        picture.convert("RGB" if opaque else "RGBA").save(smaller, format="WEBP", **how)
    except (UnidentifiedImageError, OSError):
        return data, kind
    found = smaller.getvalue()
    return (found, "webp") if len(found) < len(data) else (data, kind)


def small_svg(text: str) -> str:
    """The same drawing without what nobody sees: metadata, line ends, more than a hundredth of a point."""
    text = _METADATA.sub("", _BEFORE.sub("", text, count=1))
    text = _ATTRIBUTES.sub(lambda found: f'{found[1]}="{_NUMBER.sub(_rounded, found[2]).strip()}"', text)
    return _SPACE.sub(" ", text).replace("> <", "><").strip()


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")
