"""What a reader says after an edit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iin_core.errors import InputError
from iin_core.metrics import edit_success
from iin_core.spec import EvaluationSpec

SPEC = EvaluationSpec(bootstrap=50)
WANTED = {"shape": np.array([1, 1, 2, 0]), "ink": np.array([0, 1, 0, 1]), "size": np.array([2, 2, 1, 1])}
SOURCE = np.arange(4)


def test_an_edit_that_is_obeyed_is_right_in_all():
    """Who says all that was wanted has caused, isolated, and done both."""
    found = edit_success(WANTED, WANTED, "shape", SOURCE, SPEC)
    assert {score.value for score in found.scores.values()} == {1.0}
    assert set(found.scores) == {"cause", "isolate", "joint", "kept_ink", "kept_size"}
    assert found.cause.chance == 0.5


def test_each_score_counts_its_own_faults():
    """A wrong target lowers cause and joint, another concept that moved lowers isolate, joint and its own."""
    said = {"shape": [1, 1, 2, 9], "ink": [0, 1, 9, 1], "size": [2, 2, 1, 9]}
    found = edit_success(said, WANTED, "shape", SOURCE, SPEC)
    assert found.cause.value == 0.75
    assert found.isolate.value == 0.5
    assert found.joint.value == 0.5
    assert (found.kept["ink"].value, found.kept["size"].value) == (0.75, 0.75)


def test_a_reader_of_other_concepts_judges_what_was_kept():
    """Without the concept itself there is no cause; without any other no isolate."""
    others = edit_success({"ink": WANTED["ink"]}, WANTED, "shape", SOURCE, SPEC)
    assert others.cause is None
    assert others.joint is None
    assert others.isolate.value == 1
    alone = edit_success({"shape": WANTED["shape"]}, WANTED, "shape", SOURCE, SPEC)
    assert alone.isolate is None
    assert alone.joint == edit_success(WANTED, WANTED, "shape", SOURCE, SPEC).joint


def test_one_value_asked_of_all_has_no_chance():
    """A constant answer would be right always."""
    asked = {"shape": np.ones(4)}
    assert edit_success(asked, asked, "shape", SOURCE, SPEC).cause.chance is None
    assert edit_success({}, asked, "shape", SOURCE, SPEC).scores == {}


@given(st.integers(0, 1000))
def test_joint_is_between_the_two(seed):
    """cause + isolate − 1 ≤ joint ≤ both, and the interval holds the value."""
    rng = np.random.default_rng(seed)
    said, wanted = ({name: rng.integers(2, size=40) for name in "ab"} for _ in range(2))
    found = edit_success(said, wanted, "a", np.arange(40) // 2, SPEC)
    cause, isolate, joint = (score.value for score in (found.cause, found.isolate, found.joint))
    assert max(0, cause + isolate - 1) - 1e-9 <= joint <= min(cause, isolate)
    assert found.cause.low <= cause <= found.cause.high


def test_no_rows_are_refused():
    """There is nothing to judge."""
    with pytest.raises(InputError, match="no edited rows"):
        edit_success({"a": []}, {"a": []}, "a", [])
