"""Linear probes of an output as a network: what they say, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iin_core.errors import InputError
from iin_core.linear_reader import fit_linear_reader

N = 90
SHADE = np.array(["blue", "green", "red"])[np.arange(N) % 3]
SIDE = (np.arange(N) % 2).astype(bool)
OUTPUT = torch.cat(
    [
        torch.nn.functional.one_hot(torch.arange(N) % 3).float() * 100,
        torch.from_numpy(SIDE)[:, None].float() * 1e-3,
        torch.full((N, 1), 7.0),
    ],
    1,
)
CLASSES = {"shade": ["blue", "green", "grey", "red"], "side": [False, True]}


def test_classes_are_read_whatever_the_scale_of_the_output():
    """Of three classes and of two, from numbers of 100 and of 0.001, beside one that never changes."""
    reader = fit_linear_reader(OUTPUT, {"shade": SHADE, "side": SIDE}, CLASSES)
    said = reader(OUTPUT)
    assert [CLASSES["shade"][i] for i in said["shade"].argmax(1)] == SHADE.tolist()
    assert said["side"].argmax(1).bool().tolist() == SIDE.tolist()
    assert torch.isfinite(said["shade"]).all()
    assert (said["shade"][:, 2] < said["shade"].min(1).values + 1).all()  # grey, which no row shows


def test_rows_without_a_label_are_left_out_and_outputs_flattened():
    """A missing label teaches nothing: the probe is that of the other rows."""
    whole = fit_linear_reader(OUTPUT[:60], {"shade": SHADE[:60]}, CLASSES)
    holes = SHADE.astype(object)
    holes[60:] = None
    partly = fit_linear_reader(OUTPUT.reshape(N, 5, 1), {"shade": holes}, CLASSES)
    assert torch.equal(whole(OUTPUT)["shade"], partly(OUTPUT.reshape(N, 5, 1))["shade"])


def test_what_no_probe_can_be_fitted_to_is_refused():
    """One class, and outputs that are not finite."""
    with pytest.raises(InputError, match="fewer than two classes of 'shade'"):
        fit_linear_reader(OUTPUT, {"shade": np.full(N, "red")}, CLASSES)
    broken = OUTPUT.clone()
    broken[3] = torch.nan
    with pytest.raises(InputError, match="not finite") as error:
        fit_linear_reader(broken, {"shade": SHADE}, CLASSES)
    assert error.value.where == "training rows 3"
