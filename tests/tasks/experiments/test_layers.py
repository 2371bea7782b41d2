"""Layers compared: read from what is sealed, over seeds and over checkpoints of one training."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from tasks.experiment import experiment
from tasks.experiments import EXPERIMENTS
from tasks.experiments.layers import over_seeds
from tasks.experiments.layers_check import checkpoints_of, problems
from tasks.experiments.layers_numbers import MEASURES
from tasks.experiments.planning import with_experiments
from tasks.experiments.sealing import read_found
from tasks.experiments.spec import ExperimentsSpec, LayersSpec
from tasks.output import open_root
from tasks.planned import Plan
from tests.tasks.experiments_world import Here
from tests.tasks.report_world import ReportWorld, make_report_world

ENDS = ("", "_low", "_high")
LEAKAGE = pd.DataFrame(
    [
        ("layer", "mlp", "all", "digit", 0.8, 0.7, 0.9),
        ("iin", "mlp", "all", "digit", 0.8, 0.7, 0.9),
        ("iin", "mlp", "digit", "digit", 0.6, 0.5, 0.7),
        ("iin", "mlp", "residual", "digit", 0.1, 0.0, 0.2),
        ("iin", "mlp", "colour", "digit", 0.3, 0.2, 0.4),
        ("iin", "linear", "digit", "digit", 0.01, 0.0, 0.1),
        ("layer", "mlp", "all", "brightness (quintile)", 0.5, 0.4, 0.6),
    ],
    columns=["method", "probe", "block", "concept", *(f"v_information{end}" for end in ENDS)],
)  # fmt: skip


def _seal(world: ReportWorld, plan: Plan) -> None:
    """What a probe reads grows by a tenth with each layer and a twentieth with each seed."""
    world.seal_rows()
    for unit in plan.units:
        more = 0.1 * (unit.layer.index - 1) + 0.05 * unit.seed
        numbers = LEAKAGE.columns[4:]
        with world.root.begin(unit.evaluate) as attempt:
            LEAKAGE.assign(**{n: LEAKAGE[n] + more for n in numbers}).to_csv(
                str(attempt.path / "leakage.csv"), index=False
            )
            attempt.seal({}, times={})
        dims = {"residual": 10, **dict.fromkeys(unit.factors, 5)}
        with world.root.begin(unit.dimensions) as attempt:
            (attempt.path / "dimensions.json").write_text(json.dumps({"dims": dims}))
            attempt.seal({}, times={})


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A study of three layers, what is needed of it sealed, and the comparison."""
    root = open_root(str(tmp_path_factory.mktemp("layers") / "root"))
    world = make_report_world(root)
    asked = ExperimentsSpec(layers=LayersSpec(concepts="digit*"))
    plan = replace(world.plan, study=world.plan.study.model_copy(update={"experiments": asked}))
    plan = with_experiments(plan, {model.name: {"model": "m"} for model in plan.models}, 1)
    _seal(world, plan)
    (output,) = experiment(plan, root, Here())
    return plan, read_found(output)


def _values(found, measure, concept="digit in digit+colour"):
    table = found.table("layers")
    table = table[(table["measure"] == MEASURES[measure]) & (table["concept"] == concept)]
    return {row.layer: (row.value, row.low, row.high, row.seeds) for row in table.itertuples()}


def test_each_measure_is_read_of_its_own_cell(done):
    """The whole layer; the concept's block; the worst other block; the share of dimensions."""
    _, found = done
    assert _values(found, "carried")["conv1"] == pytest.approx((0.8, 0.7, 0.9, 1))
    assert _values(found, "explained")["conv1"] == pytest.approx((0.6, 0.5, 0.7, 1))
    assert _values(found, "leak")["fc"] == pytest.approx((0.4, 0.3, 0.5, 1))
    assert _values(found, "dimensions")["fc"][0] == pytest.approx(0.25)
    assert _values(found, "dimensions", "digit in digit")["fc"][0] == pytest.approx(5 / 15)


def test_seeds_are_one_value_whose_interval_holds_them(done):
    """The mean, and the ends' means where these reach further than the seeds themselves."""
    _, found = done
    assert _values(found, "explained")["bottleneck"] == pytest.approx((0.825, 0.725, 0.925, 2))
    assert len(found.table("seeds")) > len(found.table("layers"))


def test_seeds_that_lie_further_apart_than_sources_widen_it():
    """And what has no interval has that of its seeds."""
    row = {"measure": "explained by its block", "model": "m", "layer": "l", "index": 1, "concept": "c"}
    nothing = float("nan")
    seeds = pd.DataFrame(
        [{**row, "value": v, "low": nothing, "high": nothing, "budget": "full"} for v in (0.2, 0.6)]
    )
    (found,) = over_seeds(seeds).to_dict("records")
    assert [found[name] for name in ("value", "low", "high")] == pytest.approx([0.4, 0.2, 0.6])


def test_it_says_how_to_read_it_and_where_a_concept_is(done):
    """The layer that carries most and that which carries least, with what the block explains there."""
    _, found = done
    assert "over 2 seeds" in found.words[0]
    assert (
        "digit in digit+colour in classifier: carried most by fc (0.90 [0.80, 1.00], of which its block "
        "explains 0.70), least by conv1 (0.80 [0.70, 0.90], of which its block explains 0.60)."
    ) in found.words
    assert any(s.startswith("All but digit in digit+colour in bottleneck, ") for s in found.words)


def test_the_chart_is_drawn_with_the_table_behind_it(done):
    """Layers in their order; the alternative text has the numbers."""
    _, found = done
    (drawn,) = found.drawn
    assert drawn.table == "layers"
    assert "carried by the layer, digit in digit+colour in classifier: conv1 0.80, fc 0.90" in drawn.alt
    text = found.figure(drawn.file).decode()
    assert text.index(">conv1<") < text.index(">fc<")


def test_checkpoints_of_one_network_are_compared(tmp_path):
    """Models that differ in their checkpoint alone are points on an axis, a panel a layer."""
    root = open_root(str(tmp_path / "root"))
    world = make_report_world(root)
    first, second = world.plan.models
    models = []
    for model, file in ((first, "a.safetensors"), (second, "b.safetensors")):
        source = first.spec.source.model_copy(update={"checkpoint": file})
        models.append(replace(model, spec=model.spec.model_copy(update={"source": source})))
    asked = ExperimentsSpec(layers=LayersSpec(concepts="digit", layer="[fb]*"))
    study = world.plan.study.model_copy(update={"experiments": asked})
    plan = replace(world.plan, models=tuple(models), study=study)
    assert checkpoints_of(plan) == [["classifier", "autoencoder"]]
    plan = with_experiments(plan, {model.name: {"model": "m"} for model in plan.models}, 1)
    _seal(world, plan)
    (output,) = experiment(plan, root, Here())
    found = read_found(output)
    assert [drawn.table for drawn in found.drawn] == ["layers", "checkpoints"]
    assert list(found.table("checkpoints")["checkpoint"].unique()) == ["classifier", "autoencoder"]
    assert any(s.startswith("From checkpoint classifier to autoencoder") for s in found.words)


def test_without_a_concept_there_is_nothing_to_compare(tmp_path):
    """`iin check` says so."""
    plan = make_report_world(open_root(str(tmp_path / "root"))).plan
    assert problems(plan, LayersSpec()) == []
    assert "no unit that `layers` chooses has any" in problems(plan, LayersSpec(concepts="none"))[0]


def test_it_is_of_the_study():
    """One output, made when all it reads is there."""
    assert EXPERIMENTS["layers"].scope == "study"


def test_the_response_is_that_of_the_head_else_of_the_concepts_own_reader(done, monkeypatch):
    """A reader of the digit says nothing of how an image moves with colour."""
    from tasks.experiments import layers_numbers

    plan, _ = done
    unit = next(unit for unit in plan.units if unit.concepts == "digit+colour")
    outputs = [("digit by the reader", "class"), ("colour by the reader", "class"), ("image", "value")]
    rows = [
        (output, kind, factor, drawn, statistic, i + 0.1 * (factor == "digit"), 0.0, 9.0)
        for i, (output, kind) in enumerate(outputs)
        for factor in ("digit", "colour")
        for drawn in ("rows", "prior")
        for statistic in (("tv", "kl") if kind == "class" else ("distance",))
    ]
    columns = ["output", "kind", "factor", "drawn", "statistic", "value", "low", "high"]
    table = pd.DataFrame(rows, columns=columns)

    def told(table):
        found = type("Sealed", (), {"table": lambda self, name: table})()
        monkeypatch.setattr(layers_numbers, "read_found", lambda output: found)
        return {row["concept"]: row["value"] for row in layers_numbers._response(None, unit)}

    assert told(table) == pytest.approx({"digit": 0.1, "colour": 1.0})
    head = table.assign(output=table["output"].replace({"digit by the reader": "digit"}))
    assert told(head) == pytest.approx({"digit": 0.1, "colour": 0.0})
    assert told(table[table["output"] == "image"]) == pytest.approx({"digit": 2.1, "colour": 2.0})
