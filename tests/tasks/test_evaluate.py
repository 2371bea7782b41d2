"""The step evaluate on a cluster: what is sealed is kept, what fails stops nobody else."""

from dataclasses import replace

import pytest

from iin_core.errors import IinError
from tasks.data_sizes import DataSizes
from tasks.evaluate import evaluate
from tasks.evaluate_groups import evaluated_together
from tests.tasks.evaluation.test_cost import LABELS, unit_of
from tests.tasks.evaluation_world import make_world, seal_unit


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
    from tasks.step import Step

    lost = replace(world.plan.models[-1], reader_prepare=Step("prepare", 1, {}, {}, {}, "reader"))
    plan = replace(world.plan, models=(*world.plan.models[:-1], lost))
    outputs = evaluate(plan, world.root, cluster, lambda *_: None)
    assert len(outputs) == sum(unit.model != lost.name for unit in plan.units)


def test_seeds_are_evaluated_together_and_fail_apart(world, cluster) -> None:
    """Units that differ in their seeds are one call; a damaged one is named, the others are reported."""
    first = world.plan.units[0]
    units = [first]
    for seed in (1, 2):
        steps = {kind: replace(getattr(first, kind), spec={"seed": seed}) for kind in ("train", "evaluate")}
        units.append(replace(first, settings=replace(first.settings, seed=seed), **steps))
        seal_unit(world.root, units[-1])
    plan = replace(world.plan, units=tuple(units))
    assert evaluated_together(units, plan.sizes) == [units]
    file = world.root.open("units", units[1].train.key).file("interpreter/interpreter.json")
    file.write_bytes(b"x" * file.stat().st_size)
    reported: list[str] = []
    with pytest.raises(IinError, match="interpreter"):
        evaluate(plan, world.root, cluster, lambda unit, _: reported.append(unit.name))
    assert sorted(reported) == [units[0].name, units[2].name]


def test_large_units_are_evaluated_alone() -> None:
    """As many units share a call as their held-out activations leave room for, and never more than eight."""
    units = [unit_of("default", LABELS, n=1024)] * 10
    sizes = [
        [len(group) for group in evaluated_together(units, DataSizes(0, n))] for n in (100, 20_000, 10**6)
    ]
    assert sizes == [[8, 2], [3, 3, 3, 1], [1] * 10]
