"""The arguments and flags that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

StudyFile = Annotated[str, typer.Argument(metavar="STUDY", help="The study file (YAML).")]
StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="The study file, or the name of a study run.")
]
RootUrl = Annotated[
    str | None,
    typer.Option("--root", metavar="URL", help="Where results lie: a folder or URL [IIN_ROOT; ./iin-data]."),
]
Json = Annotated[bool, typer.Option("--json", help="Print facts as JSON.")]
Tracking = Annotated[
    str | None,
    typer.Option(
        "--tracking", metavar="URI", help="An MLflow server [IIN_TRACKING_URI; SQLite in the root]."
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address", metavar="HOST:PORT", help="A Ray cluster [IIN_RAY_ADDRESS; Ray on this machine]."
    ),
]
