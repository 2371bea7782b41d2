"""What a step asks of a node, and what the nodes of the cluster offer."""

from __future__ import annotations

import logging
import time
from typing import Any

import ray

from tasks.errors import EnvironmentProblem
from tasks.study import ResourceSpec, ResourcesSpec

_GIB = 2**30
_LOOK_EVERY = 2.0
_log = logging.getLogger("tasks.cluster")


def demand(resource: ResourceSpec) -> dict[str, Any]:
    """The options of a Ray task or actor that takes `resource`."""
    options: dict[str, Any] = {"num_cpus": resource.cpus, "num_gpus": resource.gpus}
    if resource.memory_gib is not None:
        options["memory"] = int(resource.memory_gib * _GIB)
    return options


def places(resource: ResourceSpec) -> int:
    """How many workers that take `resource` all living nodes hold together."""
    return sum(_fits(offer, resource) for offer in _offers())


def memory_of_one(resource: ResourceSpec) -> float:
    """Bytes that one worker may take: what the study says, or its share of the largest node."""
    if resource.memory_gib is not None:
        return resource.memory_gib * _GIB
    shares = [offer.get("memory", 0.0) / max(1, _fits(offer, resource)) for offer in _offers()]
    return max(shares, default=0.0)


class NodeWatch:
    """Sees that some node offers what a step takes, and that the step keeps its time limit.

    Args:
        resource: what one worker takes.
        resources: `wait` and `time_limit`, in seconds.
        local: nodes will not come, so there is nothing to wait for.
    """

    def __init__(self, resource: ResourceSpec, resources: ResourcesSpec, local: bool) -> None:
        self._resource = resource
        self._wait = 0.0 if local else resources.wait
        self._limit = resources.time_limit
        self._started = self._looked = time.monotonic()
        self._missing_since: float | None = None

    def wait(self) -> None:
        """Wait for such a node.

        Raises:
            EnvironmentProblem: none came within `resources.wait`, or the time limit.
        """
        self._look()
        while self._missing_since is not None:
            time.sleep(0.5)
            self._look()

    def check(self) -> None:
        """Look again, now and then.

        Raises:
            EnvironmentProblem: no such node for `resources.wait`, or the time limit.
        """
        now = time.monotonic()
        if self._limit is not None and now - self._started > self._limit:
            raise EnvironmentProblem(
                f"The step took longer than its time limit of {self._limit:g} s.",
                where="resources.time_limit",
                fix="raise it, or run the same command again: what is sealed is kept",
            )
        if now - self._looked >= _LOOK_EVERY:
            self._look()

    def _look(self) -> None:
        now = self._looked = time.monotonic()
        offers = _offers()
        if any(_fits(offer, self._resource) for offer in offers):
            self._missing_since = None
            return
        if self._missing_since is None:
            self._missing_since = now
            _log.info("no node offers %s yet", _text(self._resource))
        if now - self._missing_since >= self._wait:
            raise EnvironmentProblem(
                f"No node offers what one worker of this step takes: {_text(self._resource)}.",
                where="nodes: " + ("; ".join(map(_offer_text, offers)) or "none"),
                fix="ask for less under `resources:` in the study, add such a node, or wait longer for one "
                "with resources.wait",
            )


def _offers() -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _fits(offer: dict[str, float], resource: ResourceSpec) -> int:
    wanted = {"CPU": resource.cpus, "GPU": resource.gpus, "memory": (resource.memory_gib or 0) * _GIB}
    return int(min(offer.get(name, 0.0) / amount for name, amount in wanted.items() if amount > 0))


def _text(resource: ResourceSpec) -> str:
    memory = "" if resource.memory_gib is None else f", {resource.memory_gib:g} GiB of memory"
    return f"{resource.cpus:g} CPUs, {resource.gpus:g} GPUs{memory}"


def _offer_text(offer: dict[str, float]) -> str:
    memory = offer.get("memory", 0) / _GIB
    return f"{offer.get('CPU', 0):g} CPUs, {offer.get('GPU', 0):g} GPUs, {memory:.1f} GiB of memory"
