"""Concepts of a study against its rows, before any compute."""

from __future__ import annotations

import pytest

from tasks.check import check_study
from tasks.study_file import load_study
from tests.tasks.toy_study import write_toy

MORE = """

def with_column(values, n=120):
    x, table = data(n)
    return x, {**table, "extra": values(n)}


def empty():
    return with_column(lambda n: [None] * n)


def half():
    return with_column(lambda n: [None if i % 5 else i % 2 for i in range(n)])


def gaps():
    return with_column(lambda n: [None if i % 7 == 0 else "xyz"[i % 3] if i % 2 else "w" for i in range(n)])


def numbers():
    return with_column(lambda n: list(range(n)))


def once():
    return with_column(lambda n: ["seldom", *(["often", "too"] * n)[: n - 1]])


def elsewhere():
    x, table = data(120)
    split = ["train"] * 80 + ["validation"] * 20 + ["heldout"] * 20
    return x, {**table, "extra": [i % 2 for i in range(80)] + [1] * 40, "side": split}


def like_digit():
    return with_column(lambda n: [(i % 3 if i % 4 else (i // 5) % 3) for i in range(n)])
"""


def findings(folder, factory, concepts, **changes):
    """What is found of a study whose second set has the concepts."""
    path = write_toy(
        folder, ("data: toy_code:data", f"data: {factory}"), ("digit: [digit]", f"digit: {concepts}")
    )
    code = folder / "toy_code.py"
    code.write_text(code.read_text() + MORE)
    return check_study(load_study(path))


FOUND = {
    "no value": (
        "toy_code:empty",
        "{extra: label}",
        "error",
        "'extra' has no value in any row",
        "give values",
    ),
    "few values": (
        "toy_code:half",
        "{extra: label}",
        "warning",
        "'extra' has no value in 96 of 120 rows (80%)",
        "give more rows a value",
    ),
    "numbers": (
        "toy_code:numbers",
        "{extra: label}",
        "error",
        "'extra' is declared a label, but 120 of 120 values differ",
        "{extra: numeric}",
    ),
    "value seen once": (
        "toy_code:once",
        "{extra: label}",
        "error",
        "'extra' has label values that only one source example shows: 1",
        "a pair needs two sources",
    ),
    "dependent": (
        "toy_code:like_digit",
        "{extra: label, digit: label}",
        "warning",
        "'extra' and 'digit' depend on each other (Cramér's V 0.",
        "add rows of the rare combinations",
    ),
    "given nothing": (
        "toy_code:numbers",
        "{digit: {given: digits}, size: numeric}",
        "error",
        "'digit' is given 'digits', which is no other concept",
        "nearest: size",
    ),
    "no file": (
        "toy_code:numbers",
        "{near: {kind: pairs, file: near.csv}}",
        "error",
        "There is no file 'near.csv'",
        "paths start at the folder of the study",
    ),
}


@pytest.mark.parametrize(("factory", "concepts", "level", "what", "fix"), FOUND.values(), ids=FOUND)
def test_what_is_found_of_concepts(tmp_path, factory, concepts, level, what, fix):
    """Each is told once, with the line of the set and what to do."""
    found = [f for f in findings(tmp_path, factory, concepts) if what in f.what]
    assert len(found) == 1
    assert found[0].level == level
    assert fix in found[0].fix
    assert found[0].where.startswith("toy.yaml:6 concepts")


def test_labels_may_be_missing(tmp_path):
    """Gaps in a label are no finding."""
    assert findings(tmp_path, "toy_code:gaps", "{extra: label}") == []


def test_a_concept_constant_in_the_measured_rows_is_said(tmp_path):
    """What the validation and held-out rows do not vary cannot be read there; training goes on."""
    data = "{import: toy_code:elsewhere, split: {column: side}}"
    first, second = findings(tmp_path, data, "{extra: label}")
    assert first.level == second.level == "warning"
    assert "In the validation rows the concept 'extra' shows one value" in first.what
    assert "In the held-out rows" in second.what
