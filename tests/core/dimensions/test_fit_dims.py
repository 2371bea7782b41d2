"""`fit` with every way to say how many dimensions each concept gets."""

import numpy as np
import pytest
import torch

from iin_core import fit
from iin_core.dimensions import DEFAULT
from iin_core.errors import InputError
from iin_core.interpreter import Interpreter
from iin_core.spec import FlowSpec, TrainingSpec
from tests.core.dimensions.worlds import classes

QUICK = {"flow": FlowSpec(couplings=1, hidden=8), "training": TrainingSpec(updates=2, batch=16)}


@pytest.mark.parametrize(("dims", "kind"), [("auto", None), ("softmax", 4), ("rank", 2), ("explicit", 2)])
def test_estimators_by_name(dims, kind):
    """The interpreter has the dimensions of the estimator that was asked for, and says which it was."""
    z, label, source = classes(3)
    interpreter = fit(z, {"kind": label}, source=source, dims=dims, **QUICK)
    assert interpreter.meta["dimensions"]["estimator"] == (DEFAULT if dims == "auto" else dims)
    assert interpreter.meta["dimensions"]["scores"]["kind"] > 0.2
    if kind is not None:
        assert interpreter.blocks.dims == {"residual": 12 - kind, "kind": kind}


def test_given_dimensions_are_said_to_be_given():
    """Dimensions by hand are taken as they are."""
    z, label, source = classes(3)
    interpreter = fit(z, {"kind": label}, source=source, dims={"kind": 5}, **QUICK)
    assert interpreter.meta["dimensions"]["estimator"] == "given"
    assert interpreter.blocks.dims == {"residual": 7, "kind": 5}


def test_unknown_estimators_are_refused():
    """A misspelt name is an error that lists the names there are."""
    z, label, source = classes(3)
    with pytest.raises(InputError, match="no estimator of dimensions 'rnak'") as caught:
        fit(z, {"kind": label}, source=source, dims="rnak", **QUICK)
    assert "softmax, rank, explicit" in caught.value.fix


def test_remainder_of_a_wide_layer_is_saved(tmp_path):
    """What passes by the flow can be probed from a loaded interpreter too, and edits do not reach it."""
    z, label, source = classes(3, n_dims=24)
    flow = FlowSpec(couplings=1, hidden=8, front_dims=8)
    interpreter = fit(z, {"kind": label}, source=source, flow=flow, training=QUICK["training"], dims="rank")
    assert interpreter.blocks.dims == {"residual": 6, "kind": 2}
    assert 0 < interpreter.meta["explained"] < 1
    interpreter.save(tmp_path)
    loaded = Interpreter.load(tmp_path)
    remainder = loaded.front.remainder_coordinates(z)
    assert remainder.shape == (len(z), 16)
    assert torch.equal(remainder, interpreter.front.remainder_coordinates(z))
    swapped = loaded.swap(z[:50], z[50:100], "kind")
    torch.testing.assert_close(
        loaded.front.remainder_coordinates(swapped), remainder[:50], atol=1e-4, rtol=1e-4
    )
    assert np.abs((swapped - z[:50]).numpy()).max() > 0.1
