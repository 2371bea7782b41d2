"""A step of a study and its key: what an output is made of, and nothing of where or when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

Kind = Literal[
    "rows", "prepare", "activations", "dimensions", "units", "evaluations", "experiments", "report"
]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Step:
    """One node of the pipeline; two steps with the same key make the same output.

    Args:
        kind: the folder of the root under which the output lies.
        version: raised whenever the code of this kind of step comes to make something else.
        spec: the step's own settings as JSON values (``model_dump(mode="json")``).
        inputs: role → key of the step whose output is read.
        fingerprints: role → fingerprint of data, code and checkpoints from outside the root.
        label: how a person calls it; no part of the key.

    Raises:
        TypeError, ValueError: when the key is asked for and a value is not JSON.
    """

    kind: Kind
    version: int
    spec: Mapping[str, Any]
    inputs: Mapping[str, str]
    fingerprints: Mapping[str, str]
    label: str = field(compare=False)

    @cached_property
    def key(self) -> str:
        """SHA-256 (64 hexadecimal digits) of the canonical JSON of all but the label."""
        return hashlib.sha256(canonical_json(self.identity()).encode()).hexdigest()

    def identity(self) -> dict[str, Any]:
        """What the key is the digest of, as one JSON object."""
        return {
            "kind": self.kind,
            "version": self.version,
            "spec": _plain(self.spec, "spec"),
            "inputs": dict(self.inputs),
            "fingerprints": dict(self.fingerprints),
        }

    def __hash__(self) -> int:
        return hash(self.key)


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: keys sorted, no spaces, ASCII, neither NaN nor infinity.

    Raises:
        TypeError: a value that is not JSON, or a key that is not a string.
        ValueError: NaN or infinity.
    """
    return json.dumps(
        _plain(value, "value"), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def _plain(value: Any, where: str) -> Any:
    # json.dumps turns the keys 1 and "1" into the same text: two different specs, one key.
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise TypeError(f"{where} has the key {name!r}, which is not a string")
        return {name: _plain(item, f"{where}.{name}") for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"{where} is {type(value).__name__}, which is not a JSON value")
