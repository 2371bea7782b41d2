"""Network response of outputs whose movement is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from iin_core.errors import InputError
from iin_core.metrics import class_response, value_response
from iin_core.spec import EvaluationSpec

RNG = np.random.default_rng(0)
BASE = RNG.normal(size=(60, 10))
MOVED = RNG.normal(size=(60, 8, 10))
SOURCE = np.arange(60) // 2
SPEC = EvaluationSpec(bootstrap=200)


def _softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def test_nothing_moves_where_nothing_was_drawn() -> None:
    """The same output for every draw has the response 0 in every statistic, exactly."""
    still = np.repeat(BASE[:, None], 4, 1)
    for response in (class_response(BASE, still, SOURCE), value_response(BASE, still, SOURCE)):
        for score in response.scores.values():
            assert (score.value, score.low, score.high) == (0.0, 0.0, 0.0)


def test_divergences_are_those_of_another_library() -> None:
    """KL is SciPy's relative entropy of the moved to the base, TV half the L1 distance, in the mean."""
    found = class_response(BASE, MOVED, SOURCE, SPEC)
    p, q = _softmax(BASE)[:, None], _softmax(MOVED)
    assert found.kl.value == pytest.approx(entropy(np.broadcast_to(p, q.shape), q, axis=-1).mean())
    assert found.tv.value == pytest.approx(np.abs(p - q).sum(-1).mean() / 2)
    assert found.kl.low < found.kl.value < found.kl.high
    assert found.kl.n == 60


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 200), n_classes=st.integers(2, 12))
def test_response_keeps_the_laws_of_divergences(seed: int, scale: float, n_classes: int) -> None:
    """TV lies in [0, 1] and below √(KL/2) (Pinsker), however sure the model is."""
    rng = np.random.default_rng(seed)
    base, moved = rng.normal(size=(9, n_classes)), rng.normal(size=(9, 3, n_classes))
    found = class_response(scale * base, scale * moved, np.arange(9)).rows
    assert (found["kl"] >= 0).all()
    assert (found["tv"] >= 0).all()
    assert (found["tv"] <= np.minimum(1 + 1e-12, np.sqrt(found["kl"] / 2) + 1e-9)).all()


def test_only_the_papers_statistic_depends_on_the_order_of_labels() -> None:
    """Renaming classes leaves KL and TV as they are, and moves the deviation of the class index."""
    base, moved = 20 * BASE, 20 * MOVED
    order = [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]
    one, other = (
        class_response(base, moved, SOURCE),
        class_response(base[:, order], moved[..., order], SOURCE),
    )
    assert one.kl.value == pytest.approx(other.kl.value)
    assert one.tv.value == pytest.approx(other.tv.value)
    assert abs(one.class_std.value - other.class_std.value) > 0.02


def test_the_papers_statistic_of_guessing_among_ten_is_known() -> None:
    """Ten classes drawn evenly have the standard deviation √8.25 = 2.87, in which it cannot be beaten."""
    even = np.repeat(np.arange(10), 40)
    classes = np.stack([np.random.default_rng(i).permutation(even) for i in range(20)])
    found = class_response(np.zeros((20, 10)), np.eye(10)[classes] * 50, np.arange(20))
    assert found.class_std.value == pytest.approx(np.sqrt(8.25), abs=0.01)


def test_an_image_moves_by_one_where_it_becomes_another_row() -> None:
    """Outputs drawn from those of all rows have the relative distance 1, whatever their scale."""
    images = 7 * RNG.normal(size=(400, 1, 2, 3)) * np.array([0.1, 1, 5])
    moved = images[RNG.integers(400, size=(400, 8))]
    found = value_response(images, moved, np.arange(400))
    assert found.distance.value == pytest.approx(1.0, abs=0.1)
    assert found.kl is None
    half = images[:, None] + (moved - images[:, None]) / 2
    assert value_response(images, half, np.arange(400)).distance.value == pytest.approx(
        found.distance.value / 4
    )


def test_rows_of_one_source_do_not_narrow_the_interval() -> None:
    """Four copies of every base under one source leave the interval as wide as it was, about."""
    one = class_response(BASE, MOVED, np.arange(60), SPEC).kl
    four = class_response(np.repeat(BASE, 4, 0), np.repeat(MOVED, 4, 0), np.repeat(np.arange(60), 4), SPEC).kl
    assert four.high - four.low == pytest.approx(one.high - one.low, rel=0.25)


def test_unusable_outputs_are_refused_in_words() -> None:
    """Shapes that do not fit, one draw alone, values not finite, and outputs without spread are told."""
    with pytest.raises(InputError, match="do not belong together") as caught:
        class_response(BASE, MOVED[:, :, :9], SOURCE)
    assert "resampled (60, 8, 9)" in caught.value.where
    with pytest.raises(InputError, match="at least two draws"):
        class_response(BASE, MOVED[:, :1], SOURCE)
    broken = torch.from_numpy(MOVED).clone()
    broken[3, 2, 1] = float("nan")
    with pytest.raises(InputError, match="not finite after a factor was drawn anew") as caught:
        class_response(BASE, broken, SOURCE)
    assert "1 of 4800 values" in caught.value.where
    with pytest.raises(InputError, match="outputs of all bases are equal"):
        value_response(np.ones((5, 3)), np.ones((5, 2, 3)), np.arange(5))
