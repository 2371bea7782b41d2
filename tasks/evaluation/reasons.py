"""Why a score is not there, in a sentence for each key."""

from __future__ import annotations

from collections.abc import Mapping

from iin_core.metrics import Leakage
from iin_core.spec import EvaluationSpec
from tasks.evaluation.keys import BASELINES, COMPANIONS_OF, FAMILIES, PROBES
from tasks.evaluation.measured import Measured
from tasks.evaluation.numbers import shown_probe

ONLY_FULL = "measured on `evaluation: full` only"
_EMPTY_SET = "the concept set is empty: there is no block that could tell or leak a concept"
_NO_JOINT = "the reader reads none of this set's concepts"
_NO_PROBE = "the study's evaluation.probes leaves it out"
_NO_FAMILY = "the study's evaluation.families leaves it out"
_NO_REMAINDER = "nothing passes by the flow: the front keeps every direction"


def reasons_of(measured: Measured, absent: Mapping[str, str], spec: EvaluationSpec) -> dict[str, str]:
    """For each key that may be None the reason that holds where no more special one does.

    Args:
        measured: of the unit.
        absent: baseline → why it could not be fitted.
        spec: what was asked for.
    """
    reasons = {key: _reason(key, measured, absent, spec) for key in COMPANIONS_OF}
    leakage = measured.leakages["iin"]
    if len(leakage.own(shown_probe(leakage))) == 1:
        reasons["information/infom"] = "modularity needs two concepts"
    return {**reasons, **measured.why}


def _reason(key: str, measured: Measured, absent: Mapping[str, str], spec: EvaluationSpec) -> str:
    group, name = key.split("/")
    reader = "head" if "head" in name else "reader"
    no_swap = measured.interchanges.why.get(reader, _NO_JOINT)
    if group in ("families", "conditional", "dependence", "per_dimension") and spec.level != "full":
        return ONLY_FULL
    if group == "interchange" or name.startswith("joint_"):
        return no_swap
    if group in ("leakage", "information") or key.startswith(("score/leak_", "score/mig")):
        return _no_leak(group, name, measured.leakages["iin"])
    if group == "baseline":
        baseline = next(known for known in BASELINES if name.startswith(known))
        return absent.get(baseline, no_swap if "_joint_" in name else _EMPTY_SET)
    if group == "concepts":
        return "fewer than two of the set's concepts have values that can be compared"
    if group == "families":
        family = name.removesuffix("_worst")
        return _NO_FAMILY if family in FAMILIES and family not in spec.families else _EMPTY_SET
    return _EMPTY_SET


def _no_leak(group: str, name: str, leakage: Leakage) -> str:
    probes = {cell.probe for cell in leakage.cells}
    asked = [probe for probe in PROBES if probe in name.split("_")]
    if group == "leakage" and probes and not set(asked) & probes:
        return _NO_PROBE
    if "remainder" in name and any(cell.own for cell in leakage.cells):
        return _NO_REMAINDER
    return _EMPTY_SET
