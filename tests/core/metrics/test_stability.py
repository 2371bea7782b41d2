"""CKA of blocks between seeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.metrics import linear_cka, stability
from iin_core.metrics.row_pairs import u_centred

BLOCKS = Blocks({"residual": 4, "digit": 3})


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(6, 30))
def test_cka_is_its_definition(seed: int, n: int) -> None:
    """Without Gram matrices it equals the ratio of unbiased HSICs of ⟨a, b⟩, and ignores place and turns."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 5)), rng.normal(size=(n, 2))
    y[:, 0] += x[:, 1]
    u, v = u_centred(x @ x.T), u_centred(y @ y.T)
    expected = (u * v).sum() / np.sqrt((u * u).sum() * (v * v).sum())
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    assert linear_cka(x, y) == pytest.approx(expected, abs=1e-9)
    assert linear_cka(3 + 7 * x @ turn, y) == pytest.approx(expected, abs=1e-9)


def test_cka_of_copies_of_noise_and_of_constants() -> None:
    """A turned copy has 1, independent wide noise 0 on average, a constant 0."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 6))
    assert linear_cka(x, 2 * x @ np.linalg.qr(rng.normal(size=(6, 6)))[0]) == pytest.approx(1)
    drawn = [linear_cka(rng.normal(size=(40, 20)), rng.normal(size=(40, 20))) for _ in range(60)]
    assert abs(np.mean(drawn)) < 0.02
    assert linear_cka(np.ones((10, 2)), x[:10]) == 0


def test_stable_and_unstable_blocks() -> None:
    """A block that every seed finds has 1 and a control near 0, one that none finds again about 0."""
    rng = np.random.default_rng(0)
    digit = rng.normal(size=(300, 3))
    turns = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(3)]
    codes = [np.hstack([rng.normal(size=(300, 4)), digit @ turn]) for turn in turns]
    found = stability(codes, BLOCKS, source=np.arange(300) // 3)
    assert found.blocks["digit"].value == pytest.approx(1)
    assert found.blocks["residual"].value == pytest.approx(0, abs=0.03)
    assert found.blocks["residual"].low < 0 < found.blocks["residual"].high
    assert abs(found.blocks["digit"].control) < 0.05
    assert found.score == pytest.approx(0.5, abs=0.02)
    assert found.matrix.shape == (6, 6)
    assert np.diag(found.matrix) == pytest.approx(np.ones(6))


def test_one_code_or_codes_of_other_rows_are_refused() -> None:
    """Stability needs two seeds and the same rows of each."""
    code = np.zeros((10, 7))
    with pytest.raises(InputError, match="not 1 of shapes"):
        stability([code], BLOCKS)
    with pytest.raises(InputError, match="codes of the same rows") as caught:
        stability([code, code[:9]], BLOCKS)
    assert caught.value.fix == "pass codes (n, 7) of two or more seeds"
