"""Arguments of the wrong kind are refused in words, each with where and what to do."""

import datetime

import numpy as np
import pandas as pd
import pytest
import torch

from iin_core import FlowSpec, Pairs, TrainingSpec, fit
from iin_core.errors import InputError
from iin_core.fit_arguments import numbers_of, settings, whole_seed

Z = np.random.default_rng(0).normal(size=(40, 8))
LABEL = np.arange(40) % 2
A, B = np.arange(10), np.arange(10, 20)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"z": np.array([["a", "b"]] * 40)}, "z holds <U1 values"),
        ({"z": Z.astype(complex)}, "z holds complex128 values"),
        ({"z": torch.tensor(Z).to(torch.complex64)}, "z holds complex values"),
        ({"z": Z * 1e30}, "single precision cannot square"),
        ({"z": Z * 1e-30}, "single precision cannot square"),
        ({"z": Z * 1e300}, "40 rows of z are not finite"),
        ({"concepts": LABEL}, "concepts are a ndarray without a name"),
        ({"concepts": {3: LABEL}}, "A concept is called 3"),
        ({"specs": {"label": "numbr"}}, "specs of 'label' is 'numbr'"),
        ({"specs": {"lable": "label"}}, "specs names 'lable'"),
        ({"flow": "publishd"}, "'publishd' are no settings"),
        ({"training": {"updates": 3}}, "are no settings"),
        ({"seed": -1}, "A seed of -1"),
        ({"seed": None}, "A seed of None"),
        ({"dims": {"label": 2.5}}, "dimensions of 'label' are 2.5"),
        ({"dims": {"label": 2, "residual": 6}}, "dims names"),
        ({"pairs": Pairs(A, B, shares="label")}, "come as a list"),
        ({"pairs": [(A, B)]}, "come as a list"),
        ({"pairs": [Pairs(A + 0.5, B, shares="style")]}, "float64 values where row indices belong"),
        ({"pairs": [Pairs(A > 3, B > 3, shares="style")]}, "bool values where row indices belong"),
        ({"pairs": [Pairs(A, B, shares="style", rho="high")]}, "neither a number nor one for each pair"),
        ({"pairs": [Pairs(A, B, shares="style", rho=[0.5, 0.6])]}, "neither a number nor one for each pair"),
        ({"pairs": [Pairs(A, B)]}, "exactly one of shares and differs"),
        ({"pairs": [Pairs(A, B[:3], shares="style")]}, "not two equal lists"),
        ({"concepts": {"day": [datetime.date(2020, 1, 1 + k) for k in LABEL]}}, "labels of the type date"),
        ({"concepts": {"label": LABEL[:9]}}, "'label' has the shape"),
        ({"z": Z[:, 0]}, "z has the shape"),
        ({"source": np.zeros(40)}, "1 sources cannot be split"),
        ({"source": [None, *range(39)]}, "1 rows have no source"),
    ],
)
def test_arguments_of_the_wrong_kind_are_refused(arguments, said):
    """The refusal says what is wrong, where, and what to do, before anything is computed."""
    with pytest.raises(InputError, match=said) as caught:
        fit(**{"z": Z, "concepts": {"label": LABEL}, **arguments})
    assert caught.value.where
    assert caught.value.fix


@pytest.mark.parametrize("given", [Z.tolist(), pd.DataFrame(Z), torch.tensor(Z), Z[::-1].copy()[::-1]])
def test_rows_may_be_held_by_anything_that_numbers_are_held_by(given):
    """Lists, data frames, arrays and tensors are the same rows."""
    assert torch.equal(numbers_of(given), torch.tensor(Z).float())


def test_rows_that_cannot_be_written_to_are_taken_without_a_warning():
    """A memory-mapped file is read-only; its rows are copied."""
    z = Z.astype(np.float32)
    z.flags.writeable = False
    assert numbers_of(z[::-1]).shape == (40, 8)


def test_settings_and_seeds_come_out_plain():
    """A word stands for settings, and any whole number for a seed that a file can hold."""
    assert settings("published", FlowSpec) == FlowSpec.published()
    assert settings(None, TrainingSpec) == TrainingSpec()
    assert settings(own := TrainingSpec(updates=3), TrainingSpec) is own
    assert type(whole_seed(np.int64(3))) is int
