"""Linear probes: multinomial logistic regressions, all of a stack in one program."""

from __future__ import annotations

import torch
from torch import Tensor

from iin_core.metrics.probe_inputs import ProbeInputs

ITERATIONS = 150


def linear_probes(inputs: ProbeInputs, *, seed: int = 0) -> Tensor:
    """Log-probabilities of each row by the probe that did not see its source.

    Minimises mean CE + ‖W‖² / 2n (scikit-learn's LogisticRegression with C = 1; intercept free) by
    accelerated gradient steps of fixed length. Codes are whitened, so that the softmax's curvature
    bound ½ λmax(XᵀX / n) makes such steps safe and 150 of them enough.

    Args:
        inputs: the stack.
        seed: unused, the problem is convex; here so that all probes are called alike.

    Returns:
        (inputs, targets, n, classes).

    Source: Böhning, "Multinomial logistic regression algorithm" (1992) for the bound.
    """
    del seed
    n_inputs, _, n_targets = inputs.shape
    n_rows, n_classes = inputs.codes.shape[1], max(inputs.n_classes)
    design = torch.cat([inputs.codes, torch.ones(n_inputs, n_rows, 1)], 2)
    result = torch.empty(n_inputs, n_targets, n_rows, n_classes)
    for fold in inputs.folds:
        part = (inputs.targets[:, fold.fit], inputs.known[:, fold.fit])
        weights = _fit(design[:, fold.fit], *part, inputs.class_mask)
        logits = torch.bmm(design[:, fold.read], weights.mT).unflatten(2, (n_targets, n_classes))
        log_probs = (logits + inputs.class_mask).log_softmax(3)
        result[:, :, fold.read] = log_probs.transpose(1, 2)
    return result


def _fit(x: Tensor, targets: Tensor, known: Tensor, class_mask: Tensor) -> Tensor:
    """Weights (inputs, targets × classes, width): rows of z lie last, where softmax is fastest."""
    n_inputs, n, width = x.shape
    n_targets, n_classes = class_mask.shape
    truth = torch.nn.functional.one_hot(targets.clamp_min(0), n_classes).float().mT.flatten(0, 1)
    counts = known.sum(1).clamp_min(1).repeat_interleave(n_classes)[:, None]
    weight = known.repeat_interleave(n_classes, 0)
    everyone = bool((weight == 1).all())
    penalty = torch.ones(width)
    penalty[-1] = 0
    largest = torch.linalg.matrix_norm(torch.bmm(x.mT, x) / n, ord=2)[:, None, None]
    curvature = (0.5 * n * largest + 1) / counts
    step = 1 / curvature
    ratio = (1 / counts / curvature).sqrt()
    momentum = (1 - ratio) / (1 + ratio)
    mask = class_mask.flatten()[:, None].expand(-1, n)
    columns = x.mT.contiguous()
    weights = torch.zeros(n_inputs, n_targets * n_classes, width)
    ahead = weights
    for _ in range(ITERATIONS):
        logits = torch.baddbmm(mask, ahead, columns).view(n_inputs, n_targets, n_classes, n)
        error = logits.softmax(2).view(n_inputs, -1, n).sub_(truth)
        if not everyone:
            error.mul_(weight)
        gradient = torch.bmm(error, x).addcmul_(penalty, ahead).div_(counts)
        moved = ahead - step * gradient
        ahead = moved + momentum * (moved - weights)
        weights = moved
    return weights
