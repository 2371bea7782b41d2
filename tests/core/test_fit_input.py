"""What `fit` is given, checked before anything is computed."""

import numpy as np
import pytest
import torch

from iin_core.errors import InputError, InputWarning
from iin_core.fit_input import FitInput, check_training, kind_of
from iin_core.spec import FlowSpec, PairSpec


def rows(n, n_features, label):
    z = torch.randn(n, n_features, generator=torch.Generator().manual_seed(0))
    return FitInput(z, {"b": np.array(label)}, {"b": PairSpec()}, np.arange(n), ())


def test_a_concept_of_one_value_in_the_training_rows_is_refused():
    """A value that only the rows held back show cannot be learned."""
    with pytest.raises(InputError, match="'b' is constant in the training rows") as caught:
        check_training(rows(40, 4, [None, *[1] * 39]), FlowSpec())
    assert caught.value.where == "40 rows, 39 with a value"


def test_a_front_that_keeps_fewer_dimensions_needs_fewer_rows():
    """What counts is the width of the flow, and the refusal names a front that would do."""
    with pytest.raises(InputError, match="40 training rows are fewer than the 64 dimensions") as caught:
        check_training(rows(40, 64, [0, 1] * 20), FlowSpec())
    assert "front_dims=10" in caught.value.fix
    check_training(rows(40, 64, [0, 1] * 20), FlowSpec(front_dims=10))
    with pytest.raises(InputError, match="fewer than the 64"):
        check_training(rows(40, 64, [0, 1] * 20), FlowSpec(front="none", front_dims=10))


def test_a_wide_layer_needs_rows_for_what_its_front_keeps_at_least():
    """The front follows the rows, so 40 of them serve 512 features; 15 do not, nor 40 a front that is set."""
    with pytest.warns(InputWarning, match="40 training rows are few for 256 dimensions, so the front keeps"):
        check_training(rows(40, 512, [0, 1] * 20), FlowSpec())
    with pytest.raises(InputError, match="15 training rows are fewer than the 16 dimensions"):
        check_training(rows(15, 512, [0, 1, 0] * 5), FlowSpec())
    with pytest.raises(InputError, match="40 training rows are fewer than the 256 dimensions"):
        check_training(rows(40, 512, [0, 1] * 20), FlowSpec(front_dims=256))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.array([1, 2]), "label"),
        (np.array([True, False]), "label"),
        (np.array(["x", None], object), "label"),
        (np.array([1, None], object), "label"),
        (np.array([1.5, None], object), "numeric"),
        (np.array([1.0, np.nan]), "numeric"),
    ],
)
def test_the_kind_shows_in_the_values(values, kind):
    """Floating-point numbers are numeric, all else labels, whatever is missing."""
    assert kind_of(values) == kind
