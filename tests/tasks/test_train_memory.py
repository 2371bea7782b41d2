"""The memory of a group is predicted before it starts, near enough to size groups by it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows import planning
from flows.planning import NEW, PlannedStep, totals
from iin_core.spec import FlowSpec, TrainingSpec
from tasks.nodes import memory_of_one, places
from tasks.train_groups import grouped, refuse_too_large
from tasks.train_memory import predicted_memory, width
from tests.peak_memory import printed_numbers
from tests.tasks.trained_world import changed, copied

MEASURED = """
import sys
import numpy as np, torch
from iin_core.blocks import Blocks
from iin_core.checkpoint import Checkpoints, state_bytes
from iin_core.jobs import Job
from iin_core.sampling import make_sampler
from iin_core.spec import FlowSpec, PairSpec, TrainingSpec
from iin_core.training import train

torch.set_num_threads(1)
flow, training = FlowSpec.model_validate_json(sys.argv[1]), TrainingSpec.model_validate_json(sys.argv[2])
rows, d, stack = map(int, sys.argv[3:])
label = np.arange(rows) % 5
blocks = Blocks({"residual": d // 2, "label": d - d // 2})
sampler = make_sampler({"label": label}, {"label": PairSpec()}, np.arange(rows), blocks)
x = torch.randn(rows, d)
targets = {"label": torch.from_numpy(label)}
jobs = [Job(x, x[:256], torch.eye(d), sampler, blocks, k, targets) for k in range(stack)]
keep = lambda k, state: state_bytes(state, "unit")
train(jobs, flow, training, checkpoints=Checkpoints([None] * stack, keep, lambda done: True))
print(peak())
"""
WIDE = FlowSpec(couplings=8, hidden=512)
DEEP = FlowSpec.published()


def with_flow(unit, flow, n, **training):
    """A unit of a layer of N features."""
    layer = replace(unit.layer, n=n, n_flow=n)
    spec = TrainingSpec(**training)
    return replace(unit, settings=replace(unit.settings, flow=flow, training=spec, layer=layer))


def test_memory_grows_with_what_takes_it(world):
    """More rows, a wider network, a larger batch, an average and more units each take more."""
    unit = world[0].units[0]
    plain = with_flow(unit, FlowSpec(hidden=64), 32, batch=64)
    base = predicted_memory([plain], 10_000)
    assert predicted_memory([plain], 20_000).rows > base.rows
    assert predicted_memory([with_flow(unit, FlowSpec(hidden=128), 32)], 10_000).parameters > base.parameters
    larger = predicted_memory([with_flow(unit, FlowSpec(hidden=64), 32, batch=128)], 10_000)
    assert larger.activations > base.activations
    assert larger.parameters == base.parameters
    averaged = with_flow(unit, FlowSpec(hidden=64), 32, batch=64, average=0.9)
    assert predicted_memory([averaged], 10_000).parameters > base.parameters
    assert predicted_memory([plain, plain], 10_000).total < 2 * base.total
    assert base.total == base.rows + base.parameters + base.activations + base.process


def test_streamed_rows_take_a_window(world):
    """Rows that are streamed take no more however many there are; the front's width counts, not N."""
    unit = with_flow(world[0].units[0], FlowSpec(front_dims=64), 4096, feed="stream")
    assert width(unit) == 64
    assert predicted_memory([unit], 10**9).total == predicted_memory([unit], 10**8).total


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flow", "training", "rows", "d", "stack"),
    [
        (DEEP, {"batch": 50, "updates": 33}, 4000, 64, 1),
        (WIDE, {"batch": 2048, "updates": 2}, 4000, 64, 3),
        (FlowSpec(), {"batch": 512, "updates": 2}, 500_000, 128, 2),
    ],
)
def test_prediction_is_near_what_is_measured(world, flow, training, rows, d, stack):
    """The prediction is within 0.8 and 1.6 times the measured peak of a process."""
    unit = with_flow(world[0].units[0], flow, d, **training)
    arguments = [flow.model_dump_json(), unit.training.model_dump_json(), str(rows), str(d), str(stack)]
    [measured] = printed_numbers(MEASURED, arguments)
    assert 0.8 < predicted_memory([unit] * stack, rows).total / 2**20 / measured < 1.6


def test_groups_are_as_large_as_memory_allows(world):
    """With memory for two of four units there are two groups; with too little each is alone, and refused."""
    plan, root = world
    units = [changed(unit, penalties={}) for unit in plan.units]
    pair = predicted_memory(units[:2], plan.n_rows).total
    assert [len(group) for group in grouped(units, root, 1, pair, plan.n_rows)] == [2, 2]
    groups = grouped(units, root, 1, 1.0, plan.n_rows)
    assert [len(group) for group in groups] == [1] * 4
    error = refuse_too_large(groups[0], 2.0**28, plan.n_rows)
    assert f"The training of {groups[0][0].name!r} does not fit into memory: it takes about" in error.what
    assert "a worker has 256 MiB" in error.what
    assert "one update" in error.where
    assert "resources.train.memory_gib" in error.fix
    assert refuse_too_large(groups[0], float("inf"), plan.n_rows) is None


def test_the_plan_shows_what_groups_are_sized_by(world, cluster, monkeypatch):
    """The memory on its last line is predicted for the largest of the groups that the step train makes."""
    plan, root = world
    resource = plan.study.resources.train
    # The tests' cluster may offer other processors than this machine has.
    monkeypatch.setattr(planning, "processors_here", lambda: places(resource))
    groups = grouped(plan.units, root, places(resource), memory_of_one(resource), plan.n_rows)
    sizes = {predicted_memory(group, plan.n_rows).total: len(group) for group in groups}
    keys = {unit.train.key for unit in plan.units}
    assert planning.groups_to_train(plan, root, keys) == groups
    undone = [PlannedStep("train", "", key, NEW, "", None) for key in keys]
    shown = totals(plan, undone, root)
    assert (shown["bytes_of_memory"], shown["units_of_largest_group"]) == (max(sizes), sizes[max(sizes)])
    assert totals(plan, [], root)["bytes_of_memory"] == 0


def test_before_dimensions_are_known_seeds_share_a_group(world):
    """Units of one layer and concept set will have the same dimensions; of others nothing is known."""
    plan = world[0]
    for group in grouped(plan.units, None, 1, n_rows=plan.n_rows):
        assert len({unit.dimensions.key for unit in group}) == 1
    by_key = {unit.dimensions.key for unit in plan.units}
    assert len(grouped(plan.units, None, 1, n_rows=plan.n_rows)) == len(by_key)


def test_residual_couplings_group_by_the_size_of_the_residual(world):
    """Units whose residuals differ share a group unless couplings move the residual alone."""
    plan, root = world
    plain = [changed(unit, penalties={}) for unit in plan.units]
    assert len(grouped(plain, root, 1)) == 1
    alone = FlowSpec(couplings=1, residual_couplings=1, hidden=16)
    units = [replace(unit, settings=replace(unit.settings, flow=alone)) for unit in plain]
    assert [{unit.concepts for unit in group} for group in grouped(units, root, 1)] == [
        {"kind+size"},
        {"none"},
    ]


def test_penalties_group_by_kinds_of_concepts(world):
    """What penalties learn has a part for each concept, so that units of other concepts are apart."""
    plan, root = world
    units = [changed(unit, penalties={"adversary": 1.0}) for unit in plan.units]
    assert [{unit.concepts for unit in group} for group in grouped(units, root, 1)] == [
        {"kind+size"},
        {"none"},
    ]


def test_a_unit_that_does_not_fit_is_refused_and_the_others_are_trained(world, cluster, tmp_path):
    """What is too large for a worker fails in words before it starts; the others are sealed."""
    from tasks.errors import EnvironmentProblem
    from tasks.train import train

    plan, root = world
    again = copied(root, tmp_path)
    huge = FlowSpec(couplings=64, hidden=8192)
    first = replace(plan.units[0], settings=replace(plan.units[0].settings, flow=huge))
    with pytest.raises(EnvironmentProblem, match="does not fit into memory"):
        train(replace(plan, units=(first, changed(plan.units[1]))), again, cluster)
    assert [again.find(unit.train) is not None for unit in plan.units[:2]] == [False, True]
