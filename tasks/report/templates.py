"""The templates of HTML pages: one environment, one style, shared parts."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.report.cells import SHORT, beside
from tasks.report.text import count, interval, name, number, printable, share

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_FOLDER = Path(__file__).parent


def template(file: str) -> Template:
    """A template of this folder; what it shows is escaped, and a name that it lacks is an error."""
    return _environment().get_template(file)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        finalize=printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FileSystemLoader(_FOLDER),
    )
    environment.globals |= {
        "name": name,
        "number": number,
        "share": share,
        "interval": interval,
        "count": count,
        "beside": beside,
        "short": SHORT,
    }
    return environment
