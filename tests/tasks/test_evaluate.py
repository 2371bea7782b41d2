"""The step evaluate on a cluster: what is sealed is kept, what fails stops nobody else."""

import pytest

from iin_core.errors import IinError
from tasks.evaluate import evaluate
from tests.tasks.evaluation_world import make_world


@pytest.fixture
def world(jobs_folder, root):
    """A trained world in an empty root."""
    return make_world(jobs_folder, root, baselines=())


def test_every_trained_unit_is_sealed_once(world, cluster) -> None:
    """Each unit is reported when it is sealed; a second run finds nothing to do and says nothing."""
    root, plan = world.root, world.plan
    reported: list[str] = []
    outputs = evaluate(plan, root, cluster, lambda unit, output: reported.append(f"{unit.name} {output.key}"))
    assert sorted(reported) == sorted(f"{unit.name} {unit.evaluate.key}" for unit in plan.units)
    assert [output.key for output in outputs] == [unit.evaluate.key for unit in plan.units]
    again: list[object] = []
    assert evaluate(plan, root, cluster, lambda *sealed: again.append(sealed)) == outputs
    assert again == []


def test_a_damaged_unit_fails_alone(world, cluster) -> None:
    """One unit's missing interpreter is named, the others are sealed, and the step ends with its error."""
    broken = world.plan.units[1]
    output = world.root.open("units", broken.train.key)
    file = output.file("interpreter/interpreter.json")
    file.write_bytes(b"x" * file.stat().st_size)
    with pytest.raises(IinError, match="interpreter"):
        evaluate(world.plan, world.root, cluster, lambda *_: None)
    sealed = [world.root.find(unit.evaluate) is not None for unit in world.plan.units]
    assert sealed == [unit is not broken for unit in world.plan.units]


def test_units_that_are_not_trained_are_left_out(world, cluster) -> None:
    """A unit without a sealed IIN is no failure of this step."""
    import shutil

    missing = world.plan.units[0]
    shutil.rmtree(str(world.root.folder("units", missing.train.key)))
    outputs = evaluate(world.plan, world.root, cluster, lambda *_: None)
    assert len(outputs) == len(world.plan.units) - 1


def test_units_without_their_reader_are_left_out(world, cluster) -> None:
    """A reader that could not be fitted has been reported; its model's units wait for it."""
    from dataclasses import replace

    from tasks.step import Step

    lost = replace(world.plan.models[-1], reader_prepare=Step("prepare", 1, {}, {}, {}, "reader"))
    plan = replace(world.plan, models=(*world.plan.models[:-1], lost))
    outputs = evaluate(plan, world.root, cluster, lambda *_: None)
    assert len(outputs) == sum(unit.model != lost.name for unit in plan.units)
