"""A small study of two models whose sealed outputs are written by hand, in the form that steps leave.

Numbers are made up but plausible: colour is read from early layers and not from late ones, digit the
other way round; the autoencoder's headline unit swaps well.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from iin_core.spec import EvaluationSpec, FlowSpec, PairSpec, ReadingSpec, TrainingSpec
from tasks.evaluation.keys import SCORE_KEYS, companion
from tasks.evaluation.tables import COLUMNS
from tasks.output import Output, Root
from tasks.planned import LayerPlan, ModelPlan, Plan, Unit, UnitSettings
from tasks.step import Step
from tasks.study import Study

DIGIT, COLOUR, BRIGHTNESS = "digit", "colour", "brightness"
CHANCE = {DIGIT: 0.1, COLOUR: 0.17, "brightness (quintile)": 0.2}
READ = {
    "conv1": (0.52, 0.99, 0.93),
    "fc": (0.97, 0.18, 0.36),
    "bottleneck": (0.97, 0.99, 0.97),
}
WHY = "the model has no decoder with an independent reader"


@dataclass(frozen=True)
class Names:
    """What a person calls the things of the study."""

    model: str = "classifier"
    layer: str = "conv1"
    concepts: str = "digit+colour"
    concept: str = DIGIT
    description: str = "Coloured digits through a classifier of the digit alone and an autoencoder"


@dataclass(frozen=True)
class ReportWorld:
    """A plan and the root in which it is sealed on demand."""

    plan: Plan
    root: Root
    names: Names

    def seal_rows(self) -> Output:
        """Seal the row table."""
        columns = {
            self.names.concept: {"kind": "label", "n_values": 10, "values": list(range(10)), "chance": 0.1},
            COLOUR: {"kind": "label", "n_values": 6, "values": ["red", "blue"], "chance": 0.17},
            BRIGHTNESS: {"kind": "numeric", "n_values": 900, "min": 0.4, "max": 1.0},
        }
        described = {"columns": columns, "dependence": {self.names.concept: {COLOUR: 0.004}}}
        with self.root.begin(self.plan.rows) as attempt:
            (attempt.path / "concepts.json").write_text(json.dumps(described))
            table = pd.DataFrame({"source": np.arange(self.plan.n_rows) // 10})
            table.to_parquet(str(attempt.path / "rows.parquet"))
            sources = {"heldout": 449, "train": 1078, "validation": 270}
            meta = {"n_rows": self.plan.n_rows, "n_sources": 1797, "sources": sources}
            return attempt.seal(meta, times={"rows": 0.1})

    def seal_training(self, unit: Unit) -> Output:
        """Seal a unit's curves and dimensions."""
        update = np.arange(1, 101) * max(1, unit.training.updates // 100)
        nll = 0.45 + 2 * np.exp(-update / 60)
        curves = pd.DataFrame(
            {"update": update, "loss": 2 * nll, "nll_train": nll, "nll_validation": nll + 0.03}
        )
        dims = self._dims(unit)
        with self.root.begin(unit.train) as attempt:
            (attempt.path / "curves.csv").write_text(curves.to_csv(index=False))
            return attempt.seal({"n": unit.layer.n, "dims": dims}, times={"train": 2.5})

    def seal_unit(self, unit: Unit) -> Output:
        """Seal a unit's training and its evaluation."""
        self.seal_training(unit)
        with self.root.begin(unit.evaluate) as attempt:
            self._write_evaluation(Path(str(attempt.path)), unit)
            meta = {"methods": ["iin", "lda"], "dims": self._dims(unit)}
            return attempt.seal(meta, times={"probes": 1.0})

    def seal_all(self, leave_out: Collection[str] = ()) -> None:
        """Seal the rows and every unit but those of these names."""
        self.seal_rows()
        for unit in self.plan.units:
            if unit.name not in leave_out:
                self.seal_unit(unit)

    def _dims(self, unit: Unit) -> dict[str, int]:
        return {"residual": 64 - 16 * len(unit.factors), **dict.fromkeys(unit.factors, 16)}

    def _write_evaluation(self, folder: Path, unit: Unit) -> None:
        leakage = pd.DataFrame(self._leakage(unit), columns=COLUMNS["leakage"])
        interchange = pd.DataFrame(list(_interchange(unit)), columns=COLUMNS["interchange"])
        scores = {key: _score(key, unit) for key in SCORE_KEYS}
        blocks = ["residual", *unit.factors]
        std = np.linspace(1.1, 0.98, len(blocks))
        ends = {"std_low": std - 0.02, "std_high": std + 0.02}
        prior = pd.DataFrame({"block": blocks, "mean": 0.02, "std": std, **ends}, columns=COLUMNS["prior"])
        information = pd.DataFrame(
            [{"method": "iin", "probe": "mlp", "mig": 0.9}], columns=COLUMNS["information"]
        )
        for name, table in (
            ("leakage", leakage),
            ("interchange", interchange),
            ("prior", prior),
            ("information", information),
        ):
            (folder / f"{name}.csv").write_text(table.to_csv(index=False), encoding="utf-8")
        rows = np.arange(60)
        codes = np.random.default_rng(0).normal(size=(60, 64)) + 0.1 * unit.seed * (rows % 7)[:, None]
        np.save(folder / "codes.npy", codes.astype(np.float32))
        np.save(folder / "codes_rows.npy", rows)
        (folder / "scores.json").write_text(json.dumps(scores))
        (folder / "why.json").write_text(json.dumps({key: WHY for key, v in scores.items() if v is None}))

    def _leakage(self, unit: Unit) -> Iterator[dict[str, Any]]:
        concepts = {self.names.concept: CHANCE[DIGIT], **{c: CHANCE[c] for c in CHANCE if c != DIGIT}}
        read = READ.get(unit.layer.layer, READ["conv1"])
        for method, blocks in (("iin", ["residual", *unit.factors, "all"]), ("layer", ["all"])):
            for probe in ("linear", "mlp"):
                for block in blocks:
                    for (concept, chance), whole in zip(concepts.items(), read, strict=True):
                        own = block in ("all", concept.removesuffix(" (quintile)"))
                        rest = block == "residual" and concept.removesuffix(" (quintile)") not in unit.factors
                        accuracy = whole if own or rest else chance + 0.03
                        interval = {"low": accuracy - 0.02, "high": min(accuracy + 0.02, 1.0)}
                        where = {"method": method, "probe": probe, "block": block, "concept": concept}
                        value = {"accuracy": accuracy, "chance": chance, "control": chance + 0.01}
                        v = {"v_information": accuracy - chance, "v_information_control": 0.0}
                        yield {**where, **value, **interval, "n": 4490, **v}


def _interchange(unit: Unit) -> Iterator[dict[str, Any]]:
    if not unit.factors:
        return
    reader, best = ("reader", 0.95) if unit.layer.model == "autoencoder" else ("head", 0.8)
    for method, joint in (
        ("iin", best + 0.002 * unit.seed),
        ("class_means", best - 0.02),
        ("lda", best - 0.01),
    ):
        shares = {"cause": joint + 0.01, "isolate": joint + 0.02, "joint": joint}
        ends = {"n": 4000, "ceiling": 0.971, "ceiling_low": 0.96, "ceiling_high": 0.98}
        for factor in (*unit.factors, "mean", "residual"):
            told = {"isolate": joint} if factor == "residual" else shares
            held = {
                f"{kind}_{suffix}": value
                for kind, share in told.items()
                for suffix, value in _beside(share, 0.017).items()
            }
            yield {"method": method, "reader": reader, "factor": factor, **told, **held, **ends}


def _beside(value: float, chance: float) -> dict[str, float]:
    return {"low": value - 0.02, "high": value + 0.02, "chance": chance, "control": chance + 0.01}


def _score(key: str, unit: Unit) -> float | None:
    beside = companion(key)
    if beside is not None:
        value = _score(beside[0], unit)
        return None if value is None else _beside(value, 0.1)[beside[1]]
    group, name = key.split("/")
    reader = "head" if unit.layer.model == "autoencoder" else "reader"
    if reader in name or (not unit.factors and group not in ("train", "prior") and "error" not in name):
        return None
    special = {"invertibility_error": 3.1e-6, "identity_error": 0.0, "updates": float(unit.training.updates)}
    return special.get(name, 0.17 if "chance" in name else 0.2 if "leak" in key else 0.951)


def make_report_world(root: Root, names: Names = Names(), **study: object) -> ReportWorld:
    """Plan a classifier of two layers and an autoencoder; nothing is sealed yet."""
    factors: dict[str, dict[str, PairSpec]] = {
        names.concepts: {names.concept: PairSpec(column=names.concept), COLOUR: PairSpec(column=COLOUR)},
        "digit": {names.concept: PairSpec(column=names.concept)},
        "brightness": {BRIGHTNESS: PairSpec(kind="numeric", column=BRIGHTNESS)},
        "none": {},
    }
    layers = {names.model: [names.layer, "fc"], "autoencoder": ["bottleneck"]}
    fields = _study(names, layers, factors)
    text = json.dumps(fields, indent=1, ensure_ascii=False)
    rows = Step("rows", 1, {"data": names.concept}, {}, {}, "rows")
    parsed = Study.model_validate_json(json.dumps({**fields, **study}))
    models, units = [], []
    for model, own in layers.items():
        start = sum(len(planned.layers) for planned in models)
        planned = tuple(_layer(model, layer, start + i + 1) for i, layer in enumerate(own))
        models.append(ModelPlan(model, parsed.models[model], None, None, planned))
        for layer in planned:
            for concepts, found in factors.items():
                headline = model == "autoencoder" and concepts == names.concepts
                units += [
                    _unit(layer, concepts, found, seed, headline) for seed in ((0, 1) if headline else (0,))
                ]
    report = Step("report", 1, {"text": text}, {u.name: u.evaluate.key for u in units}, {}, "report")
    probed = {name: pairs for found in factors.values() for name, pairs in found.items()}
    plan = Plan(parsed, Path(), text, 17970, probed, rows, tuple(models), tuple(units), report)
    return ReportWorld(plan, root, names)


def _study(
    names: Names, layers: Mapping[str, list[str]], factors: Mapping[str, Mapping[str, PairSpec]]
) -> dict[str, Any]:
    models: dict[str, Any] = {
        model: {"source": {"builtin": "net"}, "layers": {layer: {} for layer in own}}
        for model, own in layers.items()
    }
    models["autoencoder"] |= {"decoder": "output", "reader": {"source": {"builtin": "reader"}}}
    models[names.model]["head"] = [{"concept": names.concept}]
    plain = {name: {f: spec.model_dump() for f, spec in found.items()} for name, found in factors.items()}
    return {
        "iin": 1,
        "name": "digits",
        "description": names.description,
        "data": {"source": {"builtin": "coloured_digits"}},
        "models": models,
        "concepts": {name: {"factors": found} for name, found in plain.items()},
        "gates": [
            {"score": "joint_reader", "at_least": 0.9, "model": "autoencoder", "concepts": names.concepts}
        ],
    }


def _layer(model: str, layer: str, index: int) -> LayerPlan:
    extract = Step("activations", 1, {"layer": layer, "model": model}, {}, {}, f"{index:02d} {layer}")
    return LayerPlan(model, layer, index, ReadingSpec(flatten=True), 64, 64, (64,), True, extract)


def _unit(
    layer: LayerPlan, concepts: str, factors: Mapping[str, PairSpec], seed: int, headline: bool
) -> Unit:
    spec = {"layer": layer.index, "concepts": concepts, "seed": seed, "names": list(factors)}
    label = f"{layer.index:02d} {layer.layer} · {concepts} · seed {seed}"
    steps = [Step(kind, 1, spec, {}, {}, label) for kind in ("dimensions", "units", "evaluations")]
    training = TrainingSpec(updates=1500 if headline else 150)
    budget = "full" if headline else "short"
    how = (FlowSpec(), training, EvaluationSpec(level="baselines"))
    settings = UnitSettings(layer, concepts, seed, *how, None, headline, budget)
    return Unit(settings, factors, *steps)
