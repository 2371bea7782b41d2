"""`iin status`: how far a study has come, from its record, its seals and its leases alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flows.settings import STEP_OF_KIND

if TYPE_CHECKING:
    from tasks.lease import Lease
    from tasks.output import Root
    from tasks.study_record import StepRecord

SEALED, RUNNING, WAITING, PARTLY, DAMAGED = "sealed", "running", "not done", "partly done", "damaged"


@dataclass(frozen=True)
class StepStanding:
    """One step: how many of its outputs are sealed, and who is at work on it."""

    step: str
    sealed: int
    wanted: int
    state: str
    holder: str


@dataclass(frozen=True)
class Standing:
    """One study."""

    name: str
    when: str
    steps: list[StepStanding]
    missing_units: list[str]
    failures: list[str]
    """Why the last run did not come to its end."""

    def facts(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def standing(root: Root, name: str) -> Standing:
    """How far the study of that name has come.

    Raises:
        StudyError: it was never run in this root.
        DamagedOutput: its record cannot be read.
    """
    from tasks.lease import leases
    from tasks.study_record import read_record

    record = read_record(root, name)
    held = {lease.key: lease for _, lease in leases(root) if lease is not None and not lease.is_free()}
    by_kind: dict[str, list[StepRecord]] = {}
    for step in record.keys:
        by_kind.setdefault(step.kind, []).append(step)
    steps = [_step(root, kind, of_kind, held) for kind, of_kind in by_kind.items()]
    missing = [
        unit.name + (" (running)" if unit.train in held or unit.evaluate in held else "")
        for unit in record.units
        if not _sealed(root, "evaluations", unit.evaluate)
    ]
    written = (root.path / "studies" / f"{name}.json").stat().st_mtime
    when = f"last run {datetime.fromtimestamp(written):%Y-%m-%d %H:%M}"
    return Standing(name, when, steps, missing, list(record.failures))


def _step(root: Root, kind: str, steps: list[StepRecord], held: dict[str, Lease]) -> StepStanding:
    from tasks.errors import DamagedOutput

    holders = {held[step.key].holder() for step in steps if step.key in held}
    sealed, damage = 0, ""
    for step in steps:
        try:
            sealed += _sealed(root, kind, step.key)
        except DamagedOutput as error:
            damage = error.what
    state = RUNNING if holders else SEALED if sealed == len(steps) else PARTLY if sealed else WAITING
    shown = DAMAGED if damage else state
    return StepStanding(
        STEP_OF_KIND[kind], sealed, len(steps), shown, "; ".join([*sorted(holders), damage]).strip("; ")
    )


def _sealed(root: Root, kind: str, key: str) -> bool:
    from tasks.sealed import read_output

    return read_output(root.folder(kind, key), kind, key) is not None
