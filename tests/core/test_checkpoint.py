"""A training goes on from its checkpoints as if it had never stopped, in whatever company."""

import pytest
import torch

from iin_core.checkpoint import Checkpoints, UnitState, read_state, state_bytes
from iin_core.errors import CheckpointError
from iin_core.training import train
from tests.core.training_world import SHORT, TINY, make, same

FULL = SHORT.model_copy(update={"average": 0.9, "patience": 40, "clip": 5.0, "weight_decay": 0.01})


class Killed(Exception):
    """Stands for the signal."""


def states_at(jobs, spec, update):
    """The states, as files, at which a training of these jobs is killed."""
    files = {}

    def keep(k, state):
        files[k] = state_bytes(state, f"unit {k}")
        if len(files) == len(jobs):
            raise Killed

    with pytest.raises(Killed):
        train(
            jobs, TINY, spec, checkpoints=Checkpoints([None] * len(jobs), keep, lambda done: done >= update)
        )
    return [read_state(files[k], f"unit {k}") for k in range(len(jobs))]


def go_on(jobs, spec, states):
    return train(jobs, TINY, spec, checkpoints=Checkpoints(states, lambda k, state: None, lambda done: False))


@pytest.mark.parametrize("spec", [SHORT, FULL])
def test_killed_group_goes_on_bit_for_bit_with_other_members(spec):
    """Units go on from where their groups were killed, with others at other places, to the same bits."""
    whole = train([make(0), make(1, labelled=False), make(2)], TINY, spec)
    late = states_at([make(0), make(1, labelled=False)], spec, 64)
    [early] = states_at([make(2)], spec, 32)
    assert [state.update for state in (*late, early)] == [64, 64, 32]
    fresh, first, third = go_on([make(7), make(0), make(2)], spec, [None, late[0], early])
    [second] = go_on([make(1, labelled=False)], spec, [late[1]])
    assert all(same(a, b) for a, b in zip((first, second, third), whole, strict=True))
    assert same(fresh, train([make(7)], TINY, spec)[0])


def test_failed_and_stopped_units_stay_so():
    """What a guard and an early stop have decided is part of the state."""
    stops = SHORT.model_copy(update={"patience": 2, "learning_rate": 0.01, "updates": 160, "noise": 0.0})
    [alone] = train([make(0)], TINY, stops)
    assert alone.updates < 32
    [state, _] = states_at([make(0), make(1, labelled=False)], stops, 32)
    assert int(state.tensors["early_stop.stopped"]) == alone.updates
    [again] = go_on([make(0)], stops, [state])
    assert same(again, alone)


def test_file_is_refused_when_damaged_or_of_another_training():
    """A checkpoint that is cut short, changed or of something else is refused in words."""
    state = UnitState(32, {"a": torch.arange(5.0), "b": torch.zeros(0)})
    data = state_bytes(state, "unit")
    assert torch.equal(read_state(data, "unit").tensors["a"], state.tensors["a"])
    flipped = bytearray(data)
    flipped[-2] ^= 1
    for broken, words in (
        (data[:-3], "cannot be read"),
        (b"", "cannot be read"),
        (bytes(flipped), "has been changed"),
    ):
        with pytest.raises(CheckpointError, match=words):
            read_state(broken, "unit")
    with pytest.raises(CheckpointError, match="of another training"):
        read_state(data, "another unit")


def test_state_of_another_shape_is_refused():
    """A state that lacks a part, or has it in another shape, is not gone on from."""
    [state] = states_at([make(0)], SHORT, 32)
    wrong = {**state.tensors, "guard.factor": torch.ones(3)}
    with pytest.raises(CheckpointError, match=r"does not fit this training: guard\.factor"):
        go_on([make(0)], SHORT, [UnitState(32, wrong)])
    with pytest.raises(CheckpointError, match="does not fit"):
        go_on([make(0)], FULL, [state])
