"""The learning rate of each update: a rise, a level stretch, a fall."""

from __future__ import annotations

import math

from iin_core.spec import TrainingSpec


def learning_rate(update: int, spec: TrainingSpec) -> float:
    """The learning rate of an update, counted from 0.

    It rises in a line over the warm-up, stays at its full height for the rest of the share `hold` of
    all updates, and then falls to 0: as a cosine, in a line, or (constant) not at all.
    """
    warm = max(1, round(spec.warmup * spec.updates))
    if update < warm:
        return spec.learning_rate * (update + 1) / warm
    level = max(warm, round(spec.hold * spec.updates))
    if update < level or spec.schedule == "constant":
        return spec.learning_rate
    progress = (update - level) / max(1, spec.updates - level)
    if spec.schedule == "linear":
        return spec.learning_rate * (1 - progress)
    return spec.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
