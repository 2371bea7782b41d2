"""`iin status`: what is sealed, what is not, and why the last run failed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.flows.conftest import Command


def test_a_failed_run_is_told_with_its_reason(iin: Command, study: Path) -> None:
    """As a person reads it, and as a program does."""
    from tasks.output import open_root
    from tasks.plan import make_plan
    from tasks.study_file import load_study
    from tasks.study_record import write_record

    plan, root = make_plan(load_study(study)), open_root("root")
    write_record(plan, root, ["train 0: its worker died 4 times.\n  to do: more memory"])
    shown = iin.ok("status", "--root", "root")
    assert "failed: train 0: its worker died 4 times.\n  to do: more memory" in shown
    assert f"not sealed: {plan.units[0].name}" in shown
    (told,) = json.loads(iin.ok("status", "--root", "root", "--json"))
    assert told["failures"] == ["train 0: its worker died 4 times.\n  to do: more memory"]
