"""Readings of sequences: a token, the mean of all or of a span, or each token a row; never padding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from iin_core.errors import InputError
from iin_core.reading_checks import added, check_activation, check_delta
from iin_core.reading_entries import Entries, drawn, fitting_mask
from iin_core.reading_inputs import real_tokens, refuse_outside, spans

Which = Literal["cls", "last", "mean", "each", "at"]


@dataclass(frozen=True)
class Token:
    """Tokens of a sequence ``(n, T, D)``: the first (cls), the last, the mean of all, each, or those named.

    Where the model's inputs tell padding, the first and last are those that are not padding, means leave
    padding out, and edits leave it as it is.

    Attributes:
        which: see above; `at` reads the token, or the mean of the span, that the data names.
        at: names of columns or inputs, see `iin_core.reading_inputs.spans`.
        mask: the input (n, T) that is 0 at padding; None: `attention_mask` if there is one.
        sample, seed: of `each`, as of `Position`.
        real, span: of one batch, see `bound`.
    """

    which: Which
    at: tuple[str, ...] = ()
    mask: str | None = None
    sample: int | None = None
    seed: int = 0
    real: Tensor | None = field(default=None, compare=False, repr=False)
    span: Tensor | None = field(default=None, compare=False, repr=False)
    lossless: bool = False
    editable: bool = True

    @property
    def name(self) -> str:
        """``token: cls``, ``token: last``, ``token: mean``, ``token: each`` or ``token: at column``."""
        return " ".join((f"token: {self.which}", ":".join(self.at))).strip()

    @property
    def anywhere(self) -> Token:
        """The same where no data is at hand: of `at`, the first token."""
        return replace(self, which="cls", at=()) if self.which == "at" else self

    def bound(self, inputs: Mapping[str, Any]) -> Token:
        """With the padding and the named tokens of a batch.

        Raises:
            InputError: see `real_tokens` and `spans`.
        """
        real = real_tokens(inputs, self.mask)
        counts = None if real is None else real.sum(1)
        span = spans(inputs, self.at, counts) if self.which == "at" else None
        return replace(self, real=real, span=span)

    def rows(self, activation: Tensor) -> Tensor:
        """Read ``(n, T, D)`` as ``(n, D)``, or with `each` as ``(m, D)``, example by example."""
        check_activation(activation, self.name, activation.dim() == 3, "(n, tokens, D)")
        if self.which == "each":
            return self.entries(activation).rows(activation)
        if self.which == "mean" and self.real is None:
            return activation.float().mean(1)
        chosen = self._chosen(activation)
        if self.which in ("cls", "last"):
            n, place = len(activation), chosen.to(torch.int8).argmax(1)
            return activation[torch.arange(n, device=place.device), place].float()
        read = torch.where(chosen[..., None], activation.float(), 0.0).sum(1)
        return read / chosen.sum(1, keepdim=True)

    def add(self, activation: Tensor, delta_rows: Tensor) -> Tensor:
        """Change the tokens that are read and no other; those of a mean all alike."""
        check_activation(activation, self.name, activation.dim() == 3, "(n, tokens, D)")
        if self.which == "each":
            return self.entries(activation).add(activation, delta_rows)
        check_delta(delta_rows, (len(activation), activation.shape[2]), self)
        delta = delta_rows.to(activation.device)[:, None]
        return added(activation, torch.where(self._chosen(activation)[..., None], delta, 0.0))

    def entries(self, activation: Tensor) -> Entries:
        """Which tokens `each` reads of such an activation."""
        n, n_tokens = activation.shape[:2]
        counts = np.full(n, n_tokens, np.int64) if self.real is None else self.real.sum(1).cpu().numpy()
        example, place = drawn(counts, self.sample, self.seed)
        return Entries("token", torch.from_numpy(example), torch.from_numpy(place), real=self.real)

    def _chosen(self, activation: Tensor) -> Tensor:
        """The tokens of each example that its row is made of, (n, T) bool."""
        n, n_tokens = activation.shape[:2]
        real = torch.ones(n, n_tokens, dtype=torch.bool, device=activation.device)
        real = real if self.real is None else fitting_mask(self.real, activation)
        place = real.cumsum(1) - 1
        if self.which == "mean":
            return real
        if self.which == "cls":
            return real & (place == 0)
        if self.which == "last":
            return real & (place == place[:, -1:])
        if self.span is None:
            raise InputError(
                f"The reading {self.name!r} was not told where its token stands.",
                fix="read it with the data's columns beside the inputs: capture(…, beside={column: values})",
            )
        span = self.span.to(activation.device)
        refuse_outside(span, real.sum(1), self.at)
        return real & (place >= span[:, :1]) & (place < span[:, 1:])
