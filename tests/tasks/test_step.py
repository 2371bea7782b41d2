"""Keys: equal for equal content, different for different content, stable over refactors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.step import Step, canonical_json

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "step_key.json").read_text())

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def _make_step(**changes: Any) -> Step:
    fields = {"kind": "rows", "version": 1, "spec": {}, "inputs": {}, "fingerprints": {}, "label": "rows"}
    return Step(**{**fields, **changes})


def test_golden_key():
    """The key of a fixed step never changes: a change here makes users compute everything again."""
    assert Step(**GOLDEN["step"], label="any").key == GOLDEN["key"]


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_order_and_containers_do_not_matter(spec):
    """The order of fields and list against tuple make no difference to the key."""
    reordered = dict(reversed(spec.items()))
    as_tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in reordered.items()}
    assert _make_step(spec=spec).key == _make_step(spec=as_tuples).key


@given(json_values)
def test_canonical_json_loses_nothing(value):
    """The canonical text reads back as the value, so different values have different texts."""
    assert json.loads(canonical_json(value)) == value


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "units"},
        {"version": 2},
        {"spec": {"a": 1}},
        {"inputs": {"rows": "k"}},
        {"fingerprints": {"data": "f"}},
    ],
)
def test_every_field_counts(change):
    """A change of any field but the label changes the key, and the steps are unequal."""
    assert _make_step(**change).key != _make_step().key
    assert _make_step(**change) != _make_step()


def test_label_is_not_content():
    """Two steps that differ in their label alone are the same step."""
    assert _make_step(label="a").key == _make_step(label="b").key
    assert len({_make_step(label="a"), _make_step(label="b")}) == 1


@pytest.mark.parametrize("value", [{1: "a"}, {"a": {2: 0}}, {"a": Path("x")}, {"a": {1}}, {"a": b"x"}])
def test_only_json_has_a_key(value):
    """What JSON cannot tell apart or hold is refused, with the place where it is."""
    with pytest.raises(TypeError, match="spec"):
        _ = _make_step(spec=value).key


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_numbers_have_no_key(value):
    """NaN and infinity are refused."""
    with pytest.raises(ValueError, match="JSON"):
        _ = _make_step(spec={"a": value}).key
