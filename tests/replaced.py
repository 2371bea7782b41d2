"""A text with some of it replaced: the study of a test, in one of its variants."""

from __future__ import annotations


def replaced(text: str, *changes: tuple[str, str]) -> str:
    """Each change replaces one text, which must be there, by another."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text
