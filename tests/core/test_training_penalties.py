"""Penalties in the loop: they change what is learned, each IIN's alone, and are part of its state."""

import pytest
import torch

from iin_core.concept_values import concept_targets
from iin_core.penalties import PENALTIES
from iin_core.spec import PairSpec
from iin_core.training import train
from tests.core.test_checkpoint import go_on, states_at
from tests.core.training_world import SHORT, TINY, layer, make, same


def job(seed):
    """A job whose penalties know the label of each training row."""
    found = make(seed)
    targets = concept_targets({"label": layer()[1][:450]}, {"label": PairSpec()})
    return type(found)(**{**vars(found), "targets": targets})


@pytest.mark.parametrize("name", PENALTIES)
def test_penalty_does_not_tie_units_together(name):
    """With each penalty a unit in a group, or killed and gone on with others, equals itself alone."""
    spec = SHORT.model_copy(update={"penalties": {name: 0.5}, "noise_share": 0.5, "updates": 70})
    group = train([job(0), job(1), job(2)], TINY, spec)
    [alone] = train([job(1)], TINY, spec)
    assert same(alone, group[1])
    _, state = states_at([job(0), job(1)], spec, 32)
    _, again = go_on([job(5), job(1)], spec, [None, state])
    assert same(again, alone)
    [plain] = train([job(1)], TINY, spec.model_copy(update={"penalties": {}}))
    assert not same(plain, alone)


def test_rows_of_a_penalty_are_training_rows(monkeypatch):
    """What a penalty is shown names rows among all training rows, and says which have no noise."""
    from iin_core import penalties

    seen = []

    class Watching(torch.nn.Module):
        def forward(self, view):
            seen.append(view)
            return torch.zeros(len(view.z_tilde))

    monkeypatch.setattr(penalties, "PENALTIES", {"hsic": lambda jobs, weight, device: Watching()})
    spec = SHORT.model_copy(update={"penalties": {"hsic": 1.0}, "noise_share": 0.5, "updates": 40})
    watched = train([job(0), job(1)], TINY, spec)
    assert [view.progress for view in seen] == [update / 40 for update in range(40)]
    assert all(view.batch.rows.max() < 450 and view.batch.rows.shape == (2, 16) for view in seen)
    assert all(view.z_tilde.shape[:2] == (2, 16) for view in seen)
    assert same(watched[0], train([job(0)], TINY, spec.model_copy(update={"penalties": {}}))[0])


@pytest.mark.parametrize("name", PENALTIES)
def test_penalty_has_nothing_to_say_without_concepts(name):
    """Without concepts a penalty leaves the training as it is, alone and beside units that have some."""
    spec = SHORT.model_copy(update={"penalties": {name: 0.5}, "updates": 40})
    [alone] = train([make(1, labelled=False)], TINY, spec)
    beside, _ = train([make(1, labelled=False), job(0)], TINY, spec)
    assert alone.failure is None
    assert same(alone, beside)
