"""What keeps an IIN that diverges from spoiling itself at once, and its neighbours at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

STRIKES = 10
"""Updates without a finite loss and gradient after which an IIN has failed."""
_NEVER = -1


class Guard:
    """Looks at loss and gradient of each IIN, on the device: nothing here waits for it.

    An update that is not finite is skipped for that IIN alone and halves its learning rate from
    then on; the tenth one ends its training.

    Attributes:
        factor: of the learning rate, (K,).
        strikes: updates that were not finite, (K,).
        first: the first of them, from 1, (K,); -1 where there is none.
        failed: the one that ended the training, from 1, (K,); -1 while it goes on.
    """

    def __init__(self, stack: int, device: torch.device) -> None:
        self.factor = torch.ones(stack, device=device)
        self.strikes = torch.zeros(stack, dtype=torch.long, device=device)
        self.first = torch.full((stack,), _NEVER, device=device)
        self.failed = torch.full((stack,), _NEVER, device=device)

    def look(self, update: int, signs: Tensor) -> Tensor:
        """Which IINs may move.

        Args:
            update: counted from 0.
            signs: a number for each IIN that is finite if its loss and gradient are, (K,).
        """
        finite = signs.isfinite() | (self.failed >= 0)
        self.factor = torch.where(finite, self.factor, self.factor / 2)
        self.strikes = self.strikes + ~finite
        self.first = torch.where((self.strikes == 1) & ~finite, update + 1, self.first)
        ends = (self.strikes == STRIKES) & ~finite
        self.failed = torch.where(ends, update + 1, self.failed)
        return finite & (self.failed < 0)

    def state(self, k: int) -> dict[str, Tensor]:
        """What is known of the k-th IIN."""
        return {name: value[k].clone() for name, value in vars(self).items()}

    def load(self, k: int, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        for name, value in vars(self).items():
            value[k] = state[name]


def clip(gradients: Sequence[list[Tensor]], norm: float) -> None:
    """Shrink each IIN's gradient that is longer than `norm` to that length.

    One IIN after the other, so that the sums do not depend on how many there are.
    """
    for own in gradients:
        length = torch.stack(torch._foreach_norm(own)).square().sum().sqrt()
        factor = (norm / length.clamp_min(torch.finfo(torch.float32).tiny)).clamp_max(1)
        torch._foreach_mul_(own, factor)
