"""Distributed alignment search: a learned rotation whose subspaces a reader takes for the concepts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from iin_core.baselines.linear import LinearFactorisation, frame, linear_factorisation, span_of_means
from iin_core.baselines.readout import Readout, fit_readout, labelled_cross_entropy
from iin_core.blocks import RESIDUAL
from iin_core.errors import InputError
from iin_core.metrics.labels import class_indices


@dataclass(frozen=True)
class DasSettings:
    """How the rotation is learned.

    Args:
        updates: of Adam; the learning rate falls to 0 as a cosine.
        batch: pairs in an update; each is exchanged once for every concept.
        learning_rate: of Adam, for the whitened basis.
        seed: of the start and of the pairs.
    """

    updates: int = 400
    batch: int = 256
    learning_rate: float = 1e-2
    seed: int = 0


_DEFAULT = DasSettings()


@dataclass(frozen=True)
class _Search:
    """Whitened rows y (n, d), their z (n, N), the way back (d, N), targets (n, concepts), dims, a reader."""

    y: Tensor
    z: Tensor
    back: Tensor
    targets: Tensor
    dims: dict[str, int]
    readout: Readout


def das(
    z: ArrayLike | Tensor,
    concepts: Mapping[str, ArrayLike],
    dims: Mapping[str, int] | None = None,
    readout: Readout | None = None,
    settings: DasSettings = _DEFAULT,
) -> LinearFactorisation:
    """Orthogonal subspaces of whitened z, one a concept, learned by interchange on training rows.

    Block k is y Q_k with y the whitened z and Q = [Q_0, Q_1, …] orthogonal. For random pairs of a
    base and a donor the donor's block k is put into the base, y_b + (y_d − y_b) Q_k Q_kᵀ, and Q
    minimises the cross-entropy of a fixed reader of z: the donor's concept k, and the base's other
    concepts. The search starts at the discriminants of the concepts, filled up by random directions.
    Only the reader is looked at, so a block may work through a path that the data do not use:
    leakage tells.

    Args:
        z: (n, N) *training* rows.
        concepts: name → (n,) labels; None, NaN and NA are left out of the loss.
        dims: concept → dimensions of its block, the residual has the rest; C − 1 each when None.
        readout: what reads z, such as the network's own head behind the layer; None fits a small
            network on z (`fit_readout`). It is not changed.
        settings: bounds of the search.

    Raises:
        InputError: a constant concept; dims that name no concept or leave no residual; a readout
            that does not read the concepts.

    Source: Geiger et al., "Finding alignments between interpretable causal variables and
        distributed neural representations" (2023). Whitening, and the start, are ours.
    """
    rows = torch.as_tensor(z, dtype=torch.float32)
    centre, axes, scale = frame(rows)
    y = ((rows.double() - centre) @ axes / scale).float()
    classes = {name: class_indices(values) for name, values in concepts.items()}
    chosen = _checked({name: len(labels) for name, (_, labels) in classes.items()}, dims, y.shape[1])
    targets = torch.from_numpy(np.stack([codes for codes, _ in classes.values()], 1))
    spans = [span_of_means(y.double(), codes, len(labels)) for codes, labels in classes.values()]
    reader = readout or fit_readout(rows, concepts, seed=settings.seed)
    search = _Search(
        y, rows, (axes * scale).T.float(), targets, chosen, _checked_reader(reader, concepts, rows)
    )
    basis = _learn(search, _start(spans, chosen, settings.seed), settings)
    orthogonal = torch.linalg.qr(basis.double(), mode="complete").Q
    n_used = basis.shape[1]
    turn = torch.cat([orthogonal[:, n_used:], orthogonal[:, :n_used]], 1)
    return linear_factorisation(chosen, centre, (axes / scale) @ turn, turn.T @ (axes * scale).T)


def _checked(n_classes: Mapping[str, int], dims: Mapping[str, int] | None, n_dims: int) -> dict[str, int]:
    """Concept → dimensions, in the order of the concepts."""
    most = (n_dims - 1) // max(1, len(n_classes))
    natural = {name: min(n - 1, most) for name, n in n_classes.items()}
    given = {name: n for name, n in (dims or natural).items() if name != RESIDUAL}
    if not given or set(given) != set(natural) or min(given.values()) < 1 or min(n_classes.values()) < 2:
        raise InputError(
            "DAS needs concepts of two classes or more, and a dimension or more for each.",
            where=f"dims {given}, classes {dict(n_classes)}",
            fix="leave out constant concepts; give each other one its dimensions, or leave dims out",
        )
    if sum(given.values()) >= n_dims:
        raise InputError(
            f"Blocks of {sum(given.values())} dimensions leave no residual of {n_dims}.",
            where=f"dims {given}",
            fix="give the concepts fewer dimensions",
        )
    return {name: given[name] for name in natural}


def _checked_reader(readout: Readout, concepts: Mapping[str, ArrayLike], z: Tensor) -> Readout:
    """The reader, with its answers in the order of the concepts."""
    with torch.no_grad():
        said = readout(z[:2])
    for name, values in concepts.items():
        n_classes = len(class_indices(values)[1])
        if name not in said or said[name].shape[1] < n_classes:
            raise InputError(
                f"The readout does not tell the {n_classes} classes of concept {name!r}.",
                where=f"it reads {', '.join(f'{key} ({part.shape[1]})' for key, part in said.items())}",
                fix="give a readout with logits for each concept, or None to have one fitted",
            )
    return lambda rows: {name: logits for name, logits in readout(rows).items() if name in concepts}


def _start(spans: list[Tensor], dims: Mapping[str, int], seed: int) -> Tensor:
    """(d, sum of dims): each concept's strongest discriminants first, then random directions.

    A little chance is added to all, so that concepts with the same discriminants start apart.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for span, n in zip(spans, dims.values(), strict=True):
        known = span[:n].T.float()
        random = torch.randn(len(known), n, generator=generator) / len(known) ** 0.5
        random[:, : known.shape[1]] = known + 0.01 * random[:, : known.shape[1]]
        parts.append(random)
    return torch.cat(parts, 1)


def _learn(search: _Search, start: Tensor, settings: DasSettings) -> Tensor:
    """An orthonormal basis (d, sum of dims) of all blocks but the residual."""
    free = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([free], lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, settings.updates))
    generator = torch.Generator().manual_seed(settings.seed)
    for _ in range(settings.updates):
        base, donor = torch.randint(len(search.y), (2, settings.batch), generator=generator)
        optimizer.zero_grad()
        _loss(search, torch.linalg.qr(free).Q, base, donor).backward()
        optimizer.step()
        schedule.step()
    basis: Tensor = torch.linalg.qr(free.detach()).Q
    return basis


def _loss(search: _Search, basis: Tensor, base: Tensor, donor: Tensor) -> Tensor:
    """Mean over the exchanged concepts of the reader's CE, summed over the concepts read, nats."""
    difference = search.y[donor] - search.y[base]
    moved, wanted = [], []
    for k, block in enumerate(basis.split(list(search.dims.values()), 1)):
        moved.append(search.z[base] + (difference @ block) @ (block.T @ search.back))
        target = search.targets[base].clone()
        target[:, k] = search.targets[donor, k]
        wanted.append(target)
    said = search.readout(torch.cat(moved))
    ordered = {name: said[name] for name in search.dims}
    return labelled_cross_entropy(ordered, torch.cat(wanted))
