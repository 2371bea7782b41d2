"""What the fits share."""

import pytest
import torch
from torch import nn

from iin_core.errors import InputError
from iin_core.examples.digit_classifier import ClassifierSettings
from iin_core.examples.optimisation import POINTS, FitSettings, minimise, read_settings, seeded

DEFAULTS = FitSettings(updates=250, batch=4, learning_rate=0.05, weight_decay=0.0)


def test_settings_replace_defaults():
    """What is not given stays as it was, and the defaults themselves do not change."""
    read = read_settings(ClassifierSettings(), {"updates": 7, "invariance": 2})
    assert (read.updates, read.invariance, read.batch) == (7, 2, ClassifierSettings().batch)
    assert ClassifierSettings().updates != 7


def test_an_unknown_setting_is_refused_with_the_nearest_known():
    """A misspelt setting names the right one."""
    with pytest.raises(InputError, match=r"no setting 'update' of this fit(.|\n)*nearest: updates"):
        read_settings(DEFAULTS, {"update": 5})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("updates", 0),
        ("updates", 2.5),
        ("updates", True),
        ("batch", "8"),
        ("learning_rate", float("nan")),
        ("learning_rate", -1.0),
        ("weight_decay", None),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(name, value):
    """The message repeats the value and shows one that would do."""
    with pytest.raises(InputError, match=rf"Setting '{name}' of this fit is (.|\n)*such as"):
        read_settings(DEFAULTS, {name: value})


def test_a_seed_gives_the_weights_whatever_they_were():
    """Two models of one kind start a fit from the same weights, in training mode."""
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    with seeded(first, 5):
        assert first.training
    with seeded(second, 5):
        pass
    assert torch.equal(first.weight, second.weight)
    assert not first.training


def test_the_callers_random_numbers_are_left_alone():
    """What is drawn inside does not show outside."""
    model = nn.Linear(3, 2)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with seeded(model, 5):
        torch.rand(10)
    assert torch.equal(torch.rand(2), expected)


def test_a_loss_is_minimised_and_its_curve_told():
    """A convex loss falls to almost 0; a curve has at most so many points and ends at the end."""
    model = nn.Linear(2, 1)
    x = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    shares = []

    def losses(share):
        shares.append(share)
        return {"error": (model(x) - x.sum(1, keepdim=True)).square().mean()}

    curves = minimise(model, losses, DEFAULTS)
    assert curves["error"][-1] < 1e-3 < curves["error"][0]
    assert len(curves["update"]) == len(curves["error"]) <= POINTS
    assert curves["update"][-1] == DEFAULTS.updates
    assert shares == [update / DEFAULTS.updates for update in range(DEFAULTS.updates)]
