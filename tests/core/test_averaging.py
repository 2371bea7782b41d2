"""Which weights are kept: an average, or the best by held-out likelihood."""

import numpy as np
import torch

from iin_core.averaging import Average
from iin_core.curve import Validation
from iin_core.flow import build_flow
from iin_core.spec import TrainingSpec
from iin_core.training import train
from iin_core.updates import FlatParameters
from tests.core.training_world import SHORT, TINY, make, same

FALLING = SHORT.model_copy(
    update={"learning_rate": 0.01, "updates": 300, "schedule": "constant", "noise": 0.0}
)


def held_out(job, result, spec):
    nll = Validation([job.x_validation], spec, torch.device("cpu")).nll(result.flow)
    return float(nll[0])


def test_average_is_the_recursion():
    """The average follows its recursion, with the decay that rises to its value."""
    flow = build_flow(TINY, 6, [0, 1])
    parameters = FlatParameters(flow)
    average, expected = Average(parameters, 2, 0.8), parameters.flat.detach().clone()
    for update in range(40):
        parameters.flat.detach().add_(
            torch.randn(len(expected), generator=torch.Generator().manual_seed(update))
        )
        average.add(update)
        decay = min(0.8, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * parameters.flat.detach()
    torch.testing.assert_close(average.flat, expected)
    now = parameters.flat.detach().clone()
    with average.in_place():
        assert torch.equal(parameters.flat.detach(), average.flat)
    assert torch.equal(parameters.flat.detach(), now)


def test_held_out_likelihood_is_that_of_the_weights_that_are_kept():
    """The curve's last point is measured with the average, which is what comes out."""
    spec, job = SHORT.model_copy(update={"average": 0.95}), make(0)
    [result] = train([job], TINY, spec)
    assert result.curves["nll_validation"].iloc[-1] == held_out(job, result, spec)
    assert not same(result, train([job], TINY, SHORT)[0])


def test_early_stop_keeps_the_best_weights_of_each_unit():
    """Units stop for themselves, keep their best point's weights, and equal themselves alone."""
    spec = FALLING.model_copy(update={"patience": 3})
    jobs = [make(0), make(1, labelled=False), make(2)]
    group = train(jobs, TINY, spec)
    assert len({result.updates for result in group}) > 1
    for job, result in zip(jobs, group, strict=True):
        assert result.updates == result.curves["update"].iloc[-1] < spec.updates
        assert held_out(job, result, spec) == result.curves["nll_validation"].min()
        behind = len(result.curves) - 1 - int(np.argmin(result.curves["nll_validation"]))
        assert behind == spec.patience
        assert same(train([job], TINY, spec)[0], result)


def test_patience_that_does_not_run_out_keeps_the_best_point():
    """Without a stop the best point's weights come out at the end."""
    spec, job = FALLING.model_copy(update={"patience": 1000}), make(0)
    [result] = train([job], TINY, spec)
    assert result.updates == spec.updates
    assert held_out(job, result, spec) == result.curves["nll_validation"].min()


def test_only_units_without_concepts_keep_their_best_point_by_default():
    """In a group the unit without concepts keeps its best point, its neighbour its last, as if alone."""
    spec = FALLING.model_copy(update={"updates": 600})
    jobs = [make(0), make(1, labelled=False)]
    group = train(jobs, TINY, spec)
    labelled, plain = (result.curves["nll_validation"] for result in group)
    assert held_out(jobs[0], group[0], spec) == labelled.iloc[-1] > labelled.min()
    assert held_out(jobs[1], group[1], spec) == plain.min() < plain.iloc[-1]
    assert (plain.iloc[group[1].kept], group[0].kept) == (plain.min(), len(labelled) - 1)
    for job, result in zip(jobs, group, strict=True):
        assert same(train([job], TINY, spec)[0], result)
    assert TrainingSpec.published().patience_of([]) is None
