"""The science: tensors and tables in, tensors and scores out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iin_core.blocks import Blocks
    from iin_core.fitting import fit
    from iin_core.interpreter import Interpreter
    from iin_core.invariance import ConditionalInterpreter, fit_invariance
    from iin_core.pairs import Pairs
    from iin_core.spec import FlowSpec, TrainingSpec

__all__ = [
    "Blocks",
    "ConditionalInterpreter",
    "FlowSpec",
    "Interpreter",
    "Pairs",
    "TrainingSpec",
    "fit",
    "fit_invariance",
]

_HOMES = {
    "Blocks": "iin_core.blocks",
    "ConditionalInterpreter": "iin_core.invariance",
    "FlowSpec": "iin_core.spec",
    "Interpreter": "iin_core.interpreter",
    "Pairs": "iin_core.pairs",
    "TrainingSpec": "iin_core.spec",
    "fit": "iin_core.fitting",
    "fit_invariance": "iin_core.invariance",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import iin_core` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'iin_core' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
