"""`iin layers`: every module of a study's models, and what each reading would make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.checking import FLOAT
from flows.console import size

if TYPE_CHECKING:
    from iin_core.layer_probe import LayerProbe
    from tasks.sources.data import Data
    from tasks.study_file import LoadedStudy

LOSSLESS = "flatten"


@dataclass(frozen=True)
class ListedLayer:
    """One module.

    Args:
        model, layer, type: names.
        shape: of the activation, without the batch axis; empty where it cannot be read.
        features: reading → N.
        n_rows: rows of the data.
        note: why it cannot be read, or that the study reads it.
    """

    model: str
    layer: str
    type: str
    shape: tuple[int, ...]
    features: dict[str, int]
    n_rows: int
    note: str

    def facts(self) -> dict[str, Any]:
        """For `--json`."""
        n_bytes = {name: n * self.n_rows * FLOAT for name, n in self.features.items()}
        return vars(self) | {
            "bytes": n_bytes,
            "lossless": [name for name in self.features if name == LOSSLESS],
        }

    def shape_text(self) -> str:
        """`32x16x16`."""
        return "x".join(map(str, self.shape)) or "-"

    def features_text(self) -> str:
        """N by reading; readings with the same N stand together."""
        by_n: dict[int, list[str]] = {}
        for name, n in self.features.items():
            by_n.setdefault(n, []).append(name)
        return "; ".join(f"{', '.join(names)} {n}" for n, names in by_n.items())

    def bytes_text(self) -> str:
        """Bytes of the whole data set under each N."""
        return "; ".join(size(n * self.n_rows * FLOAT) for n in dict.fromkeys(self.features.values()))


def list_layers(loaded: LoadedStudy) -> list[ListedLayer]:
    """Build each model, run a few rows through it, and describe its modules in order.

    Raises:
        StudyError, ModelError: the data or a model cannot be opened, or the model raises.
    """
    import numpy as np

    from iin_core.split import observe
    from tasks.sources.data import open_data
    from tasks.sources.models import open_model

    data = open_data(loaded.study.data.source, loaded.folder)
    inputs = data.batch(np.arange(min(2, len(data))))
    listed = []
    for name, spec in loaded.study.models.items():
        model = open_model(spec.source, loaded.folder)
        modules = {layer: type(module).__name__ for layer, module in model.named_modules() if layer}
        wanted = _wanted(list(spec.layers), list(modules))
        for layer, probe in observe(model, inputs, list(modules)).items():
            note = "in the study" if layer in wanted else ""
            listed.append(_listed(name, layer, modules[layer], probe, data, note))
    return listed


def _wanted(patterns: list[str], names: list[str]) -> set[str]:
    from fnmatch import fnmatchcase

    return {name for name in names for pattern in patterns if fnmatchcase(name, pattern)}


def _listed(model: str, layer: str, kind: str, probe: LayerProbe, data: Data, note: str) -> ListedLayer:
    from iin_core.readings import readings_for

    if probe.problem is not None:
        return ListedLayer(model, layer, kind, (), {}, len(data), probe.problem.what)
    return ListedLayer(model, layer, kind, probe.shape, readings_for(probe.shape), len(data), note)
