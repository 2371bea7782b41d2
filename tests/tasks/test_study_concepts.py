"""Concepts of a study file: their short forms, and their mistakes in words."""

from __future__ import annotations

import pytest

from tasks.errors import StudyError
from tasks.study_file import load_study
from tests.tasks.toy_study import write_toy

NUMERIC = {"kind": "numeric"}
CONCEPTS = {
    "kinds": ("{digit: label, size: numeric}", {"digit": {}, "size": {"kind": "numeric"}}),
    "list": ("[digit, colour]", {"digit": {}, "colour": {}}),
    "name": ("digit", {"digit": {}}),
    "given one": ("{digit: {given: size}, size: numeric}", {"digit": {"given": ("size",)}, "size": NUMERIC}),
    "pairs": (
        "{near: {kind: pairs, file: near.csv, column: id}}",
        {"near": {"kind": "pairs", "file": "near.csv", "column": "id"}},
    ),
    "pairs of the data": ("{near: pairs}", {"near": {"kind": "pairs"}}),
    "specs": ("{digit: {kind: label, rho: 0.9, column: d}}", {"digit": {"rho": 0.9, "column": "d"}}),
    "explicit": ("{factors: {digit: label}}", {"digit": {}}),
    "a concept called factors": ("{factors: label}", {"factors": {}}),
    "none": ("{}", {}),
    "nothing": ("", {}),
}


@pytest.mark.parametrize(("short", "factors"), CONCEPTS.values(), ids=CONCEPTS)
def test_short_forms_of_a_concept_set(short, factors, tmp_path):
    """Concepts as a list, by kind, or in full."""
    loaded = load_study(write_toy(tmp_path, ("digit: [digit]", "digit: " + short)))
    assert loaded.study.concepts["digit"].model_dump(exclude_defaults=True) == (
        {"factors": factors} if factors else {}
    )


MISTAKES = {
    "a file of labels": (
        ("{digit: label, size: numeric}", "{digit: {kind: label, file: a.csv}, size: numeric}"),
        "'digit': a table of pairs, and nothing else, is {kind: pairs, file: name.csv}.",
        "toy.yaml:6 concepts.both.digit",
        "{kind: pairs, file: x.csv}",
    ),
    "balance of a number": (
        ("size: numeric", "size: {kind: numeric, balance: 0.5}"),
        "'size': balance is for labels; a number has no classes.",
        "toy.yaml:6 concepts.both.size",
        "write label, numeric",
    ),
    "balance of pairs": (
        ("digit: label", "digit: {kind: pairs, file: a.csv, balance: 0.5}"),
        "'digit': a table of pairs has neither balance nor given.",
        "toy.yaml:6 concepts.both.digit",
        "write label, numeric",
    ),
    "a correlation of 1 as trained": (
        ("digit: label", "digit: {rho: 0.999999999}"),
        "'rho': a rho of 0.999999999 is 1 in single precision, in which IINs are trained",
        "toy.yaml:6 concepts.both.digit.rho",
        "change it so that this holds",
    ),
    "balance too large": (
        ("digit: label", "digit: {balance: 2.0}"),
        "The field 'balance' is 2.0.",
        "toy.yaml:6 concepts.both.digit.balance",
        "at most 1",
    ),
}


@pytest.mark.parametrize(("change", "what", "where", "fix"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(change, what, where, fix, tmp_path):
    """A mistake is told in words, with file, line, field and what to write."""
    with pytest.raises(StudyError) as caught:
        load_study(write_toy(tmp_path, change))
    assert what in caught.value.what
    assert caught.value.where == where
    assert fix in caught.value.fix
