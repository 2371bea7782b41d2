"""The flat scores of a unit: the same keys in every unit, null where one does not apply, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping

from iin_core.metrics import GroupedInformation, Leakage
from tasks.evaluation.interchanges import READERS
from tasks.evaluation.tables import Measured

PROBES = ("linear", "mlp")
BASELINES = ("class_means", "lda")
_KINDS = ("cause", "isolate", "joint")
_INFORMATION = ("mig", "infom", "infoc", "infoe")

SCORE_KEYS: tuple[str, ...] = (
    *(f"score/joint_{reader}" for reader in READERS),
    "score/mig",
    "score/leak_worst",
    "score/leak_excess",
    "score/leak_chance",
    "score/nll_per_dim",
    "score/invertibility_error",
    "score/identity_error",
    *(f"interchange/{reader}_{kind}" for reader in READERS for kind in (*_KINDS, "ceiling")),
    *(
        f"leakage/{probe}_{part}"
        for probe in PROBES
        for part in ("own_mean", "worst", "mean", "control", "chance")
    ),
    *(f"leakage/residual_{probe}_worst" for probe in PROBES),
    *(f"information/{name}" for name in _INFORMATION),
    "prior/mean_worst",
    "prior/std_worst",
    "prior/std_residual",
    *(
        f"baseline/{name}_{part}"
        for name in BASELINES
        for part in ("joint_reader", "joint_head", "leak_worst", "mig")
    ),
    "train/nll_train",
    "train/nll_heldout",
    "train/updates",
)
_EMPTY_SET = "the concept set is empty: there is no block that could tell or leak a concept"
_NO_JOINT = "the reader reads none of this set's concepts"
_NOT_FINITE = "the value is not finite"
_NOT_MEASURED = "was not measured"


def flat_scores(
    measured: Measured, absent: Mapping[str, str]
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Every key of `SCORE_KEYS` → number or None, and for each None a sentence.

    Args:
        measured: of the unit.
        absent: baseline → why it could not be fitted.
    """
    numbers = {
        **measured.numbers,
        **_interchange(measured),
        **_leakage(measured.leakages["iin"]),
        **_information(measured),
        **_prior(measured),
        **_baselines(measured),
    }
    reasons = {**_reasons(measured, absent), **measured.why}
    scores: dict[str, float | None] = {}
    why = {}
    for key in SCORE_KEYS:
        value = numbers.get(key)
        scores[key] = value if value is not None and math.isfinite(value) else None
        if scores[key] is None:
            why[key] = _NOT_FINITE if value is not None else reasons.get(key, _NOT_MEASURED)
    return scores, why


def _interchange(measured: Measured) -> dict[str, float | None]:
    scores: dict[str, float | None] = {}
    for reader, ceiling in measured.interchanges.ceilings.items():
        found = measured.interchanges.found["iin", reader]
        for kind in _KINDS:
            entry = getattr(found, kind)
            scores[f"interchange/{reader}_{kind}"] = None if entry is None else entry.value
        scores[f"interchange/{reader}_ceiling"] = ceiling
        scores[f"score/joint_{reader}"] = scores[f"interchange/{reader}_joint"]
    return scores


def _leakage(leakage: Leakage) -> dict[str, float | None]:
    """`worst` is the off-block cell furthest above its chance; `control` the same of shuffled labels."""
    scores: dict[str, float | None] = {}
    for probe in PROBES:
        own, off, worst = leakage.own(probe), leakage.off_block(probe), leakage.worst(probe)
        if worst is None:
            continue
        residual = leakage.worst(probe, "residual")
        shuffled = max(off, key=lambda cell: (cell.accuracy.control or 0) - (cell.accuracy.chance or 0))
        scores |= {
            f"leakage/{probe}_own_mean": _mean([cell.accuracy.value for cell in own]),
            f"leakage/{probe}_worst": worst.accuracy.value,
            f"leakage/{probe}_mean": _mean([cell.accuracy.value for cell in off]),
            f"leakage/{probe}_control": shuffled.accuracy.control,
            f"leakage/{probe}_chance": worst.accuracy.chance,
            f"leakage/residual_{probe}_worst": None if residual is None else residual.accuracy.value,
        }
    shown = leakage.worst(_shown(leakage))
    if shown is not None:
        scores |= {
            "score/leak_worst": shown.accuracy.value,
            "score/leak_excess": shown.accuracy.excess,
            "score/leak_chance": shown.accuracy.chance,
        }
    return scores


def _information(measured: Measured) -> dict[str, float | None]:
    shown = measured.information.get(("iin", _shown(measured.leakages["iin"])))
    if shown is None:
        return {}
    scores: dict[str, float | None] = {f"information/{name}": getattr(shown, name) for name in _INFORMATION}
    return {**scores, "score/mig": shown.mig}


def _prior(measured: Measured) -> dict[str, float | None]:
    residual = next(fit for fit in measured.prior if fit.block == "residual")
    return {
        "prior/mean_worst": max(fit.mean for fit in measured.prior),
        "prior/std_worst": max(measured.prior, key=lambda fit: fit.distance).std,
        "prior/std_residual": residual.std,
    }


def _baselines(measured: Measured) -> dict[str, float | None]:
    scores: dict[str, float | None] = {}
    for name in BASELINES:
        leakage = measured.leakages.get(name)
        if leakage is None:
            continue
        worst = leakage.worst(_shown(leakage))
        scores[f"baseline/{name}_leak_worst"] = None if worst is None else worst.accuracy.value
        grouped: GroupedInformation | None = measured.information.get((name, _shown(leakage)))
        scores[f"baseline/{name}_mig"] = None if grouped is None else grouped.mig
        for reader in measured.interchanges.ceilings:
            joint = measured.interchanges.found[name, reader].joint
            scores[f"baseline/{name}_joint_{reader}"] = None if joint is None else joint.value
    return scores


def _reasons(measured: Measured, absent: Mapping[str, str]) -> dict[str, str]:
    """For each key that may be None the reason that holds where no more special one does."""
    probes = {cell.probe for cell in measured.leakages["iin"].cells}
    off = "the study's evaluation.probes leaves it out"
    reasons: dict[str, str] = {}
    for key in SCORE_KEYS:
        group, name = key.split("/")
        reader = "head" if "head" in name else "reader"
        if group == "interchange" or name.startswith("joint_"):
            reasons[key] = measured.interchanges.why.get(reader, _NO_JOINT)
        elif group in ("leakage", "information") or name.startswith(("leak_", "mig")):
            left_out = group == "leakage" and not any(probe in name for probe in probes)
            reasons[key] = off if left_out and probes else _EMPTY_SET
        elif group == "baseline":
            baseline = next(known for known in BASELINES if name.startswith(known))
            reader_why = measured.interchanges.why.get(reader, _NO_JOINT)
            reasons[key] = absent.get(baseline, reader_why if "_joint_" in name else _EMPTY_SET)
    if len(measured.leakages["iin"].own(_shown(measured.leakages["iin"]))) == 1:
        reasons["information/infom"] = "modularity needs two concepts"
    return reasons


def _shown(leakage: Leakage) -> str:
    """The probe family of the headline numbers: the MLP where it was asked for."""
    return "mlp" if any(cell.probe == "mlp" for cell in leakage.cells) else "linear"


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
