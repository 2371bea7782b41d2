"""Where a run keeps its data and whom it talks to: flags beat the environment beat the study file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import StudyError

DEFAULT_ROOT = "iin-data"
STEPS = ("rows", "prepare", "extract", "dimensions", "train", "evaluate", "experiments", "report", "track")

STEP_OF_KIND = {
    "rows": "rows",
    "prepare": "prepare",
    "activations": "extract",
    "dimensions": "dimensions",
    "units": "train",
    "evaluations": "evaluate",
    "experiments": "experiments",
    "report": "report",
}
"""Kind of output → the step that makes it, as `--only` calls it."""


@dataclass(frozen=True)
class Settings:
    """What a run needs to know besides its study."""

    root: str
    """A local path or any fsspec URL."""
    address: str | None
    """A Ray cluster; None starts Ray here."""
    tracking: str | None
    """An MLflow URI; None is the study file's, else SQLite under the root."""
    only: tuple[str, ...] = ()
    """The last steps wanted; empty means all."""


def resolve(
    *,
    root: str | None = None,
    address: str | None = None,
    tracking: str | None = None,
    only: tuple[str, ...] = (),
) -> Settings:
    """Settle each setting from its flag, else the environment; the study file may name what is still None.

    Raises:
        StudyError: `only` names a step that does not exist.
    """
    return Settings(
        root=root or os.environ.get("IIN_ROOT") or DEFAULT_ROOT,
        address=address or os.environ.get("IIN_RAY_ADDRESS") or None,
        tracking=tracking or os.environ.get("IIN_TRACKING_URI") or None,
        only=_known_steps(only),
    )


def _known_steps(only: tuple[str, ...]) -> tuple[str, ...]:
    names = [name.strip() for entry in only for name in entry.split(",") if name.strip()]
    for name in names:
        if name not in STEPS:
            raise StudyError(
                f"There is no step {name!r}.",
                where="--only",
                fix=f"name some of: {', '.join(STEPS)}",
            )
    return tuple(names)


def wanted_steps(only: tuple[str, ...]) -> tuple[str, ...]:
    """The steps to run: those named and, since data goes one way, those before them."""
    if not only:
        return STEPS
    last = max(STEPS.index(name) for name in only)
    return STEPS[: last + 1]


def local_path(url: str) -> Path | None:
    """The path of a root on this machine, or None for a root elsewhere."""
    if url.startswith("file://"):
        return Path(url.removeprefix("file://"))
    return None if "://" in url else Path(url).expanduser()


def prepare_environment(root: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what Prefect, Ray, MLflow and matplotlib read when they are imported.

    Call it before any of them is imported. What a person has set stays.
    """
    for name, value in _DEFAULTS.items():
        environment.setdefault(name, value)
    # Prefect's own database lives beside the results it tells of: HOME may be missing or read-only,
    # and a profile lying in it must not send a study's states to a server nobody named here.
    environment.setdefault("PREFECT_HOME", str(_writable(root) / "prefect"))
    if not _can_write(Path(os.path.expanduser("~"))):
        environment.setdefault("MPLCONFIGDIR", str(_writable(root) / "matplotlib"))


_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # The first start on a slow disk takes longer than Prefect's own 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "tasks",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    # An API that died is given up after 2 + 4 s, not after a minute at each call.
    "PREFECT_CLIENT_MAX_RETRIES": "2",
}


def _writable(root: str) -> Path:
    path = local_path(root)
    return path.resolve() if path else Path(tempfile.gettempdir()) / f"iin-{os.getuid()}"


def _can_write(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK)
