"""docs/mlflow.md: the groups of keys that it lists are those that a child run has."""

from __future__ import annotations

import re
from pathlib import Path

from tasks.evaluation.keys import COMPANIONS, SCORE_KEYS, companion

TEXT = (Path(__file__).parents[3] / "docs" / "mlflow.md").read_text()


def test_every_group_of_scores_is_in_the_text() -> None:
    """And no other: each group of keys has its line in the table of a child's keys."""
    table = TEXT.split("| keys of a child | are |", 1)[1].split("\n\n", 1)[0]
    named = set(re.findall(r"`(\w+)/…`", table))
    assert named == {key.split("/")[0] for key in SCORE_KEYS} | {"cost"}


def test_the_companions_are_in_the_text() -> None:
    """The four suffixes are explained where the keys are."""
    said = TEXT.split("No number stands alone", 1)[1].split("\n\n", 1)[0]
    assert set(re.findall(r"`…_(\w+)`", said)) == set(COMPANIONS)


def test_keys_are_unique_and_companions_have_something_to_stand_beside() -> None:
    """None occurs twice; a companion's base is itself a key."""
    assert len(set(SCORE_KEYS)) == len(SCORE_KEYS)
    beside = [found for key in SCORE_KEYS if (found := companion(key)) is not None]
    assert len(beside) > 100
    assert {base for base, _ in beside} <= set(SCORE_KEYS)
