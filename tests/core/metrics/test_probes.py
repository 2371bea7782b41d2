"""Stacked probes: against scikit-learn, against themselves alone."""

import numpy as np
import pytest
import torch

from iin_core.metrics.folds import half_split
from iin_core.metrics.probe_inputs import ProbeInputs, stacks
from iin_core.metrics.probe_linear import linear_probes
from iin_core.metrics.probe_mlp import mlp_probes
from iin_core.metrics.whiten import whiten


def _data(n: int = 400, width: int = 12, classes: int = 4, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    x = rng.normal(size=(n, width)) + 1.2 * rng.normal(size=(classes, width))[labels]
    return whiten(torch.from_numpy(x)), torch.from_numpy(labels)


def _stack(inputs, targets, folds) -> ProbeInputs:
    ((_, stack),) = stacks(inputs, targets, folds)
    return stack


def test_linear_probes_are_scikit_learns_logistic_regression() -> None:
    """Stacked linear probes give the probabilities of LogisticRegression(C=1), fold by fold."""
    from sklearn.linear_model import LogisticRegression

    x, labels = _data()
    folds = half_split(np.arange(len(x)))
    log_probs = linear_probes(_stack([x], [(labels, 4)], folds))[0, 0]
    for fold in folds:
        oracle = LogisticRegression(C=1.0, tol=1e-6, max_iter=2000).fit(x[fold.fit], labels[fold.fit])
        expected = oracle.predict_proba(x[fold.read].numpy())
        assert np.abs(log_probs[fold.read].exp().numpy() - expected).max() < 5e-3
        agree = log_probs[fold.read].argmax(1).numpy() == oracle.predict(x[fold.read].numpy())
        assert agree.mean() > 0.99


@pytest.mark.parametrize("probes", [linear_probes, mlp_probes])
def test_a_probe_in_a_stack_is_what_it_is_alone(probes) -> None:
    """Neighbours, padding of widths and of classes change a probe by rounding only."""
    x, labels = _data()
    narrow, two = whiten(torch.from_numpy(np.random.default_rng(1).normal(size=(400, 5)))), labels % 2
    folds = half_split(np.arange(400))
    together = probes(_stack([x, narrow], [(labels, 4), (two, 2)], folds), seed=3)
    for i, code in enumerate((x, narrow)):
        for j, (target, n_classes) in enumerate(((labels, 4), (two, 2))):
            alone = probes(_stack([code], [(target, n_classes)], folds), seed=3)[0, 0]
            assert torch.allclose(together[i, j, :, :n_classes], alone, atol=1e-3)


def test_mlp_probes_read_what_no_linear_probe_can() -> None:
    """An exclusive-or of two signs is read by the MLP and not by the linear probe."""
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(800, 2)))
    labels = (x[:, 0] * x[:, 1] > 0).long()
    stack = _stack([x.float()], [(labels, 2)], half_split(np.arange(800)))
    mlp, linear = (
        float((probe(stack, seed=0)[0, 0].argmax(1) == labels).float().mean())
        for probe in (mlp_probes, linear_probes)
    )
    assert mlp > 0.85
    assert linear < 0.65


def test_wide_and_narrow_inputs_are_padded_apart() -> None:
    """Inputs of very different width are put into different stacks, each input once."""
    codes = [torch.zeros(40, width) for width in (3, 200, 30, 130)]
    target = (torch.zeros(40, dtype=torch.long), 2)
    found = {tuple(members): stack.codes.shape[2] for members, stack in stacks(codes, [target], ())}
    assert found == {(0, 2): 30, (1, 3): 200}
