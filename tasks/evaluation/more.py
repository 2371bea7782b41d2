"""What only `evaluation: full` measures: more families of probes, dependence, single dimensions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pandas as pd

from iin_core.errors import InputError
from iin_core.metrics import Leakage, Score, leakages
from iin_core.spec import EvaluationSpec
from tasks.evaluation import dependence, foreign, per_dimension
from tasks.evaluation.dependence import Found
from tasks.evaluation.keys import SCORE_KEYS
from tasks.evaluation.material import Material

TABLES = {
    "conditional": foreign.CONDITIONAL_COLUMNS,
    "critic": foreign.CRITIC_COLUMNS,
    "dependence": dependence.COLUMNS,
    "per_dimension": per_dimension.COLUMNS,
}
"""Table that only `full` writes → its columns."""
_log = logging.getLogger("tasks.evaluate")


@dataclass
class More:
    """What was found.

    Args:
        scores: key → number.
        why: key → why there is none.
        families: the IIN's leakage by further families of probes.
        tables: name → table.
    """

    scores: dict[str, Score] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    families: Leakage | None = None
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


def measure_more(material: Material, spec: EvaluationSpec, times: dict[str, float]) -> More:
    """Measure it.

    Args:
        material: the unit's.
        spec: how.
        times: gets the seconds of each part.
    """
    more = More()
    with timed("families", times):
        more.families = _families(material, spec)
    for name, measure in _PARTS.items():
        with timed(name, times):
            _take(more, name, measure, material, spec)
    return more


_PARTS: Mapping[str, Callable[[Material, EvaluationSpec], Found]] = {
    "conditional": foreign.conditional,
    "critic": foreign.critic,
    "dependence": dependence.block_dependence,
    "per_dimension": per_dimension.per_dimension,
}


def _take(
    more: More,
    name: str,
    measure: Callable[[Material, EvaluationSpec], Found],
    material: Material,
    spec: EvaluationSpec,
) -> None:
    """One part; rows that are too few for it leave its scores out with that reason, and no more."""
    try:
        table, scores, why = measure(material, spec)
    except InputError as error:
        table, scores = pd.DataFrame(columns=TABLES[name]), {}
        groups = ("dependence/critic",) if name == "critic" else (f"{name}/",)
        why = {key: error.what for key in SCORE_KEYS if key.startswith(groups)}
    more.tables[name] = table
    more.scores |= scores
    more.why |= why


def _families(material: Material, spec: EvaluationSpec) -> Leakage | None:
    """The IIN's blocks read for the unit's own concepts; None where there is nothing to read."""
    own = {name: material.probed[name] for name in material.factors if name in material.probed}
    if not own or not spec.families:
        return None
    coded = material.methods["iin"]
    codes = {"iin": (coded.code, coded.factorisation.blocks)}
    asked = spec.model_copy(update={"probes": spec.families})
    try:
        return leakages(codes, own, material.source, asked, shuffles=0)["iin"]
    except InputError as error:
        _log.warning("more families of probes were left out: %s", error.what)
        return None


@contextmanager
def timed(name: str, times: dict[str, float]) -> Iterator[None]:
    """Put the seconds of the block under `name`."""
    start = time.monotonic()
    yield
    times[name] = time.monotonic() - start
    _log.debug("%s took %.1f s", name, times[name])
