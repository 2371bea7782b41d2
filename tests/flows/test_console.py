"""What reaches the terminal: hostile names as text, errors in three lines, one exit code."""

from __future__ import annotations

import json
import math
import string

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from flows.console import clean, duration, guarded, number, show_json, show_table, size
from tasks.errors import DamagedOutput, EnvironmentProblem, StudyError, UnitFailed

CONTROL = [chr(code) for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"]


@given(st.text())
def test_cleaned_text_holds_nothing_that_steers_a_terminal(text: str) -> None:
    """No escape, no control character, no change of direction survives."""
    assert not set(clean(text)) & {*CONTROL, "\u202e", "\u2066"}


@given(st.text(alphabet=string.ascii_letters + string.digits + " []/·+é日\n"))
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    """Brackets, accents and lines are no danger."""
    assert clean(text) == text


@pytest.mark.parametrize(
    "attack", ["\x1b[31mred", "\x1b]0;title\x07red", "\x9b31mred", "\x1b]8;;http://x\x1b\\red"]
)
def test_escape_sequences_go(attack: str) -> None:
    """Colours, titles and links are taken out, what they mark stays."""
    assert "\x1b" not in clean(attack)
    assert clean(attack).endswith("red")


def test_tables_show_markup_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    """A layer called [bold red] is shown under that name."""
    show_table(["[link=x]layer"], [["[bold red]conv[/]"], ["\x1b[2Jcleared"], [None]])
    shown = capsys.readouterr().out
    assert "[link=x]layer" in shown
    assert "[bold red]conv[/]" in shown
    assert "\x1b" not in shown


def test_the_title_of_a_narrow_table_stays_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """It is as wide as it is, not as the table."""
    show_table(["a"], [["b"]], title="study cnn (last run 2026-01-01 10:00)")
    assert capsys.readouterr().out.startswith("study cnn (last run 2026-01-01 10:00)\n")


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    """NaN and infinity are null, so that any parser reads it."""
    show_json({"a": math.nan, "b": [math.inf, 1.5], 3: "x"})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5], "3": "x"}


def test_a_score_that_does_not_apply_is_said() -> None:
    """It is neither blank nor 0."""
    assert number(None) == number(math.nan) == "n/a"
    assert number(0.12345) == "0.123"


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 * 2**40, "3.0 TiB")]
)
def test_sizes_have_units(n: int, text: str) -> None:
    """Bytes are shown in the largest unit that fits."""
    assert size(n) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (99, "99 s"), (120, "2 min"), (5999, "100 min"), (9000, "2.5 h")]
)
def test_durations_have_units(seconds: float, text: str) -> None:
    """Seconds, minutes or hours."""
    assert duration(seconds) == text


@pytest.mark.parametrize("kind", [StudyError, EnvironmentProblem, UnitFailed, DamagedOutput])
def test_an_error_ends_with_its_code_and_its_text(
    kind: type[StudyError], capsys: pytest.CaptureFixture[str]
) -> None:
    """What, where, what to do go to standard error, without a traceback or an escape."""

    def command() -> None:
        raise kind("It is \x1b[31mwrong.", where="study.yaml:3 models", fix="correct it")

    with pytest.raises(typer.Exit) as end:
        guarded(command)()
    shown = capsys.readouterr()
    assert end.value.exit_code == kind.exit_code
    assert shown.out == ""
    assert shown.err == (
        "error: It is wrong.\n  where: study.yaml:3 models\n  to do: correct it\n"
        f"  more:  docs/errors.md#{kind.anchor}\n"
    )


def test_a_fault_of_ours_puts_its_traceback_into_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """The person sees where the traceback is, not the traceback."""

    def command() -> None:
        raise RuntimeError("boom")

    with pytest.raises(typer.Exit) as end:
        guarded(command)()
    shown = capsys.readouterr().err
    assert end.value.exit_code == 70
    assert "Traceback" not in shown
    path = next(line for line in shown.splitlines() if "where:" in line).split()[-1]
    with open(path) as file:
        assert "RuntimeError: boom" in file.read()


def test_an_interruption_ends_with_130() -> None:
    """Ctrl-C in any command is no error of ours."""

    def command() -> None:
        raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as end:
        guarded(command)()
    assert end.value.exit_code == 130
