"""Names as MLflow takes them, made from names of layers and concepts that may be called anything.

MLflow allows in metric and parameter keys only letters, digits, ``_ - . space : /`` (no colon on
Windows), no key that a path would normalise; in model names no ``/ : . % " '``; it cuts parameters
of more than 6,000 and tags of more than 8,000 characters without a word.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterable

KEY_LENGTH = 250
PARAM_LENGTH = 6_000
TAG_LENGTH = 8_000
DIGEST_LENGTH = 32
EXPERIMENT_LENGTH = 500
RUN_NAME_LENGTH = 250
_PART_LENGTH = 60
_NOT_IN_KEYS = re.compile(r"[^\w .-]+")
_NOT_IN_MODEL_NAMES = re.compile(r"[^\w-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-!|~:.=])")


def key_parts(names: Iterable[str]) -> dict[str, str]:
    """Give each name a part of a metric key: readable, and no two alike.

    ``digit+colour`` becomes ``digit and colour``; of names that would read the same, all but one get
    hexadecimal digits of their own.
    """
    parts: dict[str, str] = {}
    # MLflow's databases may compare keys without regard to case.
    taken: set[str] = set()
    # Names that can stay as they are come first, so that no other takes their place.
    for name in sorted(dict.fromkeys(names), key=lambda name: (_readable(name) != name, name)):
        part = _readable(name)
        if part.casefold() in taken:
            part = f"{part} {_short_hash(name, 8)}"
        taken.add(part.casefold())
        parts[name] = part
    return parts


def model_name(*parts: str) -> str:
    """Join parts to a name that MLflow takes for a logged model; no two lists of parts give the same."""
    plain = "-".join(_NOT_IN_MODEL_NAMES.sub("-", part).strip("-") or "x" for part in parts)
    if all(re.fullmatch(r"\w+", part) for part in parts) and len(plain) <= _PART_LENGTH * 2:
        return plain
    return f"{plain[: _PART_LENGTH * 2]}-{_short_hash(chr(0).join(parts), 8)}"


def experiment_name(study: str, given: str | None = None) -> str:
    """Name the experiment of a study: ``iin/<study>``, or what the study file gives."""
    return shorten(given or f"iin/{study}", EXPERIMENT_LENGTH)


def run_name(name: str) -> str:
    """Make a run's name printable on one line; MLflow's page shows it as plain text."""
    return shorten(_CONTROL.sub(" ", name).strip() or "unnamed", RUN_NAME_LENGTH)


def tag_value(value: object) -> str:
    """Write a tag's value on at most 8,000 characters; what is cut is said."""
    return shorten(str(value), TAG_LENGTH)


def param_value(value: object) -> str:
    """Write a parameter's value on at most 6,000 characters; what is cut is said."""
    return shorten(str(value), PARAM_LENGTH)


def digest(key: str) -> str:
    """Cut a step's key to the 32 characters of a data set's digest (MLflow stores 36)."""
    return key[:DIGEST_LENGTH]


def shorten(text: str, length: int) -> str:
    """Cut the text to at most `length` characters, of which the last tell that it was cut."""
    if len(text) <= length:
        return text
    end = f"… ({len(text):,} characters, {_short_hash(text)})"
    return text[: length - len(end)] + end


def markdown_text(text: str) -> str:
    """Escape a name for Markdown, which may hold HTML: shown as it is, on one line."""
    plain = _CONTROL.sub(" ", text)
    return _MARKDOWN.sub(r"\\\1", html.escape(plain, quote=False))


def csv_text(text: str) -> str:
    """Keep a spreadsheet from reading a name as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _readable(name: str) -> str:
    part = _NOT_IN_KEYS.sub("-", _CONTROL.sub(" ", name).replace("+", " and "))
    part = re.sub(r" {2,}", " ", part).strip(" .")
    if len(part) > _PART_LENGTH:
        part = f"{part[:_PART_LENGTH].rstrip(' .')} {_short_hash(name)}"
    return part or f"unnamed {_short_hash(name)}"


def _short_hash(text: str, length: int = 4) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]
