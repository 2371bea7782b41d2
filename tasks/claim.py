"""Claim steps before working on them: what another run holds is waited for, what it sealed is reused."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tasks.calls import Failure
from tasks.errors import UnitFailed
from tasks.lease import hold
from tasks.output import Root
from tasks.step import Step

_log = logging.getLogger("tasks")


@contextmanager
def claim(root: Root, steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Hold the leases of the steps that are not sealed; those still not sealed after the wait are yielded."""
    missing = [step for step in steps if root.find(step) is None]
    with hold(root, missing, on_wait=_log.warning):
        yield [step for step in missing if root.find(step) is None]


def refuse_failures(failures: Sequence[Failure], kind: str) -> None:
    """End a step with an error for its failed calls, after all the others are sealed.

    Raises:
        IinError: the failure that is none of a unit alone (a full disk, say), or the only one.
        UnitFailed: a list of the failures if there are several.
    """
    if not failures:
        return
    beyond_units = [failure.error for failure in failures if failure.error.exit_code != UnitFailed.exit_code]
    if beyond_units or len(failures) == 1:
        raise (beyond_units or [failures[0].error])[0]
    fixes = list(dict.fromkeys(failure.error.fix for failure in failures if failure.error.fix))
    raise UnitFailed(
        f"{len(failures)} parts of the step {kind} failed.",
        where="\n         ".join(map(_line, failures)),
        fix="\n         ".join(fixes),
    ) from failures[0].error


def _line(failure: Failure) -> str:
    # What a worker says of code that is not ours begins with the label already.
    what = failure.error.what.removeprefix(f"{failure.call.label}: ")
    return f"{failure.call.label}: {what}"
