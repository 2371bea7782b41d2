"""The evaluation of one unit, in a world whose right answers are known."""

import io
import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from iin_core.errors import ModelError
from iin_core.metrics import Leakage
from iin_core.spec import EvaluationSpec, ReadingSpec
from tasks import evaluate_worker
from tasks.evaluate import job_of
from tasks.evaluate_job import Job
from tasks.evaluate_worker import evaluate_and_seal
from tasks.evaluation import material
from tasks.evaluation.keys import BASELINES, SCORE_KEYS
from tasks.evaluation.material import Material
from tasks.output import Output, Root, open_root
from tasks.plan import Unit
from tasks.sealed import identity
from tests.tasks.evaluation_world import World, make_world, perfect, seal_unit, with_layer


@pytest.fixture(scope="module")
def world(jobs_folder, tmp_path_factory) -> World:
    """Two models × three concept sets, trained."""
    return make_world(jobs_folder, open_root(str(tmp_path_factory.mktemp("world"))))


def _evaluate(world: World, unit: Unit, root=None) -> Output:
    root = root or world.root
    evaluate_and_seal(root.url, [job_of(world.plan, unit)])
    return root.open("evaluations", unit.evaluate.key)


def _json(output: Output, name: str) -> dict:
    return json.loads(output.file(name).read_text())


def _table(output: Output, name: str) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(output.file(f"{name}.csv").read_bytes()))


@pytest.fixture(scope="module")
def classified(world) -> Output:
    """The classifier's unit of digit and colour, evaluated."""
    return _evaluate(world, world.unit("classifier", "both"))


@pytest.fixture(scope="module")
def decoded(world) -> Output:
    """The decoder's unit of digit and colour, evaluated."""
    return _evaluate(world, world.unit("decoder", "both"))


@pytest.mark.parametrize(
    ("name", "reader", "other"), [("classified", "head", "reader"), ("decoded", "reader", "head")]
)
def test_a_perfect_interpreter_swaps_perfectly(request, name, reader, other) -> None:
    """Cause, isolate, joint and ceiling are 1 by the reader there is; the other is null and says why."""
    output = request.getfixturevalue(name)
    scores, why = _json(output, "scores.json"), _json(output, "why.json")
    for kind in ("cause", "isolate", "joint", "ceiling"):
        assert scores[f"interchange/{reader}_{kind}"] == 1
        assert scores[f"interchange/{other}_{kind}"] is None
        assert "the model has no" in why[f"interchange/{other}_{kind}"]
    assert scores[f"score/joint_{reader}"] == scores[f"baseline/class_means_joint_{reader}"] == 1


def test_every_key_is_there_and_every_null_has_its_reason(world, classified, decoded) -> None:
    """All units write the same keys; null appears exactly where why.json has a sentence."""
    others = [_evaluate(world, world.unit("classifier", name)) for name in ("brightness", "none")]
    for output in (classified, decoded, *others):
        scores, why = _json(output, "scores.json"), _json(output, "why.json")
        assert tuple(scores) == SCORE_KEYS
        assert {key for key, value in scores.items() if value is None} == set(why)
        assert "was not measured" not in why.values()


def test_exactness_prior_and_training_numbers(classified) -> None:
    """A turn is exact, its codes' NLL is half their mean square, training's last NLL is carried over."""
    scores = _json(classified, "scores.json")
    assert scores["score/invertibility_error"] < 1e-5
    assert scores["score/identity_error"] < 1e-5
    assert (
        scores["train/nll_heldout"]
        == scores["score/nll_per_dim"]
        == pytest.approx(0.5 * (18 + 1) / 8, abs=0.2)
    )
    assert (scores["train/nll_train"], scores["train/updates"]) == (0.5, 100)
    assert scores["prior/std_residual"] == pytest.approx((1 / 3) ** 0.5, abs=0.06)
    assert scores["prior/std_worst"] == scores["prior/std_residual"]


def test_leakage_of_the_unit_of_the_layer_and_of_baselines(classified) -> None:
    """Own blocks tell, others do not; layer and whole code are probed for every concept of the study."""
    scores, table = _json(classified, "scores.json"), _table(classified, "leakage")
    assert scores["leakage/linear_own_mean"] > 0.98
    assert scores["score/leak_excess"] < 0.15
    assert scores["score/mig"] > 0.9
    assert scores["leakage/mlp_worst"] is None
    whole = table[table["block"] == "all"]
    every = ["digit", "colour", "brightness (quintile)"]
    assert whole["concept"].tolist() == every * 2
    assert whole["method"].tolist() == ["iin"] * 3 + ["layer"] * 3
    assert set(table["method"]) == {"iin", "layer", *BASELINES}
    assert set(_table(classified, "information")["method"]) == {"iin", *BASELINES}
    assert _table(classified, "prior")["block"].tolist() == ["residual", "digit", "colour"]


def test_the_interchange_table_has_factors_and_their_mean(decoded) -> None:
    """One row for each method, reader and factor, for the mean and the residual, each with its interval."""
    table = _table(decoded, "interchange")
    assert table["factor"].tolist() == ["digit", "colour", "mean", "residual"] * (1 + len(BASELINES))
    assert table["n"].tolist() == [200, 200, 200, 50] * (1 + len(BASELINES))
    factors = table[table["factor"] != "residual"]
    for kind in ("cause", "isolate", "joint"):
        low, high = factors[f"{kind}_low"], factors[f"{kind}_high"]
        assert ((low <= factors[kind]) & (factors[kind] <= high)).all()
    assert (table[["ceiling", "ceiling_low", "ceiling_high"]] == 1).all(axis=None)
    residual = table[table["factor"] == "residual"]
    assert residual[["cause", "joint"]].isna().all(axis=None)
    assert residual.set_index("method").loc["iin", "isolate"] == 1


def test_files_and_meta_are_those_of_the_text(decoded) -> None:
    """docs/formats.md names every file of an evaluation and every field of its meta."""
    text = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
    for file in decoded.files:
        assert f"`{file.partition('/')[0]}{'/' if '/' in file else ''}`" in text, file
    fields = text.split("| field of `meta` of an evaluation |", 1)[1].split("\n\n", 1)[0]
    assert set(decoded.meta) == set(re.findall(r"^\| `(\w+)`", fields, flags=re.M))


@pytest.mark.slow
def test_full_measures_everything(world) -> None:
    """Families, dependence and single dimensions are there, with control; single dimensions as such."""
    unit = world.unit("classifier", "both")
    asked = unit.evaluation.model_copy(update={"level": "full", "permutations": 20, "bootstrap": 20})
    output = _evaluate(world, _apart(replace(unit, settings=replace(unit.settings, evaluation=asked)), world))
    scores, why = _json(output, "scores.json"), _json(output, "why.json")
    assert "measured on `evaluation: full` only" not in why.values()
    assert "was not measured" not in why.values()
    for key in ("families/worst", "dependence/hsic", "dependence/total_correlation", "per_dimension/mig"):
        assert scores[key] is not None
        assert scores[f"{key}_control"] is not None
    assert 0 < scores["dependence/distance_correlation_p"] <= 1
    assert scores["families/worst"] >= scores["families/knn_worst"]
    assert set(_table(output, "dependence")["measure"]) == {
        "distance_correlation",
        "hsic",
        "total_correlation",
    }
    assert len(_table(output, "per_dimension")) == 10


def test_a_short_unit_has_no_baselines(world) -> None:
    """On `default` they are not fitted, and each of their scores says why."""
    unit = world.unit("classifier", "both")
    asked = unit.evaluation.model_copy(update={"level": "default"})
    output = _evaluate(world, _apart(replace(unit, settings=replace(unit.settings, evaluation=asked)), world))
    assert output.meta["methods"] == ["iin"]
    assert _json(output, "why.json")["baseline/das_mig"].startswith("the unit's evaluation is `default`")


def test_a_numeric_concept_is_isolated_but_not_caused(world) -> None:
    """No reader reads brightness: isolate has a value, cause and joint are null with the reason."""
    output = _evaluate(world, world.unit("decoder", "brightness"))
    scores, why = _json(output, "scores.json"), _json(output, "why.json")
    assert scores["interchange/reader_isolate"] == 1
    assert scores["score/joint_reader"] is None
    assert why["score/joint_reader"] == "the reader reads none of this set's concepts"
    assert why["baseline/lda_mig"] == "linear baselines need a label concept in the set"
    assert scores["leakage/linear_own_mean"] > 0.7


def test_an_empty_set_has_what_applies(world) -> None:
    """Without factors the layer is still probed, likelihood and exactness are there, nothing is swapped."""
    output = _evaluate(world, world.unit("decoder", "none"))
    scores, why = _json(output, "scores.json"), _json(output, "why.json")
    assert scores["score/nll_per_dim"] is not None
    assert scores["score/identity_error"] is not None
    assert why["score/joint_reader"] == "the concept set is empty: there is no factor to exchange"
    assert why["score/mig"].startswith("the concept set is empty")
    assert set(_table(output, "leakage")["block"]) == {"residual", "all"}
    assert _table(output, "interchange").empty


def test_the_layer_is_read_again_by_probes_of_other_folds(world, classified) -> None:
    """A worker that has read the layer by halves does not show that to a unit that asks for four folds."""
    unit = world.unit("classifier", "both")
    asked = unit.evaluation.model_copy(update={"level": "default", "folds": 4})
    output = _evaluate(world, _apart(replace(unit, settings=replace(unit.settings, evaluation=asked)), world))
    halves, quarters = (
        table[table["method"] == "layer"].set_index(["probe", "concept"])["accuracy"]
        for table in (_table(classified, "leakage"), _table(output, "leakage"))
    )
    assert halves.index.equals(quarters.index)
    assert not halves.equals(quarters)


def test_a_maximum_cannot_be_put_back(world) -> None:
    """Under `pool: max` swaps and identity are not applicable: lossy, never 0."""
    reading = ReadingSpec(pool="max")
    unit = with_layer(world, world.unit("classifier", "both"), "field", reading)
    output = _evaluate(world, _apart(unit, world))
    why = _json(output, "why.json")
    for key in ("score/identity_error", "interchange/head_joint", "baseline/lda_joint_head"):
        assert why[key].startswith("not applicable: lossy")


def _apart(unit: Unit, world: World) -> Unit:
    """The unit under an evaluation key of its own."""
    asked = {"level": unit.evaluation.level, "folds": unit.evaluation.folds}
    spec = {**unit.evaluate.spec, "layer": unit.layer.layer, **asked}
    step = replace(unit.evaluate, spec=spec)
    return replace(unit, evaluate=step)


def test_figures_are_real_images_with_captions(decoded, classified) -> None:
    """Matrix and curves for every unit; swap grids are an experiment."""
    figures = decoded.meta["figures"]
    assert set(figures) == {"leakage.png", "curves.png"}
    for name in figures:
        assert decoded.file(f"figures/{name}").read_bytes().startswith(b"\x89PNG")
    assert set(classified.meta["figures"]) == {"leakage.png", "curves.png"}


def test_the_same_unit_again_is_identical(world, classified, tmp_path) -> None:
    """Evaluated into another root, every file and the manifest but its times are the same bytes."""
    again = make_world(world.plan.folder, open_root(str(tmp_path / "again")))
    output = _evaluate(again, again.unit("classifier", "both"))
    assert identity(output.manifest) == identity(classified.manifest)


def test_a_head_with_other_labels_is_named(world, tmp_path) -> None:
    """A head whose number of logits is not that of the labels fails with concept, shape and remedy."""
    model = world.plan.model("classifier")
    head = model.spec.head[0].model_copy(update={"classes": (0, 1)})
    unit = world.unit("classifier", "both")
    other = replace(unit, evaluate=replace(unit.evaluate, spec={"head": "of two labels"}))
    job = job_of(world.plan, other)
    job = replace(job, model=replace(model, spec=model.spec.model_copy(update={"head": (head,)})))
    with pytest.raises(ModelError, match=r"shape \(2, 3\) for 'digit', which has 2 labels") as error:
        evaluate_and_seal(world.root.url, [job])
    assert "classes: [...]" in error.value.fix


def test_units_without_activations_leave_nothing_behind(world, tmp_path) -> None:
    """An evaluation that fails seals nothing, and its attempt is gone."""
    from tasks.errors import DamagedOutput

    root = open_root(str(tmp_path / "bare"))
    unit = world.unit("classifier", "both")
    seal_unit(root, unit)
    with pytest.raises(DamagedOutput, match="The activations output"):
        evaluate_and_seal(root.url, [job_of(world.plan, unit)])
    assert root.find(unit.evaluate) is None
    assert not [path for folder in root.key_folders("evaluations") for path in folder.iterdir()]


def _seeds(world: World, root: Root) -> list[Unit]:
    """The classifier's unit of digit and colour with two seeds; both trained, neither evaluated."""
    unit = world.unit("classifier", "both")
    units = []
    for seed in (0, 1):
        steps = {kind: replace(getattr(unit, kind), spec={"seed": seed}) for kind in ("train", "evaluate")}
        units.append(replace(unit, settings=replace(unit.settings, seed=seed), **steps))
        seal_unit(root, units[-1])
    return units


def _jobs(world: World, units: list[Unit]) -> list[Job]:
    return [job_of(world.plan, unit) for unit in units]


@pytest.fixture
def again(jobs_folder, tmp_path) -> World:
    """The same world in a root of its own."""
    return make_world(jobs_folder, open_root(str(tmp_path / "root")))


def test_baselines_are_fitted_once_for_all_seeds(again, monkeypatch) -> None:
    """Units that are evaluated together share them, and each is sealed as it would be alone, bit by bit."""
    fitted: list[str] = []
    for name, fit in material.BASELINES.items():
        counted = partial(lambda name, fit, *given: fitted.append(name) or fit(*given), name, fit)
        monkeypatch.setitem(material.BASELINES, name, counted)
    units = _seeds(again, again.root)
    assert evaluate_and_seal(again.root.url, _jobs(again, units)) == []
    assert sorted(fitted) == sorted(BASELINES)
    together = [again.root.open("evaluations", unit.evaluate.key) for unit in units]
    for unit, output in zip(units, together, strict=True):
        shutil.rmtree(str(again.root.folder("evaluations", unit.evaluate.key)))
        assert evaluate_and_seal(again.root.url, _jobs(again, [unit])) == []
        alone = again.root.open("evaluations", unit.evaluate.key)
        assert identity(alone.manifest) == identity(output.manifest)


def test_a_unit_that_cannot_be_read_stops_no_other(again, monkeypatch) -> None:
    """A code that is not finite is that unit's failure alone; what is sealed is not measured again."""
    units = _seeds(again, again.root)
    broken = perfect(list(units[0].factors))
    broken.front.forward.fill_(float("nan"))
    given = {units[0].train.key: broken, units[1].train.key: perfect(list(units[1].factors))}
    monkeypatch.setattr(evaluate_worker, "open_interpreter", lambda _, unit: given[unit.train.key])
    (failure,) = evaluate_and_seal(again.root.url, _jobs(again, units))
    assert failure.unit == units[0].name
    assert "not finite" in failure.error.what
    assert again.root.find(units[1].evaluate) is not None
    assert again.root.find(units[0].evaluate) is None
    monkeypatch.setattr(evaluate_worker, "open_interpreter", lambda *_: perfect(list(units[0].factors)))
    monkeypatch.setattr(evaluate_worker, "probe_units", _only(evaluate_worker.probe_units, 1))
    assert evaluate_and_seal(again.root.url, _jobs(again, units)) == []


def _only(probe: Callable[..., list[Leakage]], n: int) -> Callable[..., list[Leakage]]:
    def probed(materials: Sequence[Material], spec: EvaluationSpec) -> list[Leakage]:
        assert len(materials) == n
        return probe(materials, spec)

    return probed
