"""Network response: how far the output of a model moves when one factor of a layer is drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.errors import InputError
from iin_core.metrics.bootstrap import interval, source_means
from iin_core.metrics.score import Score
from iin_core.spec import EvaluationSpec

CLASS_STATISTICS = ("kl", "tv", "class_std")
VALUE_STATISTICS = ("distance",)
_DEFAULT = EvaluationSpec()
Outputs = ArrayLike | Tensor


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
        named = {name: getattr(self, name) for name in (*CLASS_STATISTICS, *VALUE_STATISTICS)}
        return {name: score for name, score in named.items() if score is not None}


def class_response(
    base: ArrayLike | Tensor,
    resampled: ArrayLike | Tensor,
    source: ArrayLike,
    spec: EvaluationSpec = _DEFAULT,
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
    if moved.shape[1] < 2:
        raise InputError(
            "A response needs at least two draws of the factor for each base.",
            where=f"resampled {tuple(moved.shape)}, the draws on its second axis",
            fix="draw the factor twice or more",
        )
    p, q = plain.log_softmax(-1)[:, None], moved.log_softmax(-1)
    rows = {
        "kl": (p.exp() * (p - q)).sum(-1).clamp_min(0).mean(1).numpy(),
        "tv": ((p.exp() - q.exp()).abs().sum(-1) / 2).mean(1).numpy(),
        "class_std": moved.argmax(-1).double().std(1).numpy(),
    }
    scores = _scores(rows, source, spec)
    return Response(scores["kl"], scores["tv"], scores["class_std"], None, rows)


def value_response(
    base: ArrayLike | Tensor,
    resampled: ArrayLike | Tensor,
    source: ArrayLike,
    spec: EvaluationSpec = _DEFAULT,
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
    spread = 2 * float(plain.var(0).sum())
    if not spread > 0:
        raise InputError(
            "The outputs of all bases are equal, so that no response can be told relative to their spread.",
            where=f"{len(plain)} outputs",
            fix="take a layer and an output that depend on the input",
        )
    rows = {"distance": ((moved - plain[:, None]).square().sum(-1).mean(1) / spread).numpy()}
    return Response(None, None, None, _scores(rows, source, spec)["distance"], rows)


def _scores(
    rows: dict[str, NDArray[np.float64]], source: ArrayLike, spec: EvaluationSpec
) -> dict[str, Score]:
    values = np.stack(list(rows.values()), 1)
    samples = source_means(values, source, np.zeros(len(values)), draws=spec.bootstrap, seed=spec.seed)
    return {
        name: Score(float(values[:, i].mean()), 0.0, None, *interval(samples[:, i]), n=len(values))
        for i, name in enumerate(rows)
    }


def _pair(base: Outputs, resampled: Outputs) -> tuple[Tensor, Tensor]:
    """Bases (n, D) and what became of them (n, draws, D), in double precision."""
    plain, moved = (torch.as_tensor(values).detach().double() for values in (base, resampled))
    if plain.ndim < 2 or moved.ndim < 3 or (moved.shape[0], *moved.shape[2:]) != tuple(plain.shape):
        raise InputError(
            "The outputs of a response do not belong together.",
            where=f"base {tuple(plain.shape)}, resampled {tuple(moved.shape)}",
            fix="give base (n, …) and resampled (n, draws, …) with outputs of one shape",
        )
    if not (plain.isfinite().all() and moved.isfinite().all()):
        raise InputError(
            "Outputs of the model are not finite after a factor was drawn anew.",
            where=f"{int((~moved.isfinite()).sum())} of {moved.numel()} values, "
            f"{int((~plain.isfinite()).sum())} of {plain.numel()} of the bases",
            fix="draw from other rows instead of the prior, or look at the layer's rows for broken inputs",
        )
    return plain.flatten(1), moved.flatten(2)
