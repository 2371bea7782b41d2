"""How long experiments take: expected before they are run, and held against what they took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.console import duration

if TYPE_CHECKING:
    from tasks.output import Output, Root
    from tasks.plan import Plan


def expected_seconds(plan: Plan, root: Root | None, keys: set[str]) -> dict[str, tuple[float, bool]]:
    """Step → seconds and whether they are a mere estimate, of the experiments with these keys.

    Where the same experiment ran in this root, the estimate is scaled by how far it was off there.
    """
    from tasks.experiments.cost import experiment_seconds, scaled, times_of

    wanted = [planned for planned in plan.experiments if planned.step.key in keys]
    if not wanted:
        return {}
    earlier: dict[str, list[tuple[float, float | None]]] = {}
    for output in root.outputs("experiments") if root is not None else ():
        if (times := times_of(output)) is not None:
            earlier.setdefault(str(output.meta.get("experiment")), []).append(times)
    found = {}
    for planned in wanted:
        before = earlier.get(planned.name, [])
        seconds = scaled(experiment_seconds(plan, planned), before)
        if seconds is not None:
            found[planned.step.key] = (seconds, not before)
    return found


def took_text(output: Output) -> str:
    """`took 13 s, 3 s expected`; nothing where it was not written down."""
    from tasks.experiments.cost import times_of

    times = times_of(output)
    if times is None:
        return ""
    took, told = times
    return f"took {duration(took)}" + ("" if told is None else f", {duration(told)} expected")
