"""The estimate of dimensions against the paper's formula and its bounds."""

import math

import numpy as np
import pytest
import torch

from iin_core.concept_pairs import label_pairs
from iin_core.dimensions import (
    ConceptPairs,
    Problem,
    estimate_dimensions,
    shared_score,
    softmax_dimensions,
)


def test_published_formula():
    """N_k = ⌊softmax(s)_k · N⌋ and the residual, with score 1, takes what is left over."""
    estimated = softmax_dimensions({"digit": 0.5, "colour": 0.1}, 64)
    total = math.e + math.exp(0.5) + math.exp(0.1)
    digit, colour = int(math.exp(0.5) / total * 64), int(math.exp(0.1) / total * 64)
    assert estimated.dims == {"residual": 64 - digit - colour, "digit": digit, "colour": colour}


@pytest.mark.parametrize("n_dims", [4, 10, 64])
def test_every_block_has_a_dimension(n_dims):
    """Whatever the scores, each block gets at least one dimension and together they fill N."""
    dims = softmax_dimensions({"a": 0.0, "b": 0.0, "c": -2.0}, n_dims).dims
    assert min(dims.values()) >= 1
    assert sum(dims.values()) == n_dims


def test_score_is_the_share_of_variance_between_classes():
    """For labels the score is the share of the variance that lies between the classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 6000)
    z = torch.tensor(rng.normal(size=(5, 4))[labels] + rng.normal(size=(6000, 4)), dtype=torch.float32)
    between = sum(
        float((labels == k).mean()) * (z[labels == k].mean(0) - z.mean(0)).square().sum() for k in range(5)
    )
    score = shared_score(z, label_pairs(labels, np.arange(6000), torch.zeros(1)))
    assert score == pytest.approx(float(between / z.var(0).sum()), abs=0.02)


def test_scores_are_the_reference_formula():
    """The estimator's scores are Σ Cov(a, b) / Σ Var about the common mean; what differs counts 1 − s."""
    generator = torch.Generator().manual_seed(0)
    z = 3 + torch.randn(500, 6, generator=generator, dtype=torch.float64)
    a, b = torch.randint(500, (2, 5000), generator=generator)
    mean = (z[a].mean(0) + z[b].mean(0)) / 2
    score = float((((z[a] - mean) * (z[b] - mean)).mean(0)).sum() / z.var(0).sum())
    pairs = {"shares": ConceptPairs(a, b), "differs": ConceptPairs(a, b, differs=True)}
    estimated = estimate_dimensions("softmax", Problem(z, z[:, :6].float(), pairs, np.arange(500)))
    assert estimated.estimator == "softmax"
    assert estimated.scores == pytest.approx({"residual": 1, "shares": score, "differs": 1 - score})
    assert estimated.dims == softmax_dimensions({"shares": score, "differs": 1 - score}, 6).dims
