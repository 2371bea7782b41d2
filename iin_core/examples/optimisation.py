"""What the fits of the example networks share: strict settings, seeds, one loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from iin_core.errors import InputError, nearest

POINTS = 100
"""At most so many points a curve: each is the mean over as many updates as it stands for."""
_WARM_UP = 0.1


@dataclass(frozen=True)
class FitSettings:
    """What every fit can be told.

    Args:
        updates: of the optimizer.
        batch: things in an update: rows, or sources where each is presented twice.
        learning_rate: its peak; it rises over the first tenth, then falls as a cosine to 0.
        weight_decay: decoupled, as in AdamW.
    """

    updates: int
    batch: int
    learning_rate: float
    weight_decay: float


Settings = TypeVar("Settings", bound=FitSettings)


def read_settings(defaults: Settings, given: Mapping[str, Any]) -> Settings:
    """Replace the defaults by what was given, strictly.

    Raises:
        InputError: an unknown setting, or a value that is no positive number (updates and batch:
            no positive whole number).
    """
    known = {field.name: getattr(defaults, field.name) for field in fields(defaults)}
    for name, value in given.items():
        if name not in known:
            raise InputError(
                f"There is no setting {name!r} of this fit.",
                where=f"fit: {name}",
                fix=f"nearest: {nearest(str(name), list(known))}",
            )
        whole = isinstance(known[name], int)
        right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not right or not (0 < value < math.inf if whole else 0 <= value < math.inf):
            raise InputError(
                f"Setting {name!r} of this fit is {value!r}.",
                where=f"fit: {name}",
                fix=f"give a {'positive whole number' if whole else 'number that is not negative'}, "
                f"such as {known[name]}",
            )
    return type(defaults)(**{**known, **given})


@contextmanager
def seeded(model: nn.Module, seed: int) -> Iterator[None]:
    """Draw the model's weights anew from `seed`, and all that is drawn inside; evaluation mode after.

    The caller's random numbers are left as they were.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in model.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
        model.train()
        try:
            yield
        finally:
            model.eval()


def minimise(
    model: nn.Module, losses: Callable[[float], dict[str, Tensor]], settings: FitSettings
) -> dict[str, list[float]]:
    """Minimise the sum of the losses of one batch after another with AdamW.

    Args:
        model: whose parameters are moved.
        losses: share of the updates done, in [0, 1) → name → scalar, of the next batch.
        settings: of the optimizer.

    Returns:
        curves: name → values, and `update` → the last update of each point.
    """
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=settings.weight_decay, fused=True)
    every = math.ceil(settings.updates / POINTS)
    curves: dict[str, list[float]] = {"update": []}
    sums: dict[str, Tensor] = {}
    for update in range(settings.updates):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _share(update, settings.updates)
        parts = losses(update / settings.updates)
        optimizer.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        optimizer.step()
        sums = {name: sums.get(name, torch.zeros(())) + part.detach() for name, part in parts.items()}
        n = update % every + 1
        if n == every or update + 1 == settings.updates:
            curves["update"].append(update + 1)
            for name, total in sums.items():
                curves.setdefault(name, []).append(float(total) / n)
            sums = {}
    return curves


def _share(update: int, updates: int) -> float:
    """The learning rate at an update, as a share of its peak."""
    warm_up = max(1, round(_WARM_UP * updates))
    if update < warm_up:
        return (update + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (update - warm_up) / (updates - warm_up)))
