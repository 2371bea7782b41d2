"""An interpreter: a trained IIN with which the concepts in an activation are read and changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from iin_core.blocks import Blocks
from iin_core.errors import InputError, nearest
from iin_core.flow import NormalizingFlow
from iin_core.front import Front
from iin_core.given_rows import given_rows
from iin_core.objective import nll_per_dim
from iin_core.priors import ClassPrior, Label, Prior, class_labels

if TYPE_CHECKING:
    from iin_core.attached import Edits
    from iin_core.spec import ReadingSpec
    from iin_core.walks import Interpolation, Space, Steps, Walk


class Interpreter:
    """The bijection T between an activation z and its factors z̃, with the priors of the blocks.

    Rows come and go as (n, N) in the order of the layer's features; factors as (n, d) in the order
    of `blocks`. d is N, unless the layer is wider than the flow's front keeps (see `Front`): then
    what the front leaves out is taken from `like`, or from the row that is edited. Rows and codes of another
    shape, or that are not finite, are refused (`InputError`).

    Args:
        front: the fixed linear map in front of the flow.
        flow: a flow of one IIN (K = 1).
        blocks: the layout of z̃.
        priors: one for each block.
        meta: where the interpreter comes from; anything that JSON can hold.

    Source: paper, section 3.
    """

    def __init__(
        self,
        front: Front,
        flow: NormalizingFlow,
        blocks: Blocks,
        priors: Mapping[str, Prior],
        meta: Mapping[str, Any],
    ) -> None:
        self.front = front
        self.flow = flow.eval().requires_grad_(False)
        self.blocks = blocks
        self.priors = dict(priors)
        self.meta = dict(meta)

    @property
    def n_features(self) -> int:
        """N, the width of the layer."""
        return self.front.n_features

    @property
    def labels(self) -> dict[str, list[Label]]:
        """For each labelled concept the values of its classes."""
        return {name: list(class_labels(p)) for name, p in self.priors.items() if class_labels(p)}

    def encode(self, z: ArrayLike | Tensor) -> Tensor:
        """z̃ = T(z): (n, N) to (n, d)."""
        return self.encode_with_log_det(z)[0]

    def encode_with_log_det(self, z: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
        """z̃ = T(z), (n, d), and log|det T'(z)|, (n,), in nats."""
        z_tilde, log_det = self.flow(self.front.apply(given_rows(z, self.n_features))[None])
        return z_tilde[0], log_det[0] + self.front.log_det

    def decode(self, z_tilde: ArrayLike | Tensor, like: ArrayLike | Tensor | None = None) -> Tensor:
        """z = T⁻¹(z̃): (n, d) to (n, N); `like`, (n, N), gives what the front leaves untouched."""
        x = self.flow.inverse(given_rows(z_tilde, self.blocks.n_dims)[None])[0]
        return self.front.invert(x, None if like is None else given_rows(like, self.n_features))

    def log_prob(self, z: ArrayLike | Tensor) -> Tensor:
        """Log-density of rows under the blocks' own priors, (n,), nats."""
        z_tilde, log_det = self.encode_with_log_det(z)
        blocks = (self.priors[name].log_prob(z_tilde[:, place]) for name, place in self.blocks.items())
        return sum(blocks, start=log_det)

    def nll_per_dim(self, z: ArrayLike | Tensor) -> Tensor:
        """Negative log-likelihood under z̃ ~ N(0, I), (n,), nats per dimension, ½·log 2π left out."""
        return nll_per_dim(*self.encode_with_log_det(z))

    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Draw n activations, (n, N), from the priors of the blocks.

        Raises:
            InputError: n is less than 1.
        """
        if n < 1:
            raise InputError(f"{n} activations cannot be drawn.", fix="n is 1 or more")
        generator = torch.Generator().manual_seed(seed)
        return self.decode(torch.cat([prior.sample(n, generator) for prior in self._ordered()], 1))

    def swap(
        self, base: ArrayLike | Tensor, source: ArrayLike | Tensor, factor: str | Sequence[str]
    ) -> Tensor:
        """The rows `base`, (n, N), with the given factors of the rows `source`, (n, N)."""
        z = given_rows(base, self.n_features)
        z_tilde, donor = self.encode(z), self.encode(source)
        if len(donor) != len(z):
            raise InputError(
                f"A swap needs as many base rows as source rows; there are {len(z)} and {len(donor)}.",
                fix="give each base its donor; repeat rows where several share one",
            )
        edited = z_tilde.clone()
        for name in [factor] if isinstance(factor, str) else factor:
            edited[:, self._place(name)] = donor[:, self._place(name)]
        return self._changed(z, z_tilde, edited)

    def resample(
        self, z: ArrayLike | Tensor, factor: str, seed: int = 0, *, to: Label | None = None
    ) -> Tensor:
        """The rows z, (n, N), with one factor drawn anew: from its prior, or from that of the class `to`.

        Raises:
            InputError: no such factor or class, or a factor without classes.
        """
        z = given_rows(z, self.n_features)
        z_tilde = self.encode(z)
        edited = z_tilde.clone()
        generator = torch.Generator().manual_seed(seed)
        prior = self.priors[self._name(factor)]
        if to is None:
            drawn = prior.sample(len(z), generator)
        elif isinstance(prior, ClassPrior):
            drawn = prior.drawn(to, len(z), generator)
        else:
            raise InputError(
                f"The factor {factor!r} has no classes, so that none can be drawn from {to!r}.",
                fix="leave out `to`, or name a concept given by labels",
            )
        edited[:, self._place(factor)] = drawn.to(z)
        return self._changed(z, z_tilde, edited)

    def edit(self, z: ArrayLike | Tensor, factor: str, to: Label, *, strength: float = 1.0) -> Tensor:
        """The rows z, (n, N), with one concept moved towards the label or the number `to`.

        The block moves along the straight line in z̃ from its own (nearest) class mean to the mean of
        `to`, or along the readout of a number; all other blocks stay.

        Args:
            z: (n, N).
            factor: a concept with labels or numbers.
            to: the label or number.
            strength: 0 leaves the rows as they are, 1 sets the concept, beyond 1 overdoes it.

        Raises:
            InputError: no such factor or label, or a factor that has neither labels nor numbers.
        """
        z = given_rows(z, self.n_features)
        z_tilde = self.encode(z)
        edited = z_tilde.clone()
        prior = self.priors[self._name(factor)]
        edited[:, self._place(factor)] = prior.edited(z_tilde[:, self._place(factor)], to, strength)
        return self._changed(z, z_tilde, edited)

    def walk(
        self, z: ArrayLike | Tensor, factor: str, steps: int, seed: int = 0, how: Steps | None = None
    ) -> Walk:
        """Walk inside one factor from rows z, (n, N), its prior being where the walk stays.

        Args:
            z: where it starts.
            factor: the block that walks; all else is kept.
            steps: how many.
            seed: of the walk.
            how: size of steps, chance of another class, method; see `iin_core.walks.Steps`.

        Source: paper, section 4.3; see `iin_core.walks.walk_block`.
        """
        from iin_core.walks import walk

        return walk(self, given_rows(z, self.n_features), self._name(factor), (steps, seed), how)

    def interpolate(
        self, z_a: ArrayLike | Tensor, z_b: ArrayLike | Tensor, steps: int, space: Space = "code"
    ) -> Interpolation:
        """Straight lines from rows z_a to rows z_b, (n, N), in z̃ (`code`) or in z (`activation`).

        What a front leaves out of z̃ goes along a straight line in both.

        Args:
            z_a, z_b: both ends.
            steps: points of each line, the ends included.
            space: where the line is straight.

        Source: paper, section 4.2.
        """
        from iin_core.walks import interpolate

        start, end = given_rows(z_a, self.n_features), given_rows(z_b, self.n_features)
        return interpolate(self, start, end, steps, space)

    def attached(
        self, model: nn.Module, *, layer: str | Sequence[str], reading: ReadingSpec | None = None
    ) -> AbstractContextManager[Edits]:
        """Re-insert edited activations into a running model; see `iin_core.attached.attached`."""
        from iin_core.attached import attached

        return attached(self, model, layer, reading)

    def save(self, folder: str | Path) -> None:
        """Write the interpreter as JSON and safetensors into a folder, which is made."""
        from iin_core.interpreter_file import save

        save(self, Path(folder))

    @staticmethod
    def load(folder: str | Path) -> Interpreter:
        """Read an interpreter that `save` wrote.

        Raises:
            CheckpointError: the folder does not hold one, or one of a newer version.
        """
        from iin_core.interpreter_file import load

        return load(Path(folder))

    def _changed(self, z: Tensor, z_tilde: Tensor, edited: Tensor) -> Tensor:
        """z + T⁻¹(edited) − T⁻¹(z̃): exactly z where nothing was edited."""
        return z + (self.decode(edited, like=z) - self.decode(z_tilde, like=z))

    def _name(self, factor: str) -> str:
        if factor not in self.blocks:
            raise InputError(
                f"The interpreter has no factor {factor!r}.",
                fix=f"its factors: {nearest(factor, list(self.blocks), n=10)}",
            )
        return factor

    def _place(self, factor: str) -> slice:
        return self.blocks[self._name(factor)]

    def _ordered(self) -> list[Prior]:
        return [self.priors[name] for name in self.blocks]
