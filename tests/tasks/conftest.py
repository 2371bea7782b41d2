"""A small study whose outputs are sealed by hand: what evaluation leaves, without the training."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import torch

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.flow import build_flow
from iin_core.front import Front
from iin_core.interpreter import Interpreter
from iin_core.priors import NormalPrior
from iin_core.spec import EvaluationSpec, FlowSpec, PairSpec, ReadingSpec, TrainingSpec
from tasks.output import Output, Root
from tasks.step import Step
from tasks.study import Study
from tests.tasks.trained_world import world  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from tasks.plan import LayerPlan, Plan, Unit

N = 6
NOT_APPLICABLE = "there is no concept whose pairs could be swapped"


@dataclass(frozen=True)
class SealedStudy:
    """A plan whose outputs are sealed on demand."""

    plan: Plan
    root: Root

    def seal_rows(self) -> Output:
        """Seal the row table."""
        with self.root.begin(self.plan.rows) as attempt:
            table = pd.DataFrame(
                {"source": np.arange(20), "split": "train", "digit": np.arange(20) % 10, "colour": "red"}
            )
            table.to_parquet(str(attempt.path / "rows.parquet"))
            return attempt.seal({"n_rows": 20}, times={"rows": 0.1})

    def seal_activations(self, layer: LayerPlan) -> Output:
        """Seal a layer's activations: row i holds the number i."""
        from tasks.activations import Layout, create_array, write_shard

        layout = Layout(self.plan.n_rows, layer.n)
        rows = np.repeat(np.arange(self.plan.n_rows, dtype=np.float32)[:, None], layer.n, axis=1)
        with self.root.begin(layer.extract) as attempt:
            create_array(attempt.path, layout)
            for shard in range(layout.n_shards):
                span = layout.rows(shard)
                write_shard(attempt.path, layout, shard, rows[span.start : span.stop])
            meta = {"layer": layer.layer, "n_rows": self.plan.n_rows, "n": layer.n}
            return attempt.seal(meta, times={"extract": 0.2})

    def seal_training(self, unit: Unit) -> Output:
        """Seal a unit's training alone."""
        return _seal_training(self.root, unit)

    def seal_unit(self, unit: Unit) -> Output:
        """Seal a unit's training and its evaluation; a set without concepts has no swaps."""
        _seal_training(self.root, unit)
        with self.root.begin(unit.evaluate) as attempt:
            _write_evaluation(Path(str(attempt.path)), unit)
            return attempt.seal({"pairs": 100}, times={"probes": 1.0, "swaps": 0.5})

    def seal_all(self) -> None:
        """Seal the rows and every unit."""
        self.seal_rows()
        for unit in self.plan.units:
            self.seal_unit(unit)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of MLflow without runs: making one takes seconds, copying it none."""
    from tasks.track.server import connect

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    connect(f"sqlite:///{path}")
    return path


@pytest.fixture
def tracked_root(root: Root, empty_database: Path) -> Root:
    """A root that has a database already."""
    shutil.copyfile(empty_database, Path(root.url) / "mlflow.db")
    return root


@pytest.fixture
def make_study(root: Root) -> Callable[..., SealedStudy]:
    """Make a study: layers × concept sets × seeds of one model, its last layer × first set headline."""

    def make(
        *,
        layers: Sequence[str] = ("conv1", "fc"),
        sets: Sequence[str] = ("digit+colour", "none"),
        seeds: Sequence[int] = (0,),
        **study: object,
    ) -> SealedStudy:
        return SealedStudy(_plan(tuple(layers), tuple(sets), tuple(seeds), study), root)

    return make


def _plan(layers: tuple[str, ...], sets: tuple[str, ...], seeds: tuple[int, ...], fields: dict) -> Plan:
    from tasks.plan import ModelPlan, Plan

    factors = {name: {} if name == "none" else {"digit": PairSpec(), "colour": PairSpec()} for name in sets}
    study = Study.model_validate(
        {
            "iin": 1,
            "name": "small",
            "description": "Two layers | of *one* model",
            "data": {"source": {"builtin": "coloured_digits"}},
            "models": {"net": {"source": {"builtin": "x"}, "layers": {name: {} for name in layers}}},
            "concepts": {name: {"factors": found} for name, found in factors.items()},
            **fields,
        }
    )
    rows = Step("rows", 1, {"seed": 0}, {}, {"data": "d"}, "rows")
    planned = tuple(_layer(name, i + 1, rows) for i, name in enumerate(layers))
    units = tuple(
        _unit(layer, concepts, factors[concepts], seed, headline=layer is planned[-1] and concepts == sets[0])
        for layer in planned
        for concepts in sets
        for seed in seeds
    )
    report = Step("report", 1, {}, {unit.name: unit.evaluate.key for unit in units}, {}, "report")
    model = ModelPlan("net", study.models["net"], None, None, planned)
    probed = {"digit": PairSpec(column="digit")}
    return Plan(study, Path(), "iin: 1\nname: small\n", 20, probed, rows, (model,), units, report)


def _layer(name: str, index: int, rows: Step) -> LayerPlan:
    from tasks.plan import LayerPlan

    extract = Step("activations", 1, {"layer": name}, {"rows": rows.key}, {}, f"{index:02d} {name}")
    return LayerPlan("net", name, index, ReadingSpec(flatten=True), N, N, (N,), True, extract)


def _unit(layer: LayerPlan, concepts: str, factors: dict, seed: int, *, headline: bool) -> Unit:
    from tasks.planned import Unit, UnitSettings

    spec = {"concepts": concepts, "seed": seed}
    dimensions = Step("dimensions", 1, {"concepts": concepts}, {"z": layer.extract.key}, {}, concepts)
    train = Step("units", 1, spec, {"dimensions": dimensions.key}, {}, f"{layer.layer} {concepts}")
    evaluate = Step("evaluations", 1, {}, {"unit": train.key}, {}, f"{layer.layer} {concepts}")
    budget = "full" if headline else "short"
    flow, training = FlowSpec(couplings=1, hidden=8), TrainingSpec(updates=500)
    how = (flow, training, EvaluationSpec(level="baselines"))
    settings = UnitSettings(layer, concepts, seed, *how, None, headline, budget)
    return Unit(settings, factors, dimensions, train, evaluate)


def _seal_training(root: Root, unit: Unit) -> Output:
    dims = {RESIDUAL: N - 2 * len(unit.factors), **dict.fromkeys(unit.factors, 2)}
    flow = build_flow(unit.flow, N, [unit.seed])
    front = Front(torch.zeros(N), torch.eye(N), torch.eye(N), 0.0, 1.0)
    priors = {name: NormalPrior(dim) for name, dim in dims.items()}
    with root.begin(unit.train) as attempt:
        Interpreter(front, flow, Blocks(dims), priors, {}).save(str(attempt.path / "interpreter"))
        updates = np.arange(1000)
        curves = pd.DataFrame({"update": updates, "loss": 1 / (1 + updates), "nll_validation": np.nan})
        curves.loc[::100, "nll_validation"] = 0.5
        (attempt.path / "curves.csv").write_text(curves.to_csv(index=False))
        return attempt.seal({"n": N, "dims": dims, "budget": unit.budget}, times={"train": 2.5})


def _write_evaluation(folder: Path, unit: Unit) -> None:
    joint = 0.9 + 0.01 * unit.seed if unit.factors else None
    scores = {
        "score/joint_reader": joint,
        "score/joint_reader_low": joint and joint - 0.02,
        "score/joint_reader_high": joint and joint + 0.02,
        "score/joint_reader_chance": joint and 0.05,
        "score/joint_reader_control": joint and 0.06,
        "score/mig": 0.5 if unit.factors else None,
        "score/leak_worst": 0.2,
        "score/leak_chance": 0.1,
        "score/nll_per_dim": 0.4,
        "leakage/mlp_worst": 0.2,
        "interchange/reader_joint": joint,
        "train/nll_heldout": 0.4,
    }
    why = {name: NOT_APPLICABLE for name, value in scores.items() if value is None}
    (folder / "scores.json").write_text(json.dumps(scores))
    (folder / "why.json").write_text(json.dumps(why))
    accuracy = 0.3 * unit.layer.index
    (folder / "leakage.csv").write_text(
        "method,probe,block,concept,accuracy,chance,control,low,high,v_information\n"
        f"layer,mlp,all,digit,{accuracy},0.1,0.1,0.2,0.4,0.5\nlayer,linear,all,digit,0.2,0.1,0.1,0.2,0.4,0.5\n"
        "iin,mlp,residual,digit,0.2,0.1,0.1,0.1,0.3,0.1\n"
    )
    (folder / "figures").mkdir()
    (folder / "figures" / "swaps.png").write_bytes(b"\x89PNG\r\n\x1a\n")
