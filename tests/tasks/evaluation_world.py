"""A study folder and a sealed study whose right answers are known: codes are a turn of the truth.

The inputs hold one-hot digit and colour, a brightness and noise; layer `code` turns them; the head and
the reader look at the turned-back numbers. The perfect interpreter turns back too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.flow import NormalizingFlow
from iin_core.front import Front
from iin_core.interpreter import Interpreter
from iin_core.priors import NormalPrior
from iin_core.spec import EvaluationSpec, FlowSpec, PairSpec, ReadingSpec, TrainingSpec
from tasks.activations import Layout, create_array, write_shard
from tasks.output import Root
from tasks.planned import LayerPlan, ModelPlan, Plan, Unit, UnitSettings
from tasks.sources.data import open_data
from tasks.step import Step
from tasks.study import SourceSpec, Study

WORLD = """
import numpy as np, pandas as pd, torch
from torch import nn

N_SOURCES, N_DIGITS, N_COLOURS = 120, 3, 2
TURN = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(0))).Q


def data():
    rng = np.random.default_rng(0)
    source = np.repeat(np.arange(N_SOURCES), 4)
    digit = (np.arange(N_SOURCES) % N_DIGITS)[source]
    colour = rng.integers(N_COLOURS, size=len(source))
    brightness = rng.normal(size=len(source))
    nothing = np.zeros((len(source), 2))
    x = np.hstack([np.eye(3)[digit] * 3, np.eye(2)[colour] * 3, brightness[:, None], nothing])
    x += 0.05 * rng.normal(size=x.shape)
    split = np.array(["train", "validation", "heldout"])[np.searchsorted([60, 72], source, side="right")]
    table = pd.DataFrame({"source": source, "split": split, "digit": digit,
                          "colour": np.array(["red", "blue"])[colour], "brightness": brightness})
    return x.astype(np.float32), table


class Turned(nn.Module):
    def __init__(self):
        super().__init__()
        self.code = nn.Linear(8, 8, bias=False)
        self.code.weight = nn.Parameter(TURN.clone())
        self.field = nn.Identity()


class Classifier(Turned):
    def forward(self, x):
        z = self.code(x)
        self.field(z[:, :, None].expand(-1, -1, 3))
        back = z @ TURN
        return {"digit": back[:, :3], "ink": back[:, 3:5].flip(1)}


class Decoder(Turned):
    def forward(self, x):
        return (self.code(x) @ TURN).reshape(-1, 1, 2, 4) / 3


class Reader(nn.Module):
    def forward(self, image):
        flat = image.flatten(1)
        return {"digit": flat[:, :3], "colour": flat[:, 3:5].flip(1), "mood": flat[:, :2]}
"""
SPEC = EvaluationSpec(level="baselines", pairs=200, bootstrap=50, probes=("linear",))
HEAD = [{"concept": "digit"}, {"concept": "colour", "output": "ink"}]
MODELS = {
    "classifier": {"source": {"import": "evaluation_world_code:Classifier"}, "head": HEAD},
    "decoder": {
        "source": {"import": "evaluation_world_code:Decoder"},
        "decoder": "output",
        "reader": {"source": {"import": "evaluation_world_code:Reader"}},
    },
}
SETS: dict[str, dict[str, PairSpec]] = {
    "both": {"digit": PairSpec(), "colour": PairSpec()},
    "brightness": {"brightness": PairSpec(kind="numeric")},
    "none": {},
}
PLACES = {"digit": [0, 1, 2], "colour": [3, 4], "brightness": [5]}


@dataclass(frozen=True)
class World:
    """A plan and a root in which everything but the evaluations is sealed."""

    plan: Plan
    root: Root

    def unit(self, model: str, concepts: str) -> Unit:
        """The unit of that model and concept set."""
        return next(u for u in self.plan.units if (u.model, u.concepts) == (model, concepts))


def make_world(folder: Path, root: Root, **evaluation: object) -> World:
    """Write the folder's code, plan two models × three sets, seal rows, activations and units."""
    (folder / "evaluation_world_code.py").write_text(WORLD)
    spec = SPEC.model_copy(update=evaluation)
    text = {
        "iin": 1,
        "name": "world",
        "data": {"source": {"import": "evaluation_world_code:data"}},
        "models": {name: {**model, "layers": {"code": {}}} for name, model in MODELS.items()},
        "concepts": {name: {"factors": _plain(factors)} for name, factors in SETS.items()},
        "evaluation": spec.model_dump(mode="json"),
    }
    study = Study.model_validate_json(json.dumps(text))
    rows = Step("rows", 1, {}, {}, {}, "rows")
    models, units = [], []
    for index, name in enumerate(study.models, 1):
        layer = _layer(name, index, ReadingSpec(flatten=True), "code")
        models.append(ModelPlan(name, study.models[name], None, None, (layer,)))
        units += [make_unit(layer, concepts, study.evaluation) for concepts in SETS]
    probed = {name: pairs for factors in SETS.values() for name, pairs in factors.items()}
    report = Step("report", 1, {}, {}, {}, "report")
    plan = Plan(study, folder, "", 480, probed, rows, tuple(models), tuple(units), report)
    _seal(plan, root)
    return World(plan, root)


def make_unit(layer: LayerPlan, concepts: str, evaluation: EvaluationSpec) -> Unit:
    """A unit whose steps have keys of their own."""
    spec = {"concepts": concepts, "layer": layer.layer, "model": layer.model, "reading": layer.reading.name}
    steps = [Step(kind, 1, spec, {}, {}, concepts) for kind in ("dimensions", "units", "evaluations")]
    how = (FlowSpec(), TrainingSpec(), evaluation)
    return Unit(UnitSettings(layer, concepts, 0, *how, None, True, "full"), SETS[concepts], *steps)


def with_layer(world: World, unit: Unit, layer: str, reading: ReadingSpec) -> Unit:
    """The same unit read at another module, its activations those of `code`."""
    found = replace(unit.layer, layer=layer, reading=reading)
    return replace(unit, settings=replace(unit.settings, layer=found))


def perfect(factors: list[str]) -> Interpreter:
    """Turns back, residual first, then each factor's own dimensions."""
    namespace: dict = {}
    exec(WORLD, namespace)
    own = [i for name in factors for i in PLACES[name]]
    order = [i for i in range(8) if i not in own] + own
    turn = namespace["TURN"][:, order].contiguous()
    dims = {RESIDUAL: 8 - len(own), **{name: len(PLACES[name]) for name in factors}}
    priors = {name: NormalPrior(dim) for name, dim in dims.items()}
    front = Front(torch.zeros(8), turn, turn.T.contiguous(), 0.0, 1.0)
    return Interpreter(front, NormalizingFlow([]), Blocks(dims), priors, {})


def _plain(factors: dict[str, PairSpec]) -> dict[str, dict]:
    return {name: pairs.model_dump(mode="json") for name, pairs in factors.items()}


def _layer(model: str, index: int, reading: ReadingSpec, name: str) -> LayerPlan:
    extract = Step("activations", 1, {"model": model, "layer": name}, {}, {}, f"{name} of {model}")
    return LayerPlan(model, name, index, reading, 8, 8, (8,), True, extract)


def _seal(plan: Plan, root: Root) -> None:
    data = open_data(SourceSpec.model_validate({"import": "evaluation_world_code:data"}), plan.folder)
    with root.begin(plan.rows) as attempt:
        data.table.to_parquet(str(attempt.path / "rows.parquet"))
        attempt.seal({}, times={})
    namespace: dict = {}
    exec(WORLD, namespace)
    z = (data.batch(np.arange(len(data))) @ namespace["TURN"].T).numpy()
    layout = Layout(len(data), 8)
    for layer in {unit.layer.extract.key: unit.layer for unit in plan.units}.values():
        with root.begin(layer.extract) as attempt:
            create_array(attempt.path, layout)
            for shard in range(layout.n_shards):
                write_shard(
                    attempt.path, layout, shard, z[layout.rows(shard).start :][: len(layout.rows(shard))]
                )
            attempt.seal({"n_rows": layout.n_rows, "n": 8}, times={})
    for unit in plan.units:
        seal_unit(root, unit)


def seal_unit(root: Root, unit: Unit) -> None:
    """Seal the perfect interpreter of a unit, and curves of two updates."""
    with root.begin(unit.train) as attempt:
        perfect(list(unit.factors)).save(str(attempt.path / "interpreter"))
        curves = "update,loss,nll_train,nll_validation\n0,2.0,1.5,1.6\n100,1.0,0.5,\n"
        (attempt.path / "curves.csv").write_text(curves)
        attempt.seal({"updates": 100}, times={})
