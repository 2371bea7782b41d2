"""Network response: how far the output of a model moves when one factor of a layer is drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.errors import InputError
from iin_core.metrics.bootstrap import interval, source_means
from iin_core.metrics.score import Score
from iin_core.spec import EvaluationSpec

_DEFAULT = EvaluationSpec()
Outputs = ArrayLike | Tensor
Columns = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Response:
    """How far an output moves, averaged over bases; which statistics there are depends on the output.

    Args:
        kl: expected KL divergence of the moved from the base's distribution, nats.
        tv: expected total variation between the two, in [0, 1].
        class_std: the paper's statistic, kept for history: the standard deviation of the predicted
            class *index*. It depends on the order of labels, and for ten it cannot pass 2.87 by much.
        distance: for outputs that are no logits: expected squared distance, relative to that of the
            outputs of two rows at random. 0: nothing moved; 1: as far as another row is.
        rows: statistic → (n,) of each base, averaged over its draws.
    """

    kl: Score | None
    tv: Score | None
    class_std: Score | None
    distance: Score | None
    rows: dict[str, NDArray[np.float64]]

    @property
    def scores(self) -> dict[str, Score]:
        """Statistic → score, those that there are."""
        named = {"kl": self.kl, "tv": self.tv, "class_std": self.class_std, "distance": self.distance}
        return {name: score for name, score in named.items() if score is not None}


def class_response(
    base: Outputs, resampled: Outputs, source: ArrayLike, spec: EvaluationSpec = _DEFAULT
) -> Response:
    """Response of a distribution over classes, or over next tokens, given by logits.

    With p of a base and q of the same base with one factor drawn anew: KL = Σ p·(log p − log q), TV =
    ½ Σ |p − q|, each averaged over draws, then over bases. `class_std` is the standard deviation of
    argmax q over the draws of a base (unbiased variance), averaged over bases. Intervals are over
    sources; that a base has few draws is in them, since every base has its own.

    Args:
        base: (n, C) logits of the bases.
        resampled: (n, draws, C) logits after the factor was drawn anew.
        source: (n,) source of each base.
        spec: `bootstrap` and `seed`.

    Raises:
        InputError: shapes that do not belong together, fewer than two draws, or values not finite.

    Source: Esser et al., CVPR 2020, section 4.3, for the standard deviation of the class.
    """
    plain, moved = _pair(base, resampled)
    return summarise(_by_draw(class_movement, plain, moved), source, spec)


def value_response(
    base: Outputs, resampled: Outputs, source: ArrayLike, spec: EvaluationSpec = _DEFAULT
) -> Response:
    """Response of an output that is no distribution: an image, a vector.

    E‖y′ − y‖² over draws and bases, divided by 2·Σ_i Var(y_i) over the bases, which is what it would be
    for the outputs of two rows at random. The divisor is taken as known: intervals are those of the
    dividend.

    Args:
        base: (n, …) outputs of the bases.
        resampled: (n, draws, …) outputs after the factor was drawn anew.
        source: (n,) source of each base.
        spec: `bootstrap` and `seed`.

    Raises:
        InputError: shapes that do not belong together, values not finite, or outputs that are all equal.
    """
    plain, moved = _pair(base, resampled)
    found = _by_draw(value_movement, plain, moved)
    return summarise({"distance": found["squared"] / spread(plain)}, source, spec)


def class_movement(base: Tensor, moved: Tensor) -> Columns:
    """KL and TV of each pair of logits (m, C), and the class that the moved ones say: columns (m,)."""
    p, q = (_finite(logits).log_softmax(-1) for logits in (base, moved))
    return {
        "kl": (p.exp() * (p - q)).sum(-1).clamp_min(0).numpy(),
        "tv": ((p.exp() - q.exp()).abs().sum(-1) / 2).numpy(),
        "class": moved.argmax(-1).double().numpy(),
    }


def value_movement(base: Tensor, moved: Tensor) -> Columns:
    """Squared distance of each pair of outputs (m, …): one column (m,)."""
    return {"squared": (_finite(moved) - _finite(base)).reshape(len(base), -1).square().sum(1).numpy()}


def spread(base: Outputs) -> float:
    """2·Σ_i Var(y_i) of outputs (n, …): the mean squared distance of two of them.

    Raises:
        InputError: the outputs are all equal.
    """
    outputs = torch.as_tensor(base).double()
    outputs = outputs.reshape(len(outputs), -1)
    found = 2 * float(outputs.var(0).sum()) if len(outputs) > 1 else 0.0
    if not found > 0:
        raise InputError(
            "The outputs of all bases are equal, so that no response can be told relative to their spread.",
            where=f"{len(outputs)} outputs",
            fix="take a layer and an output that depend on the input",
        )
    return found


def summarise(moved: Columns, source: ArrayLike, spec: EvaluationSpec = _DEFAULT) -> Response:
    """The response of movements that were measured pair by pair.

    Args:
        moved: columns (n, draws): "kl", "tv" and "class", or "distance".
        source: (n,) source of each base.
        spec: `bootstrap` and `seed`.

    Raises:
        InputError: fewer than two draws.
    """
    if min(values.shape[1] for values in moved.values()) < 2:
        raise InputError(
            "A response needs at least two draws of the factor for each base.",
            where=f"draws of {', '.join(moved)}: {next(iter(moved.values())).shape[1]}",
            fix="draw the factor twice or more",
        )
    rows = {name: values.mean(1) for name, values in moved.items() if name != "class"}
    if "class" in moved:
        rows["class_std"] = moved["class"].std(1, ddof=1)
    values = np.stack(list(rows.values()), 1)
    samples = source_means(values, source, draws=spec.bootstrap, seed=spec.seed)
    scores = {
        name: Score(float(values[:, i].mean()), 0.0, None, *interval(samples[:, i]), n=len(values))
        for i, name in enumerate(rows)
    }
    get = scores.get
    return Response(get("kl"), get("tv"), get("class_std"), get("distance"), rows)


def _by_draw(measure: Callable[[Tensor, Tensor], Columns], plain: Tensor, moved: Tensor) -> Columns:
    draws = moved.shape[1]
    found = measure(plain.repeat_interleave(draws, 0), moved.flatten(0, 1))
    return {name: column.reshape(len(plain), draws) for name, column in found.items()}


def _pair(base: Outputs, resampled: Outputs) -> tuple[Tensor, Tensor]:
    """Bases (n, D) and what became of them (n, draws, D)."""
    plain, moved = (torch.as_tensor(values).detach() for values in (base, resampled))
    if plain.ndim < 2 or moved.ndim < 3 or (moved.shape[0], *moved.shape[2:]) != tuple(plain.shape):
        raise InputError(
            "The outputs of a response do not belong together.",
            where=f"base {tuple(plain.shape)}, resampled {tuple(moved.shape)}",
            fix="give base (n, …) and resampled (n, draws, …) with outputs of one shape",
        )
    return plain.flatten(1), moved.flatten(2)


def _finite(outputs: Tensor) -> Tensor:
    """In double precision."""
    bad = int((~outputs.isfinite()).sum())
    if bad:
        raise InputError(
            "Outputs of the model are not finite after a factor was drawn anew.",
            where=f"{bad} of {outputs.numel()} values",
            fix="draw from other rows instead of the prior, or look at the layer's rows for broken inputs",
        )
    return outputs.double()
