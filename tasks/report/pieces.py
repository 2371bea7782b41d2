"""The parts of a page that it may have to do without: each written out, and taken as far as there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from markupsafe import Markup

from tasks.report.templates import template

LEAST = 50_000
"""Bytes; with less room nothing is drawn or written any more, which takes a tenth of a second each time."""


@dataclass
class Shelf:
    """How much the page can still hold.

    Args:
        left: bytes.
    """

    left: int

    @property
    def full(self) -> bool:
        """Whether it is not worth while to make anything more."""
        return self.left < LEAST

    def take(self, size: int) -> bool:
        """Whether so many bytes fit; if so they are taken."""
        fits = size <= self.left
        self.left -= size if fits else 0
        return fits


@dataclass
class Pieces:
    """What of something found its place.

    Args:
        shown: ready for the page.
        cut: whether something was left out for want of room.
    """

    shown: list[Markup] = field(default_factory=list)
    cut: bool = False

    def add(self, shelf: Shelf, makers: Iterable[Callable[[], Markup]]) -> Pieces:
        """Take what each of them makes, as far as it fits; nothing more is made once the shelf is full."""
        for make in makers:
            made = None if shelf.full else make()
            if made is not None and shelf.take(len(made.encode())):
                self.shown.append(made)
            else:
                self.cut = True
        return self


def piece(macro: str, *arguments: object) -> Markup:
    """What a macro of `parts.html.j2` makes of its arguments."""
    made: Markup = getattr(template("parts.html.j2").module, macro)(*arguments)
    return made
