"""Leakage in nats, of pairs alone: what the other blocks of two rows tell of the concept that they share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.metrics.bootstrap import interval, source_means
from iin_core.metrics.critic import PairRows, fit_critics, nats, read_critics
from iin_core.metrics.labels import MISSING, probe_labels
from iin_core.metrics.score import Score
from iin_core.metrics.shuffled import QUANTILE
from iin_core.metrics.whiten import whiten
from iin_core.spec import EvaluationSpec

CHOOSING_SHARE = 0.25
"""Of the sources a critic is fitted on, those whose pairs choose when it stops."""
_PAIRS_A_ROW, _MAX_PAIRS = 8, 20_000
_FEWEST_PAIRS = 8
_LARGEST_COMPONENT = 0.1
_DEFAULT = EvaluationSpec()


@dataclass(frozen=True)
class CriticLeak:
    """A lower bound on the mutual information of the two sides of a pair.

    Args:
        nats: the bound, slightly negative where nothing is told; `control` is that of critics
            fitted and read on exchanged pairs, `control_high` the 95 % quantile with the seconds
            of the pairs read exchanged among each other, or 0 where that is lower, `n` the pairs
            read.
        p_value: the share of such exchanges that reach the bound.
        cap: no bound can be higher than this: log of the pairs that were compared at once.
    """

    nats: Score
    p_value: float
    cap: float


def critic_leaks(
    z_tilde: ArrayLike | Tensor,
    blocks: Blocks,
    concepts: Mapping[str, ArrayLike],
    source: ArrayLike,
    spec: EvaluationSpec = _DEFAULT,
) -> dict[str, CriticLeak]:
    """For each concept that has a block, the leak of it from all other blocks together.

    Pairs share the concept's label (numbers: the quintile) and have different sources. A code that
    keeps the concept in its block has independent pairs elsewhere, hence 0 nats; one that tells it
    all in another block as well has H(concept). That is a bound on I(rest; concept).

    Args:
        z_tilde: (n, d) codes of held-out rows.
        blocks: the layout of z̃.
        concepts: as `leakage` takes them; rows without a label are left out.
        source: (n,).
        spec: `seed`, `bootstrap`, `permutations`.

    Raises:
        InputError: too few sources for pairs.
    """
    code = torch.as_tensor(z_tilde, dtype=torch.float32)
    leaks = {}
    for name, values in concepts.items():
        if name in blocks:
            rest = torch.ones(code.shape[1], dtype=torch.bool)
            rest[blocks[name]] = False
            classes = probe_labels(name, values).classes
            pairs = _sharing(classes, source, seed=spec.seed)
            white = whiten(code[:, rest])
            leaks[name] = pair_leak(white, white, pairs, source, spec)
    return leaks


def pair_leak(
    first: Tensor,
    second: Tensor,
    pairs: NDArray[np.int64],
    source: ArrayLike,
    spec: EvaluationSpec = _DEFAULT,
) -> CriticLeak:
    """The same of any table of pairs, such as those of two sketches: no label is looked at.

    A critic is fitted on the pairs within half of the sources and read on those within the other
    half, both ways; pairs across the halves are left out. Intervals are over the sources of the
    first rows.

    Args:
        first: (n_rows, d) codes of the first side, without the block of the shared concept.
        second: (n_rows, d) likewise of the second side.
        pairs: (n, 2) rows; two of one source are left out.
        source: (n_rows,).
        spec: `seed`, `bootstrap`, `permutations`.

    Raises:
        InputError: fewer than eight pairs in a group of sources.

    Source: van den Oord et al., "Representation learning with contrastive predictive coding" (2018)
        for the bound; Poole et al., "On variational bounds of mutual information" (2019) for its cap.
    """
    codes, _ = pd.factorize(np.asarray(source))
    group = _groups(_joined(codes, pairs), seed=spec.seed)
    whole = (group[pairs[:, 0]] == group[pairs[:, 1]]) & (codes[pairs[:, 0]] != codes[pairs[:, 1]])
    side = group // 2
    near = (side[pairs[:, 0]] == side[pairs[:, 1]]) & (codes[pairs[:, 0]] != codes[pairs[:, 1]])
    fits = [_rows(first, second, pairs[whole & (group[pairs[:, 0]] == g)], codes) for g in range(4)]
    reads = [_rows(first, second, pairs[near & (side[pairs[:, 0]] == 1 - way)], codes) for way in range(2)]
    _check([*fits, *reads])
    generator = torch.Generator().manual_seed(spec.seed)
    trials = [fits, [part.exchanged(torch.randperm(len(part), generator=generator)) for part in fits]]
    halves = [(part[2 * way], part[2 * way + 1]) for part in trials for way in range(2)]
    wrong = [part.exchanged(torch.randperm(len(part), generator=generator)) for part in reads]
    weights = fit_critics(halves, seed=spec.seed)
    true, control = ([w[2 * i : 2 * i + 2] for w in weights] for i in range(2))
    found = (read_critics(true, reads), read_critics(control, wrong))
    scores = ([part for parts in found[0] for part in parts], [part for parts in found[1] for part in parts])
    return _judged(scores, reads, spec)


def _judged(
    scores: tuple[list[Tensor], list[Tensor]], reads: list[PairRows], spec: EvaluationSpec
) -> CriticLeak:
    values, control = (
        torch.cat([nats(part[None])[0] for part in parts]).double().numpy() for parts in scores
    )
    way = np.repeat([0, 1], [len(part) for part in reads])
    source = torch.cat([part.first_source for part in reads]).numpy()
    samples = source_means(values[:, None], source, way, draws=spec.bootstrap, seed=spec.seed)
    low, high = interval(samples[:, 0])
    value, untold = (float(np.mean([part[way == i].mean() for i in range(2)])) for part in (values, control))
    null = _exchanges(scores[0], way, draws=spec.permutations, seed=spec.seed)
    p_value = (1 + int((null >= value).sum())) / (1 + len(null))
    quantile = max(0.0, float(np.quantile(null, QUANTILE)))
    score = Score(value, 0.0, untold, low, high, len(values), quantile)
    return CriticLeak(score, p_value, math.log(min(len(part) for part in scores[0])))


def _exchanges(parts: list[Tensor], way: NDArray[np.int64], *, draws: int, seed: int) -> NDArray[np.float64]:
    """(draws,) the bound with the seconds exchanged at random among the pairs compared with each other.

    Exchanging columns leaves every sum over a row or a column as it is; an exchange that puts two
    rows of one source together is not counted.
    """
    generator = torch.Generator().manual_seed(seed)
    values: list[list[Tensor]] = [[] for _ in range(draws)]
    for scores in parts:
        known = torch.isfinite(scores).double()
        rows, columns = (scores.logsumexp(i).double() - known.sum(i).log() for i in (1, 0))
        for found in values:
            order = torch.randperm(len(scores), generator=generator)
            moved = scores[torch.arange(len(scores)), order].double() - (rows + columns[order]) / 2
            found.append(moved)
    stacked = torch.stack([torch.cat(found) for found in values]).numpy()
    stacked[~np.isfinite(stacked)] = np.nan
    means: NDArray[np.float64] = np.mean([np.nanmean(stacked[:, way == i], 1) for i in range(2)], axis=0)
    return means


def _sharing(classes: NDArray[np.int64], source: ArrayLike, *, seed: int) -> NDArray[np.int64]:
    """Random pairs (n, 2) of rows with the same class and group of sources."""
    codes, _ = pd.factorize(np.asarray(source))
    group = _groups(codes, seed=seed)
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(classes != MISSING)
    first = rng.permutation(np.repeat(known, _PAIRS_A_ROW))[:_MAX_PAIRS]
    kind = classes * 4 + group
    by_kind = known[np.argsort(kind[known], kind="stable")]
    starts = np.searchsorted(kind[by_kind], kind[first], side="left")
    ends = np.searchsorted(kind[by_kind], kind[first], side="right")
    return np.stack([first, by_kind[starts + rng.integers(ends - starts)]], 1)


def _joined(codes: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sources that pairs connect as one, so that few pairs are left out; unless most hang together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_sources = int(codes.max()) + 1
    edges = codes[pairs]
    links = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n_sources, n_sources))
    _, component = connected_components(links, directed=False)
    if np.bincount(component).max() > _LARGEST_COMPONENT * n_sources:
        return codes
    together: NDArray[np.int64] = component[codes].astype(np.int64)
    return together


def _groups(codes: NDArray[np.int64], *, seed: int) -> NDArray[np.int64]:
    """For each row 2 · half of its source + whether its source chooses when a critic stops."""
    n_sources = int(codes.max()) + 1
    place = np.random.default_rng(seed).permutation(n_sources)
    within = place // 2 / max(1, n_sources / 2)
    return (2 * (place % 2) + (within < CHOOSING_SHARE))[codes]


def _rows(first: Tensor, second: Tensor, pairs: NDArray[np.int64], codes: NDArray[np.int64]) -> PairRows:
    a, b = (torch.from_numpy(np.ascontiguousarray(pairs[:, i])) for i in range(2))
    sources = torch.from_numpy(codes)
    return PairRows(first[a], second[b], sources[a], sources[b])


def _check(groups: list[PairRows]) -> None:
    fewest = min(map(len, groups))
    if fewest < _FEWEST_PAIRS:
        raise InputError(
            f"A group of sources has {fewest} pairs; a critic needs {_FEWEST_PAIRS}.",
            where=f"{sum(map(len, groups[4:]))} pairs within the halves of the sources",
            fix="give pairs of more sources",
        )
