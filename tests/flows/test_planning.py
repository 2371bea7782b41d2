"""Why a step is stale, and other facts of a plan."""

from __future__ import annotations

from flows.checking import check_space, needed_by
from flows.planning import _differences, _short, steps_of, totals
from flows.scores import HEADLINE_COLUMNS, score_rows, seed_lines
from tests.tasks.evaluation_world import make_world


def test_only_what_differs_is_named() -> None:
    """By its path, with the old value and the new."""
    old = {"spec": {"updates": 1, "flow": {"hidden": 8}}, "inputs": {"rows": "a"}, "version": 1}
    new = {"spec": {"updates": 2, "flow": {"hidden": 8, "depth": 1}}, "inputs": {"rows": "a"}, "version": 1}
    assert list(_differences(old, new)) == [("spec.updates", 1, 2), ("spec.flow.depth", None, 1)]
    assert list(_differences(old, old)) == []


def test_long_values_are_cut() -> None:
    """A checkpoint's settings do not fill the screen."""
    assert _short(None) == "nothing"
    assert len(_short(["x"] * 100)) == 40


def test_what_is_sealed_costs_no_seconds(tmp_path) -> None:
    """Evaluations that are reused show none, and the sum is that of the others."""
    from tasks.output import open_root

    world = make_world(tmp_path, open_root(str(tmp_path / "root")))
    first, *others = world.plan.units
    with world.root.begin(first.evaluate) as attempt:
        attempt.seal({}, times={})
    lines = steps_of(world.plan, world.root)
    seconds = {line.key: line.seconds for line in lines}
    assert seconds[first.evaluate.key] is None
    assert all(seconds[unit.evaluate.key] > 0 for unit in others)
    expected = round(sum(seconds[unit.evaluate.key] for unit in others))
    assert totals(world.plan, lines, world.root)["seconds_of_evaluation"] == expected


def test_experiments_that_never_ran_are_estimated_and_others_say_what_they_took(tmp_path) -> None:
    """In the line of each and in the sum; the first that ran corrects the estimate of the others."""
    from dataclasses import replace

    from tasks.experiments.cost import experiment_seconds
    from tasks.experiments.spec import InterpolationSpec
    from tasks.output import open_root
    from tests.tasks.experiments_world import planned

    world = make_world(tmp_path, open_root(str(tmp_path / "root")))
    asked = world.plan.study.experiments.model_copy(update={"interpolation": InterpolationSpec()})
    plan = replace(world.plan, study=world.plan.study.model_copy(update={"experiments": asked}))
    plan = planned(plan)
    first, *others = plan.experiments
    lines = {line.key: line for line in steps_of(plan, world.root)}
    assert all(lines[entry.step.key].estimated for entry in plan.experiments)
    assert lines[first.step.key].seconds_text().endswith("s, estimated")
    assert totals(plan, list(lines.values()), world.root)["experiments_estimated"] == len(plan.experiments)

    told = experiment_seconds(plan, first)
    with world.root.begin(first.step) as attempt:
        attempt.seal({"experiment": "interpolation"}, times={"experiment": 40 * told, "predicted": told})
    lines = {line.key: line for line in steps_of(plan, world.root)}
    assert lines[first.step.key].why == f"took {40 * told:.0f} s, {told:.0f} s expected"
    for entry in others:
        assert not lines[entry.step.key].estimated
        assert lines[entry.step.key].seconds == 40 * experiment_seconds(plan, entry)


def test_scores_of_short_units_are_marked() -> None:
    """At their seed; what does not apply is said in words."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "model": ["small", "large"],
            "index": [1, 2],
            "layer": ["a", "b"],
            "concepts": ["c", "c"],
            "seed": [0, 0],
            "budget": ["short", "full"],
            "score/mig": [0.5, float("nan")],
        }
    )
    rows = score_rows(table)
    at = HEADLINE_COLUMNS.index("seed")
    assert [row[at] for row in rows] == ["0*", "0"]
    assert [row[0] for row in rows] == ["01 a", "02 b"]
    assert [row[HEADLINE_COLUMNS.index("MIG")] for row in rows] == ["0.500", "n/a"]
    assert [row[0] for row in score_rows(table.assign(layer="a"))] == ["01 small/a", "02 large/a"]


def test_no_score_of_the_table_stands_alone() -> None:
    """Behind it interval, chance and control; groups of several seeds have a line with their spread."""
    import pandas as pd

    one = {"model": "m", "index": 1, "layer": "a", "concepts": "c", "budget": "full"}
    beside = {"score/leak_worst_low": 0.15, "score/leak_worst_high": 0.25, "score/leak_worst_control": 0.13}
    rows = [
        {**one, "seed": seed, "score/leak_worst": 0.2 + 0.02 * seed, "score/leak_chance": 0.1, **beside}
        for seed in (0, 1)
    ]
    table = pd.DataFrame(rows)
    assert score_rows(table)[0][HEADLINE_COLUMNS.index("leak")] == "0.200 [0.15, 0.25] 0.10/0.13"
    assert seed_lines(table) == ["over 2 seeds, 01 a · c: leak 0.21 ± 0.01"]
    assert seed_lines(table[:1]) == []


def test_a_study_larger_than_the_disk_is_refused(tmp_path) -> None:
    """The error names both sizes and the place."""
    from types import SimpleNamespace

    import pytest

    from tasks.errors import EnvironmentProblem

    layer = SimpleNamespace(n=2**40, rows_of=lambda n_examples: n_examples)
    plan = SimpleNamespace(n_rows=1000, models=[SimpleNamespace(layers=[layer])], units=[])
    assert needed_by(plan).disk == 4000 * 2**40
    with pytest.raises(EnvironmentProblem, match="TiB of disk, there are") as error:
        check_space(plan, str(tmp_path / "not" / "there"))
    assert "--root" in error.value.fix
