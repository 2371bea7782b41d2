"""A figure that cannot be drawn: the experiment's numbers are sealed all the same, and it is told of."""

from __future__ import annotations

import pytest

from iin_core.errors import InputError
from tasks.errors import EnvironmentProblem
from tasks.experiments.drawing import figure
from tasks.experiments.found import Drawn, Undrawn
from tasks.experiments.interpolation import run
from tasks.experiments.sealing import read_found, write_found
from tasks.experiments.spec import InterpolationSpec
from tasks.output import open_root
from tasks.step import Step
from tests.tasks.evaluation_world import make_world
from tests.tasks.experiments.unit_context import unit_context

SPEC = InterpolationSpec(pairs=12, points=5, shown=2)
FIRST, SECOND = Drawn("a.png", "A.", "a"), Drawn("b.png", "B.", "b")


def test_numbers_survive_a_figure_that_raises(tmp_path, monkeypatch):
    """The same scores, tables and words are sealed; the other figure is there, the other has a reason."""
    monkeypatch.syspath_prepend(str(tmp_path))
    world = make_world(tmp_path, open_root(str(tmp_path / "root")))
    context = unit_context(world, world.unit("decoder", "both"), SPEC, tmp_path / "figures")
    whole = run(context, SPEC)

    def broken(*args, **named):
        raise ValueError("Axis limits cannot be NaN\nor Inf")

    monkeypatch.setattr("iin_core.figures.line_curves", broken)
    found = run(context, SPEC)
    assert found.scores == whole.scores
    assert found.words == whole.words
    step = Step("experiments", 1, {}, {}, {}, "broken")
    with world.root.begin(step) as attempt:
        meta = write_found(found, tmp_path / "figures", attempt.path)
        attempt.seal(meta, times={})
    sealed = read_found(world.root.find(step))
    assert [entry.file for entry in sealed.drawn] == ["interpolation_strip.png"]
    assert sealed.undrawn == (Undrawn("curves along lines", "ValueError: Axis limits cannot be NaN or Inf"),)
    assert sealed.table("interpolation").shape == whole.tables["interpolation"].shape


def test_what_was_drawn_before_is_kept(caplog):
    """And the step's log says what is missing."""

    @figure("bars")
    def draw():
        yield FIRST
        raise InputError("No rows.", where="here", fix="Give some.")

    assert draw() == [FIRST, Undrawn("bars", "No rows. Give some.")]
    assert "bars could not be drawn: No rows." in caplog.text


def test_one_figure_or_several():
    """What raises nothing is as it was."""
    assert figure("one")(lambda: FIRST)() == [FIRST]
    assert figure("two")(lambda: [FIRST, SECOND])() == [FIRST, SECOND]


def test_a_long_reason_is_cut():
    """A label of thousands of characters does not fill the page."""

    @figure("bars")
    def draw():
        raise ValueError("x" * 5000)

    (entry,) = draw()
    assert len(entry.why) == 300


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        EnvironmentProblem("No disk.", where="/", fix="Buy one."),
    ],
    ids=["disk", "memory", "torch", "environment"],
)
def test_what_is_not_the_figures_fault_is_raised(error):
    """The experiment fails, and is done again when there is room."""

    @figure("bars")
    def draw():
        raise error

    with pytest.raises(type(error)):
        draw()
