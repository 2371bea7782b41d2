"""The pair critic's leak in nats, against closed forms of the mutual information."""

import math

import numpy as np
import pytest
import torch

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.metrics import critic_leaks, pair_leak
from iin_core.metrics.critic import PairRows, critic_scores, nats
from iin_core.metrics.critic_leak import _exchanges
from iin_core.spec import EvaluationSpec

SPEC = EvaluationSpec(bootstrap=100, permutations=50)


def _gaussian(n: int, width: int, rho: float):
    rng = np.random.default_rng(0)
    first = rng.normal(size=(n, width))
    second = rho * first + np.sqrt(1 - rho**2) * rng.normal(size=(n, width))
    rows = torch.from_numpy(np.vstack([first, second])).float()
    return rows, np.stack([np.arange(n), np.arange(n) + n], 1), np.arange(2 * n)


def test_gaussian_pairs_have_their_mutual_information() -> None:
    """The bound is below −½ d ln(1 − ρ²) and above four fifths of it, far from every exchange."""
    rows, pairs, source = _gaussian(4000, 3, 0.8)
    found = pair_leak(rows, rows, pairs, source, SPEC)
    information = -1.5 * math.log(1 - 0.8**2)
    assert 0.8 * information < found.nats.value < information + 0.05
    assert found.nats.low < found.nats.value < found.nats.high
    assert found.p_value == pytest.approx(1 / 51)
    assert found.nats.control < 0.05
    assert found.nats.value < found.cap <= math.log(750)


def test_independent_pairs_tell_nothing() -> None:
    """Where the sides are independent the bound is about 0 and no exchange is worse."""
    rows, pairs, source = _gaussian(1000, 3, 0.0)
    found = pair_leak(rows, rows, pairs, source, SPEC)
    assert abs(found.nats.value) < 0.05
    assert found.p_value > 0.05


def test_a_label_told_by_the_rest_costs_its_entropy() -> None:
    """Four classes told outright by another block leak ln 4 nats; a clean concept leaks none."""
    rng = np.random.default_rng(0)
    n = 800
    told, clean = rng.integers(4, size=n), rng.integers(4, size=n)
    corners = np.array([[4, 4], [4, -4], [-4, 4], [-4, -4]]) + 0.0
    code = np.hstack([corners[told], rng.normal(size=(n, 2)), corners[told], corners[clean]])
    code += 0.3 * rng.normal(size=code.shape)
    blocks = Blocks({"residual": 4, "told": 2, "clean": 2})
    concepts = {"told": told, "clean": np.where(np.arange(n) % 5, clean.astype(object), None)}
    found = critic_leaks(code, blocks, concepts, np.arange(n) // 2, SPEC)
    assert math.log(4) - 0.15 < found["told"].nats.value < math.log(4) + 0.05
    assert found["clean"].nats.value < 0.05
    assert set(critic_leaks(code, blocks, {"other": clean}, np.arange(n), SPEC)) == set()


def test_two_rows_of_a_source_are_not_compared() -> None:
    """Of rows of one source only true pairs count, and a bound knows with how many it is compared."""
    pairs = PairRows(
        torch.zeros(4, 1), torch.zeros(4, 1), torch.tensor([0, 1, 2, 3]), torch.tensor([4, 0, 5, 0])
    )
    weights = [
        torch.zeros(1, *shape)
        for _ in range(2)
        for shape in ((1, 2), (1, 2), (2, 2), (1, 2), (3, 65), (1, 65))
    ]
    scores = critic_scores(weights, [pairs])
    assert torch.isinf(scores[0]).tolist() == [[False, True, False, True], *[[False] * 4] * 3]
    assert torch.allclose(nats(scores), torch.zeros(1, 4), atol=1e-6)


def test_exchanges_are_bounds_of_exchanged_pairs() -> None:
    """The fast form of an exchange equals the bound taken anew of the scores in that order."""
    scores = torch.randn(6, 6, generator=torch.Generator().manual_seed(1))
    drawn = _exchanges([scores], np.repeat([0, 1], 3), draws=4, seed=3)
    generator = torch.Generator().manual_seed(3)
    for value in drawn:
        order = torch.randperm(6, generator=generator)
        assert value == pytest.approx(float(nats(scores[:, order][None]).mean()), abs=1e-5)


def test_too_few_pairs_are_refused() -> None:
    """Pairs of a handful of sources cannot be divided into halves, and the error counts them."""
    rows, pairs, source = _gaussian(20, 2, 0.5)
    with pytest.raises(InputError, match="a critic needs 8"):
        pair_leak(rows, rows, pairs, source, SPEC)
