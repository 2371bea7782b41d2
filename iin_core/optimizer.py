"""AdamW for a stack of IINs: each has a rate of its own and may sit an update out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from iin_core.huge_pages import huge_zeros
from iin_core.updates import FlatParameters

_EPSILON = 1e-8


class StackedAdamW:
    """One fused call an IIN over its parts of the flat buffer; rates and skips stay on the device.

    What sits an update out keeps its parameters, its moments and its count of updates.

    Args:
        parameters: of K stacked IINs.
        betas, weight_decay: of AdamW.
    """

    def __init__(
        self, parameters: FlatParameters, stack: int, betas: tuple[float, float], weight_decay: float
    ) -> None:
        self._betas, self._weight_decay = betas, weight_decay
        flat = parameters.flat.detach()
        buffers = (flat, parameters.gradient, *(huge_zeros(flat.shape, like=flat) for _ in range(2)))
        self._values, self._gradients, self._first, self._second = (
            [[buffer]] if stack == 1 else [parameters.pieces(buffer, k) for k in range(stack)]
            for buffer in buffers
        )
        self._counts = [torch.zeros((), device=flat.device) for _ in range(stack)]

    def step(self, rates: Tensor, skip: Tensor) -> None:
        """Move every IIN but those that skip.

        Args:
            rates: learning rates, (K,).
            skip: 1 for those that sit this update out, else 0; float (K,).
        """
        torch._foreach_add_(self._counts, list((1 - skip).unbind()))
        moments = zip(self._values, self._gradients, self._first, self._second, self._counts, strict=True)
        for own, rate, skips in zip(moments, rates.unbind(), skip.unbind(), strict=True):
            values, gradients, first, second, count = own
            torch._fused_adamw_(
                values,
                gradients,
                first,
                second,
                [],
                [count] * len(values),
                lr=rate,
                beta1=self._betas[0],
                beta2=self._betas[1],
                weight_decay=self._weight_decay,
                eps=_EPSILON,
                amsgrad=False,
                maximize=False,
                found_inf=skips,
            )

    def state(self, k: int) -> dict[str, Tensor]:
        """The moments and the count of the k-th IIN, in copies."""
        return {
            "first": torch.cat(self._first[k]),
            "second": torch.cat(self._second[k]),
            "count": self._counts[k].clone(),
        }

    def load(self, k: int, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        for parts, name in ((self._first[k], "first"), (self._second[k], "second")):
            for part, values in zip(parts, state[name].split([len(p) for p in parts]), strict=True):
                part.copy_(values)
        self._counts[k].copy_(state["count"])
