"""YAML that a study may not hold, and the line at which each is refused."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import StudyError
from tasks.study_lines import MAX_BYTES, locate, plain, read_nodes

REFUSED = {
    "empty": ("", "The study file is empty.", "s.yaml"),
    "only a comment": ("# nothing\n", "The study file is empty.", "s.yaml"),
    "list at top": ("[1]", "is a list, not a mapping", "s.yaml:1"),
    "text at top": ("hello", "is a single value, not a mapping", "s.yaml:1"),
    "anchor": ("a: 1\nb: &x 1\n", "alias or anchor `&x` is not allowed", "s.yaml:2"),
    "alias": ("a: *x\n", "alias or anchor `*x` is not allowed", "s.yaml:1"),
    "unsafe tag": (
        "a: !!python/object/apply:os.system [ls]",
        "tag `!!python/object/apply:os.system`",
        "s.yaml:1",
    ),
    "own tag": ("a: !thing 3", "tag `!thing` is not allowed", "s.yaml:1"),
    "binary tag": ("a: !!binary aGk=", "tag `!!binary`", "s.yaml:1"),
    "duplicate key": ("a: 1\nb:\n  c: 1\n  c: 2\n", "'c' is given twice, first in line 3", "s.yaml:4 b.c"),
    "two documents": ("a: 1\n---\nb: 2\n", "more than one YAML document", "s.yaml:2"),
    "too deep": ("a: " + "[" * 21 + "]" * 21, "nests deeper than 20", "s.yaml:1"),
    "deep enough to break a parser": ("[" * 10_000, "nests deeper than 20", "s.yaml:1"),
    "tab": ("a:\n\t- 1\n", "not valid YAML", "s.yaml:2"),
    "bracket": ("a: [1\nb: 2", "not valid YAML", "s.yaml:2"),
    "control character": ("a: 1\nb: \x01", "holds the character U+0001", "s.yaml:2"),
    "null character": ('a: "x\x00y"', "holds the character U+0000", "s.yaml:1"),
    "merge": ("a: {<<: *x}", "alias or anchor `*x` is not allowed", "s.yaml:1"),
    "key of a list": ("? [a]\n: 1\n", "field name must be plain text", "s.yaml:1"),
    "no": ("a: no", "`no` is a boolean for some YAML readers", "s.yaml:1 a"),
    "On": ("a: [On]", "`On` is a boolean for some YAML readers", "s.yaml:1 a[0]"),
    "date": ("a: 2024-01-31", "`2024-01-31` is a date", "s.yaml:1 a"),
    "infinity": ("a: .inf", "is not a finite number", "s.yaml:1 a"),
    "nan": ("a: .NaN", "is not a finite number", "s.yaml:1 a"),
    "overflow": ("a: 1e999", "is not a finite number", "s.yaml:1 a"),
    "leading zero": ("a: 007", "octal", "s.yaml:1 a"),
    "hexadecimal": ("a: 0x1f", "octal or hexadecimal", "s.yaml:1 a"),
    "base 60": ("a: 1:30", "base 60", "s.yaml:1 a"),
    "underscores": ("a: 1_000", "text for others", "s.yaml:1 a"),
}


@pytest.mark.parametrize(("text", "what", "where"), REFUSED.values(), ids=REFUSED)
def test_refused(text, what, where):
    """Each refusal says what is wrong, in which line, and what to do."""
    with pytest.raises(StudyError) as caught:
        read_nodes(text.encode(), "s.yaml")
    assert what in caught.value.what
    assert caught.value.where == where
    assert caught.value.fix


def test_an_alias_bomb_costs_nothing():
    """Nested aliases are refused before anything is expanded."""
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    with pytest.raises(StudyError, match="&a0"):
        read_nodes("\n".join(lines).encode(), "s.yaml")


def test_a_large_file_is_refused_unread():
    """The limit is one mebibyte."""
    with pytest.raises(StudyError, match="the limit is 1,048,576"):
        read_nodes(b"a: 1\n" + b"#" * MAX_BYTES, "s.yaml")


@pytest.mark.parametrize(
    ("data", "where"), [(b"a: 1\nb: \xff", "s.yaml:2"), ("a: 1".encode("utf-16"), "s.yaml:1")]
)
def test_other_encodings_are_refused(data, where):
    """The line of the first byte that is not UTF-8 is named."""
    with pytest.raises(StudyError, match="not UTF-8") as caught:
        read_nodes(data, "s.yaml")
    assert caught.value.where == where


def test_a_byte_order_mark_is_no_mistake():
    """Editors of some systems write one."""
    assert plain(read_nodes(b"\xef\xbb\xbfa: 1", "s.yaml")) == {"a": 1}


def test_scalars_are_what_they_look_like():
    """Numbers in every usual spelling, quoted text, booleans and nothing."""
    text = "a: 1e-3\nb: .5\nc: '1'\nd: true\ne: ~\nf: -7\ng: 2E3\nh: 1.\n"
    text += "i: torchvision.models:resnet18\nj: '2024-01-01'"
    values = [1e-3, 0.5, "1", True, None, -7, 2000.0, 1.0, "torchvision.models:resnet18", "2024-01-01"]
    found = list(plain(read_nodes(text.encode(), "s")).values())
    assert found == values
    assert list(map(type, found)) == list(map(type, values))


def test_field_names_are_text_as_written():
    """Layers of a Sequential are called 0, 1, 2, and a concept may be called on."""
    assert plain(read_nodes(b"{0: a, on: b, 2024-01-01: c}", "s")) == {"0": "a", "on": "b", "2024-01-01": "c"}


NAMES = st.text("abcde", min_size=1, max_size=3)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\x85\ufeff")
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, JSON, min_size=1, max_size=4))
def test_every_json_object_is_read_as_itself(value):
    """JSON is YAML: what another program writes comes through unchanged, and places are found."""
    text = json.dumps(value, ensure_ascii=False)
    root = read_nodes(text.encode(), "s")
    assert plain(root) == value
    for key in value:
        node, rest = locate(root, (key,))
        assert node.field == key
        assert rest == ()


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    """No text, however odd, ends in anything but a mapping or a StudyError."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    try:
        value = plain(read_nodes(data, "s"))
    except StudyError:
        return
    assert isinstance(value, dict)


def test_values_that_yaml_reads_alike_are_read_alike():
    """Where we accept a plain value, PyYAML's own reader never means another number or boolean by it."""
    for text in ["1", "-3", "true", "False", "0.25", "~", "null", "abc", "1.5e+3", "+7"]:
        assert plain(read_nodes(f"a: {text}".encode(), "s"))["a"] == yaml.safe_load(text)
