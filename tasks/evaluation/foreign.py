"""What blocks tell of concepts that are not their own, beyond what correlated concepts explain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from iin_core.dependence import contingency, cramers_v
from iin_core.metrics import Score, quintiles
from iin_core.metrics.conditional_leakage import ConditionalCell, conditional_leakage
from iin_core.metrics.critic_leak import CriticLeak, critic_leaks
from iin_core.spec import EvaluationSpec
from tasks.evaluation.dependence import Found
from tasks.evaluation.material import Material, class_codes

CONDITIONAL_COLUMNS = [
    *("probe", "block", "concept", "given", "accuracy", "chance", "control", "low", "high", "n"),
    *("v_information", "v_information_control", "v_information_low", "v_information_high", "dependence"),
]
CRITIC_COLUMNS = ["concept", "nats", "control", "control_high", "low", "high", "p_value", "cap", "n"]
ONE_CONCEPT = "a block has no foreign concept: only one is probed"
NO_BLOCK = "no block of this set is a concept's own"


def conditional(material: Material, spec: EvaluationSpec) -> Found:
    """Every foreign concept read from every block by readers who know the block's own concept.

    Beside each stands how much the two concepts themselves depend on one another.
    """
    key, table = "conditional/worst", pd.DataFrame(columns=CONDITIONAL_COLUMNS)
    if not set(material.factors) & set(material.probed):
        return table, {}, {key: NO_BLOCK}
    if len(material.probed) < 2:
        return table, {}, {key: ONE_CONCEPT}
    coded = material.methods["iin"]
    where = (coded.factorisation.blocks, material.probed, material.source, spec)
    cells = conditional_leakage(coded.code, *where)
    if not cells:
        return table, {}, {key: "none of the probes that are asked for can be given a class"}
    known = concept_dependence(material)
    rows = [_cells(cell, known) for cell in cells]
    shown = [cell for cell in cells if cell.probe == cells[-1].probe]
    worst = max(shown, key=lambda cell: cell.accuracy.excess)
    return pd.DataFrame(rows, columns=CONDITIONAL_COLUMNS), {key: worst.accuracy}, {}


def critic(material: Material, spec: EvaluationSpec) -> Found:
    """For each concept with a block, what all other blocks together tell of it, in nats."""
    keys, table = ("dependence/critic_nats", "dependence/critic_nats_p"), pd.DataFrame(columns=CRITIC_COLUMNS)
    own = {name: material.probed[name] for name in material.factors if name in material.probed}
    coded = material.methods["iin"]
    if not own:
        return table, {}, dict.fromkeys(keys, NO_BLOCK)
    leaks = critic_leaks(coded.code, coded.factorisation.blocks, own, material.source, spec)
    rows = [_leak(concept, leak) for concept, leak in leaks.items()]
    worst = max(leaks.values(), key=lambda leak: leak.nats.value)
    p = min(1.0, len(leaks) * min(leak.p_value for leak in leaks.values()))
    scores = {keys[0]: worst.nats, keys[1]: Score(p, n=worst.nats.n)}
    return pd.DataFrame(rows, columns=CRITIC_COLUMNS), scores, {}


def concept_dependence(material: Material) -> dict[frozenset[str], float]:
    """{concept, concept} → Cramér's V on held-out rows, 0 independent, 1 determined; numbers in quintiles."""
    codes = {
        name: quintiles(values) if values.dtype.kind == "f" else class_codes(values)
        for name, values in material.probed.items()
    }
    n_sources = len(np.unique(material.source))
    return {
        frozenset((a, b)): cramers_v(contingency(codes[a], codes[b]), n_sources)
        for a in codes
        for b in codes
        if a < b
    }


def _cells(cell: ConditionalCell, known: Mapping[frozenset[str], float]) -> dict[str, Any]:
    score, v = cell.accuracy, cell.v
    names = frozenset(name.removesuffix(" (quintile)") for name in (cell.concept, cell.given))
    return {
        **{"probe": cell.probe, "block": cell.block, "concept": cell.concept, "given": cell.given},
        **{part: getattr(score, part) for part in ("chance", "control", "low", "high", "n")},
        "accuracy": score.value,
        "v_information": v.value,
        **{f"v_information_{part}": getattr(v, part) for part in ("control", "low", "high")},
        "dependence": known[names],
    }


def _leak(concept: str, leak: CriticLeak) -> dict[str, Any]:
    score = leak.nats
    beside = {part: getattr(score, part) for part in ("control", "control_high", "low", "high", "n")}
    return {"concept": concept, "nats": score.value, **beside, "p_value": leak.p_value, "cap": leak.cap}
