"""What a layer cannot see: what is read of v, z and z̄, whether v is independent of z, and what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from iin_core.errors import InputError
from iin_core.interpreter import Interpreter
from iin_core.invariance import ConditionalInterpreter
from iin_core.metrics.bootstrap import Resampling, interval
from iin_core.metrics.critic_leak import CriticLeak, pair_leak
from iin_core.metrics.distance_correlation import distance_correlation_test
from iin_core.metrics.hsic import hsic_test
from iin_core.metrics.leakage import leakages
from iin_core.metrics.permutation import Dependence
from iin_core.metrics.score import Score
from iin_core.metrics.whiten import whiten
from iin_core.priors import ClassPrior
from iin_core.spec import EvaluationSpec

_MOST_ROWS = 1000
_DEFAULT = EvaluationSpec()


def readable(
    codes: Mapping[str, Tensor],
    concepts: Mapping[str, ArrayLike],
    source: ArrayLike,
    spec: EvaluationSpec = _DEFAULT,
) -> pd.DataFrame:
    """How well probes read each concept of each code, cross-fit over held-out sources.

    What is read of v is what the layer discards. It can be at most what is read of z̄ (the
    autoencoder's ceiling), and what the conditioning network loses, z less its embedding, is found in
    v as well, though the layer has it.

    Args:
        codes: name → (n, d) of the same held-out rows: v (the layer's blind part), z (the layer), embedding
            (what t reads of it), z_bar (the code).
        concepts: name → (n,) labels, as `leakage` takes them.
        source: (n,).
        spec: `probes`, `seed`, `bootstrap` and `permutations` are used.

    Returns:
        code, concept, probe, accuracy, chance, control, control_high, low, high, v_information, n.
    """
    found = leakages({name: (code, None) for name, code in codes.items()}, concepts, source, spec)
    return pd.DataFrame(
        [
            {
                "code": name,
                "concept": cell.concept,
                "probe": cell.probe,
                "accuracy": cell.accuracy.value,
                "chance": cell.accuracy.chance,
                "control": cell.accuracy.control,
                "control_high": cell.accuracy.control_high,
                "low": cell.accuracy.low,
                "high": cell.accuracy.high,
                "v_information": cell.v_information,
                "n": cell.accuracy.n,
            }
            for name, leakage in found.items()
            for cell in leakage.cells
        ]
    )


@dataclass(frozen=True)
class Independence:
    """Three tests of v against z, each over sources.

    Args:
        distance_correlation: bias-corrected, with its p-value.
        hsic: likewise.
        nats: what a critic tells of pairs (v, z) against exchanged ones: a bound on their mutual
            information.
    """

    distance_correlation: Dependence
    hsic: Dependence
    nats: CriticLeak


def independence(v: Tensor, z: Tensor, source: ArrayLike, spec: EvaluationSpec = _DEFAULT) -> Independence:
    """Whether v, (n, d), is independent of z, (n, C), on held-out rows.

    Args:
        v: codes of rows that the flow never saw.
        z: the same rows of the layer, as the flow reads them.
        source: (n,).
        spec: `seed`, `bootstrap`, `permutations`. The permutation tests take at most about a thousand
            rows, of whole sources.

    Raises:
        InputError: too few sources.
    """
    of_row = np.asarray(source)
    rows = _some_sources(of_row, _MOST_ROWS, spec.seed)
    few = (v[rows].numpy(), z[rows].numpy(), of_row[rows])
    tests = [
        test(*few, permutations=spec.permutations - 1, seed=spec.seed)
        for test in (distance_correlation_test, hsic_test)
    ]
    return Independence(tests[0], tests[1], _critic(v, z, of_row, spec))


def _critic(v: Tensor, z: Tensor, source: NDArray[np.generic], spec: EvaluationSpec) -> CriticLeak:
    """Pairs (v of a row, z of the row); both sides get sources of their own, so that none is left out."""
    n, codes = len(v), pd.factorize(source)[0]
    sides = [whiten(part) for part in (v, z)]
    width = max(side.shape[1] for side in sides)
    first, second = (torch.nn.functional.pad(side, (0, width - side.shape[1])) for side in sides)
    nothing = torch.zeros(n, width)
    pairs = np.stack([np.arange(n), n + np.arange(n)], 1)
    both = np.concatenate([codes, codes.max() + 1 + codes])
    return pair_leak(torch.cat([first, nothing]), torch.cat([nothing, second]), pairs, both, spec)


def _some_sources(source: NDArray[np.generic], most: int, seed: int) -> NDArray[np.int64]:
    codes, names = pd.factorize(source)
    share = min(1.0, most / len(codes))
    kept = np.random.default_rng(seed).permutation(len(names))[: max(4, round(share * len(names)))]
    return np.flatnonzero(np.isin(codes, kept))


@dataclass(frozen=True)
class Kept:
    """How far one block of the concept space is the same for all that look alike to the layer.

    Args:
        explained: 1 − E tr Cov(block | z) / tr Cov(block): 1 where the layer tells the block, 0 where it
            says nothing of it.
        agreement: of a labelled concept the share of draws whose class is that of the code z̄ itself, as
            the interpreter's clusters say; chance is that of a code of another row.
    """

    explained: Score
    agreement: Score | None


def concept_space(  # noqa: PLR0913
    conditional: ConditionalInterpreter,
    concepts: Interpreter,
    z_bar: Tensor,
    z: Tensor,
    source: ArrayLike,
    *,
    draws: int = 8,
    spec: EvaluationSpec = _DEFAULT,
) -> dict[str, Kept]:
    """A layer read in the concept space of an autoencoder's code: e(t⁻¹(v | z)) for v ~ N(0, I).

    e was trained once on z̄, so its blocks are the same for every layer of every network, whatever
    their N, and layers can be compared in them.

    Args:
        conditional: t of the layer.
        concepts: e, of the same z̄.
        z_bar, z: (n, N̄) and (n, N), held-out rows.
        source: (n,).
        draws: codes drawn for each row, two or more.
        spec: `seed` and `bootstrap`.

    Raises:
        InputError: an interpreter of another width than z̄, or fewer than two draws.

    Source: Rombach et al., ECCV 2020 (2008.01777), section 3.2.
    """
    if concepts.n_features != conditional.n_features or draws < 2:
        raise InputError(
            f"A concept space of {concepts.n_features} features, a code of {conditional.n_features}, "
            f"{draws} draws.",
            fix="take an interpreter that was trained on this code z̄, and two draws or more",
        )
    own = concepts.encode(z_bar)
    drawn = conditional.sample(given=z, n=draws, seed=spec.seed)
    codes = concepts.encode(drawn.flatten(0, 1)).unflatten(0, (-1, draws))
    resampling = Resampling(source, draws=spec.bootstrap, seed=spec.seed)
    found = {}
    for name, place in concepts.blocks.items():
        within = codes[..., place].var(1).sum(1)
        # Of what is drawn, which may be spread otherwise than the codes themselves.
        whole = codes[..., place].flatten(0, 1).var(0).sum().clamp_min(1e-12)
        share = 1 - within / whole
        explained = _mean_score(share, resampling, chance=0.0)
        found[name] = Kept(explained, _agreement(concepts, name, own, codes, resampling))
    return found


def _agreement(
    concepts: Interpreter, name: str, own: Tensor, codes: Tensor, resampling: Resampling
) -> Score | None:
    prior = concepts.priors[name]
    if not isinstance(prior, ClassPrior):
        return None
    place = concepts.blocks[name]
    truth, said = prior.likeliest(own[:, place]), prior.likeliest(codes[..., place].flatten(0, 1))
    same = (said.view(len(own), -1) == truth[:, None]).float().mean(1)
    shares = torch.bincount(truth, minlength=len(prior.labels)) / len(truth)
    drawn = torch.bincount(said, minlength=len(prior.labels)) / len(said)
    return _mean_score(same, resampling, chance=float(shares @ drawn))


def _mean_score(values: Tensor, resampling: Resampling, *, chance: float) -> Score:
    low, high = interval(resampling.means(values.double().numpy()[:, None])[:, 0])
    return Score(float(values.mean()), chance, low=low, high=high, n=len(values))
