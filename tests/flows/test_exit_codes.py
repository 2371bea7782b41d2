"""Exit codes where several hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.exit_codes import PRECEDENCE, worst
from flows.interrupts import Interrupts
from flows.session import Outcome
from tasks.errors import DamagedOutput, UnitFailed
from tasks.gates import Verdict

FAILED_GATE = Verdict("score/mig", "unit", 0.1, "at least 0.9", passed=False)


@given(st.lists(st.sampled_from(PRECEDENCE), min_size=1))
def test_the_first_in_precedence_wins(codes: list[int]) -> None:
    """In whatever order they came."""
    assert worst(codes) == next(code for code in PRECEDENCE if code in codes)


def test_nothing_wrong_is_0() -> None:
    """A run without trouble ends with 0."""
    assert Outcome().exit_code() == worst([0, 0]) == 0


def test_the_order_is_that_of_the_surface() -> None:
    """130/143, 70, 3, 5, 4, then 1."""
    assert [code for code in PRECEDENCE if code != 2] == [130, 143, 70, 3, 5, 4, 1]


def test_failed_units_outweigh_a_failed_gate() -> None:
    """A gate that fails since a unit is missing is not the news."""
    outcome = Outcome(verdicts=[FAILED_GATE])
    assert outcome.exit_code() == 1
    outcome.failures.append(UnitFailed("unit"))
    assert outcome.exit_code() == 4
    outcome.failures.append(DamagedOutput("file"))
    assert outcome.exit_code() == 5


def test_a_signal_outweighs_all() -> None:
    """SIGTERM is 143 whatever else happened."""
    assert Outcome(failures=[UnitFailed("unit")], interrupts=Interrupts(signum=15)).exit_code() == 143
