"""The network whose features tell a style: opened when it is needed, and fitted where it says how."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from torch import Tensor, nn

from iin_core.stylise import Style
from tasks.errors import StudyError
from tasks.fingerprint import fingerprint_parts, fingerprint_table, fingerprint_tensors
from tasks.sources.data.sketches_spec import StyleSpec
from tasks.study import SourceSpec

_SEED = "seed"


@dataclass(frozen=True)
class StyleNetwork:
    """A network and the images that it is shown.

    Attributes:
        spec: which.
        folder: of the study.
        images: (n, channels, height, width), on which it is fitted where it is so.
        table: of these.
    """

    spec: StyleSpec
    folder: Path
    images: Tensor
    table: pd.DataFrame

    @cached_property
    def fitted(self) -> Style:
        """The network, fitted where the study asks for it, and its layers.

        Raises:
            StudyError, ModelError: it cannot be opened or fitted, or has no such layers.
        """
        if self.spec.fit is None:
            return self._style
        from tasks.sources.data.data import make_data
        from tasks.sources.models import fit_declared, open_model

        fit = fit_declared(self._source, self.folder)
        if fit is None:
            raise StudyError(
                "The network of `sketches` does not say how it is fitted.",
                where="data.source.arguments.network",
                fix="leave `fit` out, or give the factory an attribute `fit`",
            )
        settings = {name: value for name, value in self.spec.fit.items() if name != _SEED}
        seed = self.spec.fit.get(_SEED, 0)
        assert isinstance(seed, int)
        # Every image is redrawn, so every image may be seen; no label of the concept exists yet.
        rows = self.table.assign(split="train")
        # Another one: the fingerprint is of the network as it was opened.
        model = open_model(self._source, self.folder)
        fit(model, make_data((self.images, self.table), "images"), rows, settings=settings, seed=seed)
        return Style.of(model, self.spec.layers, self.images)

    @cached_property
    def fingerprint(self) -> str:
        """Of what it computes, and of what it is fitted on."""
        from tasks.sources.models import model_fingerprint

        parts = {
            "model": model_fingerprint(self._model, self._source, self.folder),
            "layers": json.dumps(self._style.layers),
        }
        if self.spec.fit is not None:
            parts["fit"] = json.dumps(self.spec.fit, sort_keys=True)
            parts["images"] = fingerprint_tensors({"images": self.images})
            parts["table"] = fingerprint_table(self.table)
        return fingerprint_parts(parts)

    @property
    def _source(self) -> SourceSpec:
        given = self.spec.model_dump(by_alias=True, include=set(SourceSpec.model_fields))
        return SourceSpec.model_validate(given)

    @cached_property
    def _model(self) -> nn.Module:
        from tasks.sources.models import open_model

        return open_model(self._source, self.folder)

    @cached_property
    def _style(self) -> Style:
        return Style.of(self._model, self.spec.layers, self.images)
