"""Tiny real experiments, in a module of the study's folder, on the small trained study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from tasks.calls import Call, Failure, ignore
from tasks.experiments import EXPERIMENTS, Experiment
from tasks.experiments.planning import with_experiments
from tasks.experiments.spec import ExperimentSpec, ExperimentsSpec
from tasks.planned import Plan
from tests.in_process import InProcess

CODE = '''
import numpy as np
import pandas as pd

from iin_core.errors import InputError
from iin_core.metrics.score import Score
from tasks.experiments.found import Drawn, Found

PNG = b"\\x89PNG\\r\\n\\x1a\\n"


def norms(context, spec):
    """How long each block is on average."""
    if (context.unit.model, context.unit.concepts) == ("classifier", "both"):
        raise InputError("Classifiers have no norms.", where="here", fix="ask the decoder")
    coded = context.material.methods["iin"]
    blocks = coded.factorisation.blocks
    norm = {name: float(coded.code[:, blocks[name]].norm(dim=1).mean()) for name in blocks}
    table = pd.DataFrame({"block": list(norm), "norm": list(norm.values())})
    (context.folder / "norms.png").write_bytes(PNG)
    drawn = Drawn("norms.png", "The length of each block.", "Bars.", table="norms", pixelated=True)
    scores = {f"norms/{b}": Score(value, low=value - 0.1, high=value + 0.1) for b, value in norm.items()}
    return Found(scores, {"norms": table}, [drawn], ["Longer is longer.", "<b>two</b>"], {"more.txt": b"m"})


def layer(context, spec):
    """The deviation of a layer, and how many rows another layer of the study has."""
    other = context.opened.rows("other").z
    scores = {"layer/std": Score(float(context.rows.z.std())), "layer/none": Score(float("nan"))}
    return Found(scores, {"shape": pd.DataFrame({"n": [len(other)]})}, [], ["A layer."])


def model(context, spec):
    """The number of parameters."""
    n = sum(parameter.numel() for parameter in context.model.parameters())
    words = [f"{n} parameters, {len(context.table)} rows of {len(context.data)}."]
    return Found({"model/parameters": Score(float(n))}, {}, [], words)


def other(plan, target, spec):
    """Another layer, for its rows."""
    return {"other": plan.models[0].layers[0]}


def has_concepts(plan, target, spec):
    """Units without concepts are left out."""
    return "" if target.factors else "it has no concepts"


def asked_twice(plan, spec):
    """Refuses whatever it is asked."""
    return ["This experiment is never right."]
'''
NORMS = Experiment("norms", "Norms of blocks", "unit", "tiny_experiments:norms",
                   applies="tiny_experiments:has_concepts")  # fmt: skip
LAYER = Experiment("layer", "A layer", "layer", "tiny_experiments:layer", reads="tiny_experiments:other")
MODEL = Experiment("model", "A model", "model", "tiny_experiments:model")


@contextmanager
def asked_for(**asked: ExperimentSpec) -> Iterator[None]:
    """A study in this block asks for these experiments."""
    with pytest.MonkeyPatch.context() as patch:
        for experiment in (NORMS, LAYER, MODEL):
            patch.setitem(EXPERIMENTS, experiment.name, experiment)
        patch.setattr(ExperimentsSpec, "asked", lambda self: asked)
        yield


def planned(plan: Plan) -> Plan:
    """The plan with what its study asks for."""
    outside = {model.name: {"model": "m", "reader": "r"} for model in plan.models}
    return with_experiments(replace(plan, experiments=()), outside, 1)


@dataclass
class Here(InProcess):
    """Remembers what it was called for."""

    calls: list[str] = field(default_factory=list)

    def run(self, function, calls: Sequence[Call], *, resource, on_done=ignore) -> list[Failure]:
        """Call one after another."""
        self.calls += [call.label for call in calls]
        return super().run(function, calls, resource=resource, on_done=on_done)
