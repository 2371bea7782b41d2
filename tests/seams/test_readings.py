"""What every reading promises; each built-in one goes through it, and yours should."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from iin_core.errors import InputError
from iin_core.readings import READINGS, Flatten, Pool, Reading, Token, n_features

CASES: list[tuple[Reading, tuple[int, ...]]] = [
    (Flatten(), (6,)),
    (Flatten(), (2, 3, 4)),
    (Pool("mean"), (3, 4, 5)),
    (Pool("mean"), (3, 8)),
    (Pool("max"), (3, 4, 5)),
    (Token("cls"), (4, 6)),
    (Token("last"), (4, 6)),
    (Token("mean"), (4, 6)),
]
EDITABLE = [case for case in CASES if case[0].editable]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


def _name(value):
    return value.name if isinstance(value, Reading) else None


every_reading = pytest.mark.parametrize(("reading", "shape"), CASES, ids=_name)
every_editable_reading = pytest.mark.parametrize(("reading", "shape"), EDITABLE, ids=_name)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def _activation(shape, dtype=torch.float32, n=5, seed=0):
    values = torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
    values.flatten()[::3] = -0.0
    return values


def test_every_built_in_reading_is_here():
    """A reading that is added to the table must be added to this suite."""
    assert {type(reading) for reading, _ in CASES} == {Flatten, Pool, Token}
    # Readings with several rows an example have their own promises: tests/core/test_reading_entries.py.
    assert READINGS.keys() == {"flatten", "pool", "token", "position"}


@every_reading
@every_dtype
def test_rows_are_float32_and_one_an_example(reading, shape, dtype):
    """Rows are (n, N) in float32, with the N that the shape foretells."""
    rows = reading.rows(_activation(shape, dtype))
    assert rows.shape == (5, n_features(reading, shape))
    assert rows.dtype == torch.float32


@every_reading
def test_rows_do_not_depend_on_the_rest_of_the_batch(reading, shape):
    """Row i depends on example i alone."""
    activation = _activation(shape)
    torch.testing.assert_close(reading.rows(activation)[2:3], reading.rows(activation[2:3]))


@every_editable_reading
@every_dtype
def test_a_change_of_zero_changes_no_bit(reading, shape, dtype):
    """Adding zero gives back the same bits, the sign of zero too."""
    activation = _activation(shape, dtype)
    for zero in (0.0, -0.0):
        same = reading.add(activation, torch.full((5, n_features(reading, shape)), zero))
        assert same.dtype == dtype
        assert torch.equal(same.view(torch.uint8), activation.view(torch.uint8))


@every_editable_reading
@given(seed=st.integers(0, 2**31), scale=st.floats(1e-2, 1e2))
def test_rows_move_by_what_is_added(reading, shape, seed, scale):
    """Reading an edited activation gives the rows plus the change."""
    activation = _activation(shape, seed=seed)
    delta = scale * torch.randn(5, n_features(reading, shape), generator=torch.Generator().manual_seed(seed))
    moved = reading.rows(reading.add(activation, delta))
    torch.testing.assert_close(moved, reading.rows(activation) + delta, atol=1e-5 * scale + 1e-5, rtol=1e-5)


@every_editable_reading
def test_the_activation_itself_is_left_alone(reading, shape):
    """An edit makes a new tensor."""
    activation = _activation(shape)
    before = activation.clone()
    reading.add(activation, torch.ones(5, n_features(reading, shape)))
    assert torch.equal(activation, before)


@every_editable_reading
def test_gradients_reach_the_activation_and_the_change(reading, shape):
    """Both the activation and the change of its rows receive a gradient, also where the change is zero."""
    activation = _activation(shape).requires_grad_()
    delta = torch.zeros(5, n_features(reading, shape), requires_grad=True)
    reading.rows(reading.add(activation, delta)).sum().backward()
    assert activation.grad is not None
    assert delta.grad is not None
    torch.testing.assert_close(delta.grad, torch.ones_like(delta))


@every_editable_reading
def test_a_change_that_does_not_fit_is_refused(reading, shape):
    """A change for another number of examples or features is an error, never broadcast."""
    n_dims = n_features(reading, shape)
    for wrong in ((1, n_dims), (5, n_dims + 1)):
        with pytest.raises(InputError):
            reading.add(_activation(shape), torch.zeros(wrong))


@pytest.mark.parametrize(("reading", "shape"), [case for case in CASES if not case[0].editable], ids=_name)
def test_a_reading_that_is_not_editable_says_so(reading, shape):
    """Such a reading raises instead of changing something else."""
    with pytest.raises(InputError, match="not applicable, lossy"):
        reading.add(_activation(shape), torch.zeros(5, n_features(reading, shape)))
