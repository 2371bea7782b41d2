"""The head of a given Ray cluster: does it answer, and does it take our token?"""

from __future__ import annotations

import importlib
import os
import socket
import threading
from typing import Any

from ray.exceptions import AuthenticationError, RayError

from tasks.errors import EnvironmentProblem

_CHECK_SECONDS = 5.0
# Compiled and without types; Ray has no public way to ask a head or to change the token.
_raylet: Any = importlib.import_module("ray._raylet")


def check_address(address: str) -> None:
    """See within 5 s that a Ray head answers at an address and takes our token.

    Raises:
        EnvironmentProblem: not ``host:port``, nobody there, no Ray, or the token is refused.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise EnvironmentProblem(
            f"{address!r} is not the address of a Ray head.",
            where="--address or IIN_RAY_ADDRESS",
            fix="write host:port of the head, e.g. 10.0.0.1:6379; ray:// and auto are not supported",
        )
    try:
        socket.create_connection((host, int(port)), timeout=_CHECK_SECONDS / 2).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, str(error)) from error
    errors = _ask_head(address)
    if errors is None:
        raise _unreachable(address, "something listens there, but it does not answer as Ray does")
    for cause in errors:
        if isinstance(cause, AuthenticationError):
            raise EnvironmentProblem(
                f"Ray at {address} refuses our token.",
                where=f"RAY_AUTH_MODE is {os.environ.get('RAY_AUTH_MODE', 'not set')}",
                fix="set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) to the cluster's "
                "token; on a cluster without tokens RAY_AUTH_MODE=disabled",
            ) from cause
        raise _unreachable(address, str(cause).strip().splitlines()[0]) from cause


def _ask_head(address: str) -> list[Exception] | None:
    """What went wrong when asking for the nodes; None if there was no answer in time."""
    reload_token()
    errors: list[Exception] = []

    def ask() -> None:
        try:
            _raylet.GcsClient(address=address).get_all_node_info(timeout=_CHECK_SECONDS / 2)
        except (RayError, RuntimeError, OSError) as error:
            errors.append(error)

    # Ray's client repeats for minutes and cannot be told not to: it is left behind.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_CHECK_SECONDS / 2)
    return None if thread.is_alive() else errors


def _unreachable(address: str, why: str) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"No Ray cluster answers at {address}: {why}.",
        where="--address or IIN_RAY_ADDRESS",
        fix="start the cluster or correct the address; without one the study runs on this machine",
    )


def reload_token() -> None:
    """Make Ray read its token and mode from the environment again; it remembers the first ones."""
    _raylet.Config.initialize("")
    _raylet.AuthenticationTokenLoader.instance().reset_cache()
