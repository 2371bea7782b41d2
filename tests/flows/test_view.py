"""What a run shows while it goes."""

from __future__ import annotations

import logging
from io import StringIO

import pytest
from rich.console import Console

from flows.view import SIGNS, View, shown


def test_without_a_terminal_each_event_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, without an escape, so that output can be piped and logs read."""
    with shown(("rows",)) as view:
        view.show("rows", "running")
        logging.getLogger("tasks.worker").info("conv1: \x1b[31mrows 0 to 9\nof 10")
        logging.getLogger("tasks").warning("slow")
        view.show("rows", "done")
    told = capsys.readouterr()
    assert told.out == ""
    assert "\x1b" not in told.err
    lines = told.err.splitlines()
    assert "rows" in lines[0]
    assert "running" in lines[0]
    assert "warning: slow" in told.err
    assert "done" in lines[-1]


def test_records_are_left_alone_afterwards() -> None:
    """The handler and the level are as they were."""
    logger = logging.getLogger("tasks")
    before = (list(logger.handlers), logger.level)
    with shown(("rows",)):
        assert logger.level == logging.INFO
    assert (list(logger.handlers), logger.level) == before


@pytest.mark.parametrize("state", SIGNS)
def test_a_live_table_has_a_line_for_each_step(state: str) -> None:
    """Whatever their state."""
    view = View(live=True, steps=("rows", "train"))
    view.show("rows", "running")
    view.show("rows", state)
    console = Console(width=80, file=StringIO())
    console.print(view.table())
    lines = console.file.getvalue().splitlines()
    assert ["rows" in lines[0], "train" in lines[1], len(lines)] == [True, True, 2]
    assert state in lines[0]
