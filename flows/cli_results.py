"""`iin status`, `results`, `report`, `diff`, `ui`: what there is to see."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated, Any

import typer

from flows import console
from flows.options import Json, RootUrl, StudyFile, StudyName, Tracking
from flows.settings import prepare_environment, resolve

StudyOrAll = Annotated[
    str | None, typer.Argument(metavar="[STUDY]", help="The study file or name; all studies without it.")
]


def status(study: StudyOrAll = None, root: RootUrl = None, as_json: Json = False) -> None:
    """Show what is sealed, running, failed and why."""
    from flows.planning import find_study
    from flows.standing import standing
    from tasks.output import open_root
    from tasks.study_record import study_names

    opened = open_root(resolve(root=root).root, create=False)
    names = [find_study(opened, study)] if study else sorted(study_names(opened))
    facts = [standing(opened, name) for name in names]
    if as_json:
        console.show_json([entry.facts() for entry in facts])
        return
    for entry in facts:
        console.show_table(
            ["step", "sealed", "state", "by"],
            [(line.step, f"{line.sealed}/{line.wanted}", line.state, line.holder) for line in entry.steps],
            title=f"study {entry.name} ({entry.when})",
        )
        for unit in entry.missing_units:
            console.say(f"  not sealed: {unit}")
        for failure in entry.failures:
            console.say(f"  failed: {failure}")
    if not facts:
        console.say("no study has been run in this root")


def results(study: StudyName, root: RootUrl = None, as_json: Json = False) -> None:
    """Print the table of headline scores.

    One row for each layer, concept set and seed.
    """
    from flows.planning import find_study
    from flows.scores import show_scores
    from tasks.output import open_root
    from tasks.results import open_study

    opened = open_root(resolve(root=root).root, create=False)
    name = find_study(opened, study)
    scores = open_study(opened.url, name).scores
    if as_json:
        records: list[dict[Any, Any]] = scores.to_dict("records")
        console.show_json({"study": name, "units": records})
    else:
        show_scores(scores, title=name)


def report(study: StudyFile, root: RootUrl = None, as_json: Json = False) -> None:
    """Write the HTML page of a study."""
    from tasks.output import open_root
    from tasks.plan import make_plan
    from tasks.report.write import write_report
    from tasks.study_file import load_study

    settings = resolve(root=root)
    prepare_environment(settings.root)
    path = write_report(make_plan(load_study(study)), open_root(settings.root, create=False))
    if as_json:
        console.show_json({"report": str(path)})
    else:
        console.say(path)


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A study, or STUDY:MODEL for one model of it.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another, or another model.")],
    root: RootUrl = None,
    as_json: Json = False,
) -> None:
    """Set two studies, or two models, side by side on one HTML page."""
    from tasks.compare import compare, open_side
    from tasks.output import open_root
    from tasks.report.difference import headline, render_difference
    from tasks.report.write import publish

    opened = open_root(resolve(root=root).root, create=False)
    found = compare(opened, open_side(opened, a), open_side(opened, b))
    name = " and ".join(side.title.replace(":", " ") for side in found.sides)
    path = publish(opened, name, render_difference(found).encode())
    if as_json:
        tables = (found.read, found.scores, found.experiments)
        records: list[list[dict[Any, Any]]] = [table.to_dict("records") for table in tables]
        told = dict(zip(("read", "scores", "experiments"), records, strict=True))
        facts = {**told, "only_a": found.alone[0], "only_b": found.alone[1]}
        console.show_json({"page": str(path), **facts})
    else:
        console.say(str(headline(found)))
        console.say(path)


def _refuse_taken(port: int) -> None:
    """MLflow's server would end as if all were well."""
    import socket

    from tasks.errors import EnvironmentProblem

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise EnvironmentProblem(
                f"The port {port} cannot be used: {error.strerror}.",
                where=f"127.0.0.1:{port}",
                fix=f"if `iin ui` runs there already, open http://127.0.0.1:{port}; else give another --port",
            ) from error


def _where(port: int) -> list[str]:
    return ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]


def ui(
    root: RootUrl = None,
    tracking: Tracking = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port on this machine.")] = 5000,
) -> int:
    """Open MLflow on this root.

    Only this machine can reach it. Ctrl-C ends it.
    """
    from tasks.output import open_root
    from tasks.track.server import SETTINGS, tracking_uri

    settings = resolve(root=root, tracking=tracking)
    uri = tracking_uri(open_root(settings.root, create=False), settings.tracking)
    if uri.startswith(("http://", "https://")):
        console.say(f"MLflow is at {uri}")
        return 0
    _refuse_taken(port)
    console.say(f"MLflow: http://127.0.0.1:{port} (Ctrl-C ends it)")
    server = subprocess.Popen(  # noqa: S603
        [sys.executable, "-P", "-m", "mlflow", "server", "--backend-store-uri", uri, *_where(port)],
        env={**SETTINGS, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ},
    )
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        server.wait()
        return 0
