"""Names for MLflow: whatever a layer is called, MLflow takes it, and two names never become one."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.utils.validation import (
    _validate_experiment_name,
    _validate_logged_model_name,
    _validate_metric_name,
    _validate_param,
    _validate_tag,
)

from tasks.tracked_names import (
    csv_text,
    digest,
    experiment_name,
    key_parts,
    markdown_text,
    model_name,
    param_value,
    run_name,
    shorten,
    tag_value,
)

HOSTILE = [
    "",
    ".",
    "..",
    "/",
    "a/../b",
    " x ",
    "a\nb",
    "\x1b[31m",
    "ü·层",
    "%",
    "a+b",
    "\u202egnp",
    "l" * 400,
]
NAMES = st.one_of(st.text(max_size=80), st.sampled_from(HOSTILE))


@given(st.lists(NAMES, max_size=8))
@example(HOSTILE)
@example(["a+b", "a and b", "A and B"])
def test_key_parts_are_valid_and_differ(names):
    """Every part makes a metric key that MLflow takes, and different names stay different, also in
    databases that ignore case.
    """
    parts = key_parts(names)
    assert set(parts) == set(names)
    assert len({part.casefold() for part in parts.values()}) == len(parts)
    for part in parts.values():
        _validate_metric_name(f"layers/{part}/score")
        assert len(f"layers/{part}/{part}/score") <= 250


def test_key_parts_are_readable():
    """Usual names are kept, a plus is spelt out."""
    names = ["digit+colour", "conv1", "layer1.0.conv2"]
    assert [key_parts(names)[name] for name in names] == ["digit and colour", "conv1", "layer1.0.conv2"]


@given(st.lists(st.lists(NAMES, min_size=2, max_size=4), min_size=2, max_size=5))
@example([["a-b", "c"], ["a", "b-c"]])
@example([["a", "x"], ["a", ""]])
def test_model_names_are_valid_and_differ(lists):
    """Every list of parts gives a name that MLflow takes for a model; different lists, different names."""
    unique = [list(parts) for parts in {tuple(parts) for parts in lists}]
    names = [model_name(*parts) for parts in unique]
    assert len(set(names)) == len(names)
    for name in names:
        _validate_logged_model_name(name)


@given(NAMES, NAMES)
def test_lengths_are_kept(name, given_name):
    """Nothing is longer than what MLflow stores, so that it cuts nothing silently."""
    text = name * 500
    _validate_experiment_name(experiment_name("study", given_name * 50 or None))
    assert _validate_param("layer", param_value(text)).value == param_value(text)
    assert _validate_tag("layer", tag_value(text)).value == tag_value(text)
    assert 0 < len(run_name(text)) <= 250
    assert "\n" not in run_name(text)


def test_a_cut_text_says_so():
    """What is cut ends with its length and a check sum, so that two long names stay apart."""
    assert shorten("short", 10) == "short"
    first, second = (shorten("x" * 100 + end, 60) for end in "ab")
    assert len(first) == 60
    assert first.endswith(")")
    assert "(101 characters" in first
    assert first != second


def test_a_digest_fits():
    """MLflow stores 36 characters of a digest, less than a SHA-256 has."""
    assert digest("0123456789abcdef" * 4) == "0123456789abcdef" * 2


@given(NAMES)
@example("<img src=x onerror=alert(1)>")
@example("[x](javascript:alert(1)) | `y` **z** &lt;")
def test_markdown_shows_the_name_and_does_nothing(name):
    """No tag, link, emphasis, cell or line break remains; undoing the escapes gives the name."""
    text = markdown_text(name)
    assert "<" not in text
    assert "\n" not in text
    assert not re.search(r"(?<!\\)(?:\\\\)*[\[\]`*_|~]", text)
    printable = re.sub(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+", " ", name)
    assert html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)) == printable


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_formula_is_text_in_a_table(name):
    """A spreadsheet that opens the table computes nothing."""
    assert csv_text(name) == f"'{name}"
    assert csv_text("conv1=") == "conv1="
