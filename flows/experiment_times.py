"""How long experiments take: expected before they are run, and held against what they took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from flows.console import duration

if TYPE_CHECKING:
    from tasks.output import Output, Root
    from tasks.plan import Plan


def expected_seconds(plan: Plan, root: Root | None, keys: set[str]) -> dict[str, tuple[float, bool]]:
    """Step → seconds and whether they are a mere estimate, of the experiments with these keys.

    Where the same experiment ran in this root, the estimate is scaled by how far it was off there.
    """
    from tasks.experiments.cost import experiment_seconds, scaled

    wanted = [planned for planned in plan.experiments if planned.step.key in keys]
    if not wanted:
        return {}
    earlier: dict[str, list[tuple[float, float | None]]] = {}
    for output in root.outputs("experiments") if root is not None else ():
        for took, told in times_of(output):
            earlier.setdefault(str(output.meta.get("experiment")), []).append((took, told))
    found = {}
    for planned in wanted:
        before = earlier.get(planned.name, [])
        seconds = scaled(experiment_seconds(plan, planned), before)
        if seconds is not None:
            found[planned.step.key] = (seconds, not before)
    return found


def times_of(output: Output) -> Iterator[tuple[float, float | None]]:
    """What a sealed experiment took, and what had been expected; nothing where that was not written down."""
    times = output.manifest["times"]
    if "experiment" in times:
        yield float(times["experiment"]), float(times["predicted"]) if "predicted" in times else None


def took_text(output: Output) -> str:
    """`took 13 s, 3 s expected`."""
    for took, told in times_of(output):
        return f"took {duration(took)}" + ("" if told is None else f", {duration(told)} expected")
    return ""
