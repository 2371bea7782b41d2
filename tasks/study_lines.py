"""YAML read safely into nodes that remember the line and the field path where each value stands."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from tasks.errors import StudyError

MAX_BYTES = 1 << 20
MAX_DEPTH = 20

Scalar = str | int | float | bool | None
Loc = tuple[str | int, ...]

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?\Z")
_DIGIT = re.compile(r"[0-9]")
_AMBIGUOUS = (
    (re.compile(r"(yes|no|on|off)\Z", re.I), "is a boolean for some YAML readers and text for others",
     'write true or false, or put it in quotes: "{text}"'),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?\Z"), "is a date in YAML",
     'put it in quotes if you mean the text: "{text}"'),
    (re.compile(r"[-+]?\.?(inf|nan)\Z", re.I), "is not a finite number", "write a finite number"),
    (re.compile(r"[-+]?0[0-9_]+\Z|[-+]?0[xob][0-9a-f_]+\Z", re.I),
     "is an octal or hexadecimal number for some YAML readers",
     'write it as a decimal number, or in quotes: "{text}"'),
    (re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?\Z"), "is a number in base 60 for some YAML readers",
     'put it in quotes if you mean the text: "{text}"'),
    (re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*\Z"), "is a number for some YAML readers and text for others",
     'write the number without underscores, or in quotes: "{text}"'),
)  # fmt: skip


@dataclass(frozen=True)
class Node:
    """A value of the study file; `field` is its path as the person wrote it."""

    value: Scalar | tuple[Node, ...] | dict[str, Node]
    line: int
    field: str = ""

    def get(self, key: str) -> Node | None:
        """The node under `key` of a mapping."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    @property
    def is_mapping(self) -> bool:
        """Whether this is a mapping (a scalar or a list otherwise)."""
        return isinstance(self.value, dict)


def plain(node: Node) -> Any:
    """The value as plain Python data."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(child) for child in node.value]
    return node.value


def locate(root: Node, loc: Loc) -> tuple[Node, Loc]:
    """Follow `loc` as deep as nodes exist; returns the last node and what is left of `loc`."""
    node = root
    for i, step in enumerate(loc):
        if isinstance(node.value, dict) and step in node.value:
            node = node.value[str(step)]
        elif isinstance(node.value, tuple) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        else:
            return node, loc[i:]
    return node, ()


def read_nodes(data: bytes, name: str) -> Node:
    """Parse one safe YAML document whose top is a mapping.

    Args:
        data: the bytes of the file.
        name: how errors call the file.

    Raises:
        StudyError: not UTF-8, too large, too deep, not YAML, or with an alias, anchor, tag,
            duplicate key, second document, or a value that YAML readers understand differently.
    """
    text = _decoded(data, name)
    try:
        _refuse_unsafe(text, name)
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _not_yaml(error, text, name) from error
    if document is None:
        raise StudyError("The study file is empty.", where=name, fix="`iin init` writes one to start from")
    root = _node(document, "", name)
    if not root.is_mapping:
        raise StudyError(
            f"The study file is a {_kind(root)}, not a mapping of fields.",
            where=f"{name}:{root.line}",
            fix="start it with `iin: 1` and `name: ...`; `iin init` writes an example",
        )
    return root


def _decoded(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        raise StudyError(
            f"The study file has {len(data):,} bytes; the limit is {MAX_BYTES:,}.",
            where=name,
            fix="keep data in files of its own and name them in the study",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise StudyError(
            "The study file is not UTF-8 text.", where=f"{name}:{line}", fix="save it in the encoding UTF-8"
        ) from error


def _refuse_unsafe(text: str, name: str) -> None:
    """Walk the parser's events, which costs no recursion, before any tree is built."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = _line(event)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if documents > 1:
            raise StudyError(
                "The file holds more than one YAML document.",
                where=f"{name}:{line}",
                fix="keep one study in a file; remove the line `---`",
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise StudyError(
                f"The study file nests deeper than {MAX_DEPTH} levels.",
                where=f"{name}:{line}",
                fix="a study needs six levels at most",
            )
        _refuse_event(event, f"{name}:{line}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _refuse_event(event: yaml.Event, where: str) -> None:
    anchor = getattr(event, "anchor", None)
    if anchor:
        sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
        raise StudyError(
            f"The YAML alias or anchor `{sign}{anchor}` is not allowed in a study.",
            where=where,
            fix="write the value out where it is used",
        )
    tag = getattr(event, "tag", None)
    if tag and tag != "!":
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        raise StudyError(
            f"The YAML tag `{shown}` is not allowed in a study.",
            where=where,
            fix="write plain text, numbers, lists and mappings",
        )


def _not_yaml(error: yaml.YAMLError, text: str, name: str) -> StudyError:
    if isinstance(error, yaml.reader.ReaderError):
        line = text[: error.position].count("\n") + 1
        return StudyError(
            f"This is not valid YAML: it holds the character U+{int(error.character):04X}.",
            where=f"{name}:{line}",
            fix="remove this character; editors often show it as nothing at all",
        )
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"{name}:{mark.line + 1}" if mark else name
    problem = getattr(error, "problem", None) or "cannot be read"
    fix = "check indentation, colons and quotes around this line"
    if "\\t" in str(problem):
        fix = "indent with spaces; YAML does not allow tabs"
    return StudyError(f"This is not valid YAML: {problem}.", where=where, fix=fix)


def _node(node: yaml.Node, field: str, name: str) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return Node(dict(_entries(node, field, name)), line, field)
    if isinstance(node, yaml.SequenceNode):
        children = (_node(child, f"{field}[{i}]", name) for i, child in enumerate(node.value))
        return Node(tuple(children), line, field)
    assert isinstance(node, yaml.ScalarNode)
    return Node(_scalar(node, f"{name}:{line} {field}"), line, field)


def _entries(node: yaml.MappingNode, field: str, name: str) -> Iterator[tuple[str, Node]]:
    seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise StudyError(
                "A field name must be plain text.",
                where=f"{name}:{line} {field}".rstrip(),
                fix="write `name: value`; put braces that belong to a name in quotes",
            )
        # Every key of a study is text, so `3:` and `on:` mean the text that stands there.
        key = str(key_node.value)
        path = f"{field}.{key}" if field else key
        if key in seen:
            raise StudyError(
                f"The field {key!r} is given twice, first in line {seen[key]}.",
                where=f"{name}:{line} {path}",
                fix="keep one of them",
            )
        seen[key] = line
        child = _node(value_node, path, name)
        yield key, Node(child.value, line, path)


def _scalar(node: yaml.ScalarNode, where: str) -> Scalar:
    text = str(node.value)
    if node.style in ("'", '"', "|", ">"):
        return text
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    for pattern, problem, fix in _AMBIGUOUS:
        if pattern.match(text):
            raise StudyError(
                f"The value `{text}` {problem}.", where=where.rstrip(), fix=fix.format(text=text)
            )
    number = _number(text)
    if isinstance(number, float) and not math.isfinite(number):
        raise StudyError(
            f"The value `{text}` is not a finite number.", where=where, fix="write a finite number"
        )
    return number


def _number(text: str) -> Scalar:
    if _INT.match(text):
        return int(text) if len(text) < 40 else text
    if _FLOAT.match(text) and _DIGIT.search(text):
        return float(text)
    return text


def _kind(node: Node) -> str:
    return "list" if isinstance(node.value, tuple) else "single value"
