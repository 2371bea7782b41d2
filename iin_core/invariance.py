"""What a layer cannot see: the conditional flow v = t(z̄ | z) between an autoencoder's code and a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.conditional_flow import ConditionalFlow
from iin_core.conditional_rows import GivenMap, fit_given
from iin_core.conditional_spec import ConditionalFlowSpec, conditional_training
from iin_core.embedding import SpatialEmbedding
from iin_core.errors import InputError
from iin_core.front import Front, fit_front
from iin_core.jobs import Job, noise_behind
from iin_core.objective import nll_per_dim
from iin_core.priors import plain
from iin_core.sampling import PairSampler
from iin_core.spec import TrainingSpec
from iin_core.training import train

_VALIDATION_SHARE = 0.15


class ConditionalInterpreter:
    """The bijection t between an autoencoder's code z̄ and v, given a layer's activation z.

    v ~ N(0, I), independent of z: all that z̄ says of the input beyond what z says, and nothing of that.
    Codes come and go as rows (n, N̄), activations as (n, N) or in the layer's own shape (n, …).

    Args:
        front: the fixed linear map in front of t.
        given: what is read of z; None: z as it is.
        flow: of one flow (K = 1).
        noise: (N̄,), the deviation of the noise on z̄ with which it was trained, see `noisy`.
        meta: where it comes from; anything that JSON can hold.

    Source: Rombach, Esser, Ommer, "Making Sense of CNNs", ECCV 2020 (2008.01777), section 3.1.
    """

    def __init__(
        self,
        front: Front,
        given: GivenMap | None,
        flow: ConditionalFlow,
        noise: Tensor,
        meta: Mapping[str, Any],
    ) -> None:
        self.front, self.given, self.noise = front, given, noise
        self.flow = flow.eval().requires_grad_(False)
        self.meta = dict(meta)

    @property
    def n_features(self) -> int:
        """N̄, the width of z̄."""
        return self.front.n_features

    @property
    def n_given(self) -> int:
        """N, the width of z."""
        return self.flow.n_given if self.given is None else self.given.n_features

    @property
    def n_dims(self) -> int:
        """The width of v."""
        return self.front.n_dims

    @property
    def blocks(self) -> Blocks:
        """The layout of v: one block."""
        return Blocks({RESIDUAL: self.n_dims})

    def encode(self, z_bar: ArrayLike | Tensor, *, given: ArrayLike | Tensor) -> Tensor:
        """v = t(z̄ | z): (n, N̄) and (n, N) to (n, d)."""
        return self.encode_with_log_det(z_bar, given=given)[0]

    def encode_with_log_det(
        self, z_bar: ArrayLike | Tensor, *, given: ArrayLike | Tensor
    ) -> tuple[Tensor, Tensor]:
        """v, (n, d), and log|det ∂t/∂z̄|, (n,), in nats."""
        rows = self.front.apply(_rows(z_bar, self.n_features, "z̄"))
        v, log_det = self.flow.move(rows[None], self._embedded(given, len(rows)))
        return v[0], log_det[0] + self.front.log_det

    def decode(
        self, v: ArrayLike | Tensor, *, given: ArrayLike | Tensor, like: ArrayLike | Tensor | None = None
    ) -> Tensor:
        """z̄ = t⁻¹(v | z): (n, d) and (n, N) to (n, N̄); `like`, (n, N̄), gives what the front leaves out."""
        rows = _rows(v, self.n_dims, "v")
        x = self.flow.move_back(rows[None], self._embedded(given, len(rows)))[0]
        return self.front.invert(x, None if like is None else _rows(like, self.n_features, "z̄"))

    def noisy(self, z_bar: ArrayLike | Tensor, seed: int = 0) -> Tensor:
        """Codes, (n, N̄), with the noise of the training: those whose v is N(0, I) and independent of z.

        The code of an encoder without noise of its own is partly determined by the layer, and has no
        density given the layer; what is left of it in v without noise is how t errs, which z tells. The
        published autoencoders draw their codes, which is noise already.
        """
        rows = _rows(z_bar, self.n_features, "z̄")
        drawn = torch.randn(rows.shape, generator=torch.Generator().manual_seed(seed))
        return rows + self.noise * drawn

    def sample(self, *, given: ArrayLike | Tensor, n: int = 1, seed: int = 0) -> Tensor:
        """Draw n codes z̄ for each activation, (n_rows, n, N̄): all that look the same to the layer."""
        embedding = self.embed(given)
        v = torch.randn(
            len(embedding), n, self.n_dims, generator=torch.Generator().manual_seed(seed)
        ).flatten(0, 1)
        x = self.flow.move_back(v[None], embedding.repeat_interleave(n, 0)[None])[0]
        drawn: Tensor = self.front.invert(x).unflatten(0, (-1, n))
        return drawn

    def embed(self, given: ArrayLike | Tensor) -> Tensor:
        """What the couplings read of z: (n, N) to (n, E)."""
        z = torch.as_tensor(given).float()
        if isinstance(self.flow.embedding, SpatialEmbedding) and z.ndim == 4:
            return self.flow.embedding.of_maps(z)
        z = _rows(z.flatten(1), self.n_given, "z")
        embedded: Tensor = self.flow.embedding((z if self.given is None else self.given.apply(z))[None])
        return embedded[0]

    def log_prob(self, z_bar: ArrayLike | Tensor, *, given: ArrayLike | Tensor) -> Tensor:
        """log p(z̄ | z), (n,), nats."""
        v, log_det = self.encode_with_log_det(z_bar, given=given)
        return log_det - 0.5 * v.square().sum(1) - 0.5 * self.n_dims * float(np.log(2 * np.pi))

    def nll_per_dim(self, z_bar: ArrayLike | Tensor, *, given: ArrayLike | Tensor) -> Tensor:
        """½‖v‖² − log|det ∂t/∂z̄| of each row, (n,), nats per dimension, ½·log 2π left out."""
        return nll_per_dim(*self.encode_with_log_det(z_bar, given=given))

    def save(self, folder: str | Path) -> None:
        """Write it as JSON and safetensors into a folder, which is made."""
        from iin_core.invariance_file import save

        save(self, Path(folder))

    @staticmethod
    def load(folder: str | Path) -> ConditionalInterpreter:
        """Read what `save` wrote.

        Raises:
            CheckpointError: the folder does not hold one, or one of a newer version.
        """
        from iin_core.invariance_file import load

        return load(Path(folder))

    def _embedded(self, given: ArrayLike | Tensor, n_rows: int) -> Tensor:
        embedding = self.embed(given)
        if len(embedding) != n_rows:
            raise InputError(
                f"There are {n_rows} codes and {len(embedding)} activations.",
                fix="give the layer's activation of the same inputs, row by row",
            )
        return embedding[None]


def fit_invariance(
    z_bar: ArrayLike | Tensor,
    z: ArrayLike | Tensor,
    *,
    source: ArrayLike | None = None,
    seed: int = 0,
    flow: ConditionalFlowSpec | None = None,
    training: TrainingSpec | None = None,
) -> ConditionalInterpreter:
    """Train v = t(z̄ | z) by E[½‖v‖² − log|det ∂t/∂z̄|].

    Args:
        z_bar: (n, N̄), the autoencoder's code of each input, finite, N̄ even.
        z: (n, N) or (n, …), the layer's activation of the same inputs.
        source: (n,), which source example each row comes from; each row its own when left out.
        seed: of the split, the network's start, the batches and the noise.
        flow, training: settings other than the defaults.

    Returns:
        An interpreter; 15 % of the sources are held back for validation and stand, with the curves'
        last values, in its `meta`.

    Raises:
        InputError: rows that are not finite or do not belong together, fewer than two sources, odd N̄.
        DivergedError: training did not stay finite.

    Source: Rombach et al., ECCV 2020 (2008.01777), equations 3 to 6.
    """
    spec, training = flow or ConditionalFlowSpec(), training or conditional_training()
    codes, given, of_row = _checked(z_bar, z, source)
    kept, held_back = _hold_back(of_row, seed)
    front = fit_front(codes[kept], spec, source=of_row[kept.numpy()])
    reduced = fit_given(given[kept], spec.given_dims)
    job = _job(front, reduced, (codes, given), (kept, held_back), seed)
    [trained] = train([job], spec, training)
    if trained.failure is not None:
        raise trained.failure
    assert isinstance(trained.flow, ConditionalFlow)
    told = trained.curves.iloc[trained.kept]
    meta = {
        "seed": seed,
        "training": training.model_dump(mode="json"),
        "explained": front.explained,
        "given_explained": reduced.explained,
        "nll_train": float(told["nll_train"]),
        "nll_validation": float(told["nll_validation"]),
        "updates": trained.updates,
        "validation_sources": [plain(value) for value in np.unique(of_row[held_back.numpy()])],
    }
    noise = training.noise * codes[kept].std(0)
    return ConditionalInterpreter(front, reduced, trained.flow, noise, meta)


def _job(
    front: Front,
    given: GivenMap,
    rows: tuple[Tensor, Tensor],
    split: tuple[Tensor, Tensor],
    seed: int,
) -> Job:
    x = torch.cat((front.apply(rows[0]), given.apply(rows[1])), 1)
    blocks = Blocks({RESIDUAL: front.n_dims})
    kept, held_back = split
    noise = noise_behind(front, rows[0][kept].std(0))
    job = Job(x[kept], x[held_back], noise, PairSampler((), (), len(kept), 1), blocks, seed)
    # z gets no noise: the layer is what it is.
    beside = torch.zeros(front.n_dims, given.n_dims)
    return replace(job, noise=torch.cat((noise, beside), 1), n_given=given.n_dims)


def _checked(
    z_bar: ArrayLike | Tensor, z: ArrayLike | Tensor, source: ArrayLike | None
) -> tuple[Tensor, Tensor, np.ndarray]:
    codes = torch.as_tensor(z_bar).float()
    given = torch.as_tensor(z).float().flatten(1)
    codes = _rows(codes, codes.shape[-1], "z̄")
    of_row = np.arange(len(codes)) if source is None else np.asarray(source)
    if not len(codes) == len(given) == len(of_row):
        raise InputError(
            f"There are {len(codes)} codes, {len(given)} activations and {len(of_row)} sources.",
            fix="give all three of the same inputs, row by row",
        )
    for name, rows in (("z̄", codes), ("z", given)):
        bad = (~torch.isfinite(rows)).any(1)
        if bool(bad.any()):
            raise InputError(
                f"{int(bad.sum())} rows of {name} are not finite.",
                where=f"rows {bad.nonzero()[:5, 0].tolist()}",
                fix="look at what the network gives for these inputs, or leave them out",
            )
    return codes, given, of_row


def _hold_back(source: np.ndarray, seed: int) -> tuple[Tensor, Tensor]:
    values, code = np.unique(source, return_inverse=True)
    if len(values) < 2:
        raise InputError(
            "All rows come from one source.", where="source", fix="give rows of two sources or more"
        )
    n_held = max(1, round(_VALIDATION_SHARE * len(values)))
    held = np.isin(code, np.random.default_rng(seed).permutation(len(values))[:n_held])
    return torch.from_numpy(np.flatnonzero(~held)), torch.from_numpy(np.flatnonzero(held))


def _rows(rows: ArrayLike | Tensor, width: int, name: str) -> Tensor:
    tensor = torch.as_tensor(rows).float()
    if tensor.ndim != 2 or tensor.shape[1] != width:
        raise InputError(
            f"Rows of {name} have the shape (n, {width}), these have {tuple(tensor.shape)}.",
            fix="give one row an example, of the layer and the autoencoder that it was fitted on",
        )
    return tensor
