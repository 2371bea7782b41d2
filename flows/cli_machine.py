"""`iin reconcile` and `iin doctor`: the traces of killed runs, and what is wrong with this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flows import console
from flows.exit_codes import WRONG_ENVIRONMENT
from flows.options import Address, Json, RootUrl, Tracking
from flows.settings import local_path, prepare_environment, resolve

if TYPE_CHECKING:
    from flows.settings import Settings


def reconcile(root: RootUrl = None, tracking: Tracking = None, as_json: Json = False) -> None:
    """End what killed runs left behind.

    Prefect's and MLflow's runs, leases, temporary files.
    """
    from flows.reconcile import tidy
    from tasks.output import open_root

    settings = resolve(root=root, tracking=tracking)
    prepare_environment(settings.root)
    opened = open_root(settings.root, create=False)
    lines = tidy(opened, settings.tracking) + _reconcile_prefect(settings)
    if as_json:
        console.show_json({"root": opened.url, "ended": lines})
        return
    for line in lines:
        console.say(line)
    console.say(f"{len(lines)} left behind by killed runs, now ended" if lines else "nothing was left behind")


def _reconcile_prefect(settings: Settings) -> list[str]:
    from flows.prefect_api import own_server, wait_for

    home = local_path(os.environ["PREFECT_HOME"])
    if "PREFECT_API_URL" not in os.environ and not (home and (home / "prefect.db").exists()):
        return []  # no run here has ever reported to a Prefect of its own
    with own_server() as server:
        if trouble := wait_for(server):
            console.warn(f"Prefect was not looked through: {trouble}")
            return []
        from flows.reconcile import end_prefect_runs

        return end_prefect_runs()


def doctor(
    root: RootUrl = None, address: Address = None, tracking: Tracking = None, as_json: Json = False
) -> int:
    """Say what is wrong with this machine.

    Each check answers within 5 s; ends with 3 if something is wrong.
    """
    from flows.doctor import CHECKS

    settings = resolve(root=root, address=address, tracking=tracking)
    prepare_environment(settings.root)
    findings = []
    for name, look in CHECKS.items():
        found = look(settings)
        findings.append(found)
        if not as_json:
            console.say(f"{found.mark():<5} {name:<10} {found.what}")
            if found.fix:
                console.say(f"{'':16} to do: {found.fix}")
    if as_json:
        console.show_json(
            [{"check": name, **vars(found)} for name, found in zip(CHECKS, findings, strict=True)]
        )
    return 0 if all(found.ok is not False for found in findings) else WRONG_ENVIRONMENT
