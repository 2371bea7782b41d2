"""The settings of experiments, as a study file writes them; no torch here."""

from __future__ import annotations

from iin_core.spec import Spec


class ExperimentSpec(Spec):
    """What every experiment has: the globs that choose its units, layers or models."""

    model: str = "*"
    layer: str = "*"
    concepts: str = "*"
    """Of a unit: its concept set. Of no meaning where there is one output a layer or a model."""


class LayersSpec(ExperimentSpec):
    """Layers compared: one chart of all of them, over depth and over checkpoints."""


class ExperimentsSpec(Spec):
    """`experiments:` of a study; what is None was not asked for."""

    layers: LayersSpec | None = None

    def asked(self) -> dict[str, ExperimentSpec]:
        """Name → settings of what was asked for, in the order of the fields."""
        found = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: spec for name, spec in found if spec is not None}
