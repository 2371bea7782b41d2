"""A page taken apart, so that tests can ask what is in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "img", "br", "hr", "input", "link"}


@dataclass
class Element:
    """An element: its tag, attributes, all the text in it, and the elements around it, outermost first."""

    tag: str
    attributes: dict[str, str]
    above: tuple[Element, ...] = field(repr=False)
    text: str = ""


class Page(HTMLParser):
    """The elements of a page in the order in which they begin; a tag that does not close fails the test."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open))
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop().tag == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, cls: str = "") -> list[Element]:
        """Every element of a tag, and of a class where one is given."""
        return [
            e
            for e in self.elements
            if e.tag == tag and (not cls or cls in e.attributes.get("class", "").split())
        ]

    def counts(self) -> Counter[str]:
        """How many elements there are of each tag."""
        return Counter(element.tag for element in self.elements)

    def attributes(self) -> set[str]:
        """The names of all attributes on the page."""
        return {name for element in self.elements for name in element.attributes}
