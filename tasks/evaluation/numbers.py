"""From what was measured to numbers under keys, each with its companions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from iin_core.metrics import Leakage, LeakageCell, Score
from iin_core.metrics.bootstrap import interval
from tasks.evaluation.keys import BASELINES, FAMILIES, INFORMATION, KINDS, PROBES
from tasks.evaluation.measured import Measured

Numbers = dict[str, float | None]


def entries(key: str, score: Score | None) -> Numbers:
    """A score under its key, and what it is held against under `<key>_low` and so on."""
    if score is None:
        return {}
    beside = {
        "low": score.low,
        "high": score.high,
        "chance": score.chance,
        "control": score.control,
    }
    return {key: score.value, **{f"{key}_{suffix}": value for suffix, value in beside.items()}}


def numbers_of(measured: Measured) -> Numbers:
    """Everything that was measured of a unit, by key; more keys than the flat scores keep."""
    found: Numbers = {}
    for key, score in measured.scores.items():
        found |= entries(key, score)
    return {
        **found,
        **_interchange(measured),
        **_leakage(measured.leakages["iin"]),
        **_information(measured),
        **_prior(measured),
        **_baselines(measured),
        **_families(measured),
    }


def shown_probe(leakage: Leakage) -> str:
    """The probe family of the headline numbers: the MLP where it was asked for."""
    return "mlp" if any(cell.probe == "mlp" for cell in leakage.cells) else "linear"


def mean_of(cells: Sequence[LeakageCell]) -> Score | None:
    """The mean accuracy of cells, its interval over the same resampled sources for all of them."""
    if not cells:
        return None
    scores = [cell.accuracy for cell in cells]
    low, high = interval(np.mean([cell.samples for cell in cells], axis=0))
    shuffled = [score.control for score in scores if score.control is not None]
    return Score(
        value=_mean([score.value for score in scores]),
        chance=_mean([score.chance or 0.0 for score in scores]),
        control=_mean(shuffled) if len(shuffled) == len(scores) else None,
        low=low,
        high=high,
        n=min(score.n for score in scores),
    )


def _interchange(measured: Measured) -> Numbers:
    found: Numbers = {}
    swaps = measured.interchanges
    for reader, ceiling in swaps.ceilings.items():
        mine = swaps.found["iin", reader]
        for kind in KINDS:
            found |= entries(f"interchange/{reader}_{kind}", getattr(mine, kind))
        found |= entries(f"interchange/{reader}_residual_isolate", swaps.residual.get(("iin", reader)))
        found |= entries(f"interchange/{reader}_ceiling", ceiling)
        found |= entries(f"score/joint_{reader}", mine.joint)
    return found


def _leakage(leakage: Leakage) -> Numbers:
    """`worst` is the off-block cell furthest above its chance; its `control` the 95 % quantile of that
    statistic, the worst of the same cells, under shuffled labels.
    """
    found: Numbers = {}
    for probe in PROBES:
        worst = leakage.worst(probe)
        if worst is None:
            continue
        found |= entries(f"leakage/{probe}_own_mean", mean_of(leakage.own(probe)))
        found |= entries(f"leakage/{probe}_mean", mean_of(leakage.off_block(probe)))
        found |= _worst(f"leakage/{probe}_worst", leakage, probe)
        found |= {
            f"leakage/{probe}_control": found[f"leakage/{probe}_worst_control"],
            f"leakage/{probe}_chance": worst.accuracy.chance,
        }
        for block in ("residual", "remainder"):
            found |= _worst(f"leakage/{block}_{probe}_worst", leakage, probe, block)
    shown = leakage.worst(shown_probe(leakage))
    if shown is not None:
        found |= _worst("score/leak_worst", leakage, shown.probe)
        found |= {"score/leak_excess": shown.accuracy.excess, "score/leak_chance": shown.accuracy.chance}
    return found


def _worst(key: str, leakage: Leakage, probe: str | None, block: str | None = None) -> Numbers:
    """The worst cell by one family of probes, or by all of them."""
    worst = leakage.worst_family(block) if probe is None else leakage.worst(probe, block)
    if worst is None:
        return {}
    by_luck = leakage.worst_excess_under_shuffling(probe, block)
    found = entries(key, worst.accuracy)
    found[f"{key}_control"] = None if by_luck is None else (worst.accuracy.chance or 0.0) + by_luck
    return found


def _information(measured: Measured) -> Numbers:
    shown = measured.information.get(("iin", shown_probe(measured.leakages["iin"])))
    if shown is None:
        return {}
    found: Numbers = {}
    for name in INFORMATION:
        found |= entries(f"information/{name}", getattr(shown, name))
    return {**found, **entries("score/mig", shown.mig)}


def _prior(measured: Measured) -> Numbers:
    residual = next(fit for fit in measured.prior if fit.block == "residual")
    furthest = max(measured.prior, key=lambda fit: fit.distance)
    shifted = max(measured.prior, key=lambda fit: fit.mean)
    return {
        **_pair("prior/mean_worst", shifted.mean, shifted.mean_ci),
        **_pair("prior/std_worst", furthest.std, furthest.std_ci),
        **_pair("prior/std_residual", residual.std, residual.std_ci),
    }


def _pair(key: str, value: float, ends: tuple[float | None, float | None]) -> Numbers:
    return entries(key, Score(value, low=ends[0], high=ends[1]))


def _baselines(measured: Measured) -> Numbers:
    found: Numbers = {}
    for name in BASELINES:
        leakage = measured.leakages.get(name)
        if leakage is None:
            continue
        probe = shown_probe(leakage)
        found |= _worst(f"baseline/{name}_leak_worst", leakage, probe)
        grouped = measured.information.get((name, probe))
        found |= entries(f"baseline/{name}_mig", None if grouped is None else grouped.mig)
        for reader in measured.interchanges.ceilings:
            swapped = measured.interchanges.found[name, reader]
            found |= entries(f"baseline/{name}_joint_{reader}", swapped.joint)
    return found


def _families(measured: Measured) -> Numbers:
    """The worst of all families, MLP and linear too, and of each that only `full` asks for."""
    if measured.families is None:
        return {}
    cells = measured.leakages["iin"].cells + measured.families.cells
    # Families that were not fitted on shuffled labels have the first of the draws only.
    draws = min(len(cell.null) for cell in cells)
    every = Leakage(tuple(replace(cell, null=cell.null[:draws]) for cell in cells))
    found: Numbers = {}
    for name in FAMILIES:
        found |= _worst(f"families/{name}_worst", measured.families, name)
    found |= _worst("families/worst", every, None)
    found |= _worst("families/residual_worst", every, None, "residual")
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def finite(numbers: Mapping[str, float | None]) -> dict[str, float | None]:
    """The same with None for what is not finite: JSON has no NaN."""
    return {key: value if value is None or np.isfinite(value) else None for key, value in numbers.items()}
