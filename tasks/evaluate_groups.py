"""Which units are evaluated in one call: they share baselines and pairs, and their probes are stacked."""

from __future__ import annotations

from collections.abc import Iterable

from tasks.data_sizes import DataSizes
from tasks.planned import Unit

_LARGEST = 8
_MOST_NUMBERS = 2**26
"""Of held-out activations of all units of a call: each also has a code, and what becomes of it."""


def evaluated_together(units: Iterable[Unit], sizes: DataSizes) -> list[list[Unit]]:
    """Units that differ in their seeds alone, as many as one worker takes at once."""
    alike: dict[tuple[str, ...], list[Unit]] = {}
    for unit in units:
        level = unit.evaluation.model_dump_json()
        alike.setdefault((unit.model, unit.layer.extract.key, unit.concepts, level), []).append(unit)
    groups = []
    for members in alike.values():
        numbers = max(1, sizes.n_heldout * members[0].layer.n)
        size = max(1, min(_LARGEST, _MOST_NUMBERS // numbers))
        groups += [members[start : start + size] for start in range(0, len(members), size)]
    return groups
