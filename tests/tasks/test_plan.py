"""Plans: which steps a study is made of, and what their keys depend on."""

from __future__ import annotations

import pytest

from tasks.errors import StudyError
from tasks.plan import make_plan
from tasks.study_file import each, load_study
from tests.tasks.toy_study import CODE, write_toy


def plan_of(folder, *changes, more=""):
    return make_plan(load_study(write_toy(folder, *changes, more=more)))


def keys(plan):
    return {(step.kind, step.label): step.key for step in plan.steps()}


def refused(folder, *changes, more=""):
    with pytest.raises(StudyError) as caught:
        plan_of(folder, *changes, more=more)
    return caught.value


def test_units_are_layers_by_sets_by_seeds(tmp_path):
    """Layers come in the order in which the model calls them, whatever the order in the file."""
    plan = plan_of(tmp_path, more="seeds: [0, 3]\n")
    assert [unit.name for unit in plan.units][:4] == [
        "01 a · both · seed 0",
        "01 a · both · seed 3",
        "01 a · digit · seed 0",
        "01 a · digit · seed 3",
    ]
    assert len(plan.units) == 2 * 3 * 2
    layers = plan.model("model").layers
    assert [(layer.index, layer.layer, layer.n, layer.shape, layer.lossless) for layer in layers] == [
        (1, "a", 8, (8,), True),
        (2, "b", 6, (6,), True),
    ]
    assert plan.n_rows == 60
    assert {name: spec.column for name, spec in plan.probed.items()} == {"digit": "digit", "size": "size"}


def test_two_models_share_one_count_of_layers(tmp_path):
    """So no two units have one name, and a curve over layers has one value a step."""
    models = (
        "model: toy_code:net\nlayers: {b: flatten, a: flatten}",
        "models:\n  x: &\n  y: &".replace("&", "{source: 'toy_code:net', layers: [a, b]}"),
    )
    plan = plan_of(tmp_path, models)
    assert [layer.index for model in plan.models for layer in model.layers] == [1, 2, 3, 4]
    names = [unit.name for unit in plan.units]
    assert len(set(names)) == len(names)
    assert names[0] == "01 x/a · both · seed 0"
    assert plan_of(tmp_path).units[0].name == "01 a · both · seed 0"
    first, second = (model.layers[0].extract for model in plan.models)
    assert first.key == second.key  # the same network under two names: extracted once


def test_steps_come_after_their_inputs(tmp_path):
    """Each once, in an order in which they can be done."""
    plan = plan_of(tmp_path, ("model: toy_code:net", "model: {import: toy_code:fitted, fit: {}}"))
    done = set()
    for step in plan.steps():
        assert set(step.inputs.values()) <= done
        assert step.key not in done
        done.add(step.key)
    assert [step.kind for step in plan.steps()][:2] == ["rows", "prepare"]
    assert plan.steps()[-1].kind == "report"


def test_the_same_study_has_the_same_keys(tmp_path):
    """In another folder, under another file name and process state."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    assert keys(plan_of(folders[0])) == keys(plan_of(folders[1]))


def changed_kinds(folder, *changes, more=""):
    """Kinds whose steps have another key than before; the report shows the text, so it always has."""
    before, after = keys(plan_of(folder)), keys(plan_of(folder, *changes, more=more))
    changed = {kind for (kind, label), key in after.items() if before.get((kind, label)) not in (key, None)}
    return changed - {"report"}


CHANGES = {
    "the file's layout": (("layers: {b: flatten, a: flatten}", "layers: [a, b]"), "", set()),
    "resources": (None, "resources: {batch: 3, train: {cpus: 2}}\n", set()),
    "tracking": (None, "tracking: {models: all}\n", set()),
    "name": (("name: toy", "name: other"), "", set()),
    "one more set": (("none: {}}", "none: {}, size: {size: numeric}}"), "", set()),
    "one more probed column": (
        ("none: {}}", "none: {}, more: {more: {kind: label, column: digit}}}"),
        "",
        {"evaluations"},
    ),
    "gates": (None, "gates: [{score: score/mig, at_least: 0}]\n", set()),
    "evaluation": (None, "evaluation: {pairs: 50}\n", {"evaluations"}),
    "head": (None, "head: digit\n", {"evaluations"}),
    "training": (("updates: 20", "updates: 21"), "", {"units", "evaluations"}),
    "flow": (None, "flow: {hidden: 8}\n", {"units", "evaluations"}),
    "front": (None, "flow: {front: none}\n", {"dimensions", "units", "evaluations"}),
    "rho": (("digit: label", "digit: {rho: 0.5}"), "", {"dimensions", "units", "evaluations"}),
    "order of concepts": (
        ("{digit: label, size: numeric}", "{size: numeric, digit: label}"),
        "",
        {"dimensions", "units", "evaluations"},
    ),
    "split": (
        ("data: toy_code:data", "data: {import: toy_code:data, split: {seed: 1}}"),
        "",
        {"rows", "dimensions", "units", "evaluations"},
    ),
    "data": (
        ("data: toy_code:data", "data: {import: toy_code:data, arguments: {n: 61}}"),
        "",
        {"rows", "activations", "dimensions", "units", "evaluations"},
    ),
}


@pytest.mark.parametrize(("change", "more", "kinds"), CHANGES.values(), ids=CHANGES)
def test_a_change_re_keys_what_depends_on_it_and_nothing_else(change, more, kinds, tmp_path):
    """What a result does not depend on is not in its key."""
    changes = [change] if change else []
    assert changed_kinds(tmp_path, *changes, more=more) == kinds


def test_the_report_shows_the_text(tmp_path):
    """So its key holds it, comments too."""
    before, after = plan_of(tmp_path), plan_of(tmp_path, more="# a remark\n")
    assert before.report.key != after.report.key


def test_code_of_the_model_is_in_the_keys(tmp_path):
    """A changed network is extracted anew; rows stay."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    before = keys(plan_of(one))
    path = write_toy(two)
    (two / "toy_code.py").write_text(CODE.replace("self.a(x)", "self.a(x * 2)"))
    after = keys(make_plan(load_study(path)))
    same = {label for label in before if before[label] == after[label]}
    assert same == {("rows", "rows")}


def test_fitted_models_depend_on_the_split(tmp_path):
    """Their weights come from the training rows, so everything after them does too."""
    fitted = ("model: toy_code:net", "model: {import: toy_code:fitted, fit: {epochs: 1}}")
    split = ("data: toy_code:data", "data: {import: toy_code:data, split: {seed: 1}}")
    before, after = keys(plan_of(tmp_path, fitted)), keys(plan_of(tmp_path, fitted, split))
    assert all(before[label] != after[label] for label in before)
    more = keys(plan_of(tmp_path, fitted, ("epochs: 1", "epochs: 2")))
    assert {kind for (kind, label) in before if before[kind, label] == more[kind, label]} == {"rows"}


def test_overrides_apply_in_order(tmp_path):
    """Later entries win, field by field; seeds replace the study's."""
    overrides = """
overrides:
  - {layer: "*", training: {updates: 5, noise: 0.1}}
  - {layer: a, concepts: digit, training: {updates: 7}, flow: {couplings: 2}, seeds: [4, 5]}
  - {layer: a, concepts: digit, dimensions: {digit: 3}}
"""
    plan = plan_of(tmp_path, more=overrides)
    units = {unit.name: unit for unit in plan.units}
    special = units["01 a · digit · seed 5"]
    assert (special.training.updates, special.training.noise, special.flow.couplings) == (7, 0.1, 2)
    assert special.dims == {"digit": 3}
    assert special.dimensions.spec["estimator"] == "given"
    other = units["02 b · digit · seed 0"]
    assert (other.training.updates, other.training.noise, other.dims) == (5, 0.1, None)
    assert "01 a · digit · seed 0" not in units


def test_budgets_are_marked(tmp_path):
    """With a headline, the others are short; without one, all are full."""
    assert {unit.budget for unit in plan_of(tmp_path).units} == {"full"}
    plan = plan_of(tmp_path, more="overrides: [{layer: a, concepts: both, headline: true}]\n")
    assert [unit.budget for unit in plan.units if unit.headline] == ["full"]
    assert {unit.budget for unit in plan.units if not unit.headline} == {"short"}


def test_wide_layers_pass_a_front(tmp_path):
    """The flow is as wide as the front keeps, and given dimensions must fit that."""
    plan = plan_of(tmp_path, more="flow: {front_dims: 4}\n")
    assert [layer.n_flow for layer in plan.model("model").layers] == [4, 4]
    more = "flow: {front_dims: 4}\noverrides: [{concepts: digit, dimensions: {digit: 4}}]\n"
    assert "leave no residual in the 4 of layer 'a'" in refused(tmp_path, more=more).what


LAYERS = "layers: {b: flatten, a: flatten}"
BAD = {
    "misspelt layer": ((LAYERS, "layers: [aa]"), "", "no module 'aa'", "toy.yaml:5 layers[0]", "a"),
    "glob without a match": (
        (LAYERS, "layers: {'conv*': flatten}"),
        "",
        "conv*",
        "toy.yaml:5 layers.conv*",
        "",
    ),
    "never called": ((LAYERS, "layers: [unused]"), "", "never called", "toy.yaml:5 layers[0]", "forward"),
    "called twice": ((LAYERS, "layers: [twice]"), "", "called twice", "toy.yaml:5 layers[0]", "own"),
    "returns a tuple": ((LAYERS, "layers: [pair]"), "", "returns a tuple", "toy.yaml:5 layers[0]", "name"),
    "odd N": (
        (LAYERS, "layers: [odd]"),
        "",
        "N = 3, an odd number",
        "toy.yaml:5 layers[0]",
        "another reading",
    ),
    "odd front": (
        None,
        "flow: {front_dims: 5}\n",
        "keeps 5 dimensions, an odd number",
        "toy.yaml:8 flow.front_dims",
        "4",
    ),
    "reading does not fit": (
        (LAYERS, "layers: {a: {pool: mean}}"),
        "",
        "cannot read",
        "toy.yaml:5 layers.a",
        "flatten",
    ),
    "dimensions exceed N": (
        None,
        "overrides: [{concepts: digit, layer: a, dimensions: {digit: 9}}]\n",
        "9 together, exceed the 8",
        "toy.yaml:8 overrides[0].dimensions",
        "at most 7",
    ),
    "no residual": (
        None,
        "overrides: [{concepts: digit, layer: a, dimensions: {digit: 8}}]\n",
        "leave no residual in the 8",
        "toy.yaml:8 overrides[0].dimensions",
        "at most 7",
    ),
    "some dimensions": (
        None,
        "overrides: [{concepts: both, dimensions: {digit: 2}}]\n",
        "for digit but not for size",
        "toy.yaml:8 overrides[0].dimensions",
        "every concept",
    ),
    "dimensions of nothing": (
        None,
        "overrides: [{dimensions: {digits: 2}}]\n",
        "'digits', which is no concept",
        "toy.yaml:8 overrides[0].dimensions.digits",
        "digit",
    ),
    "override of no model": (
        None,
        "overrides: [{model: modell}]\n",
        "no model is called 'modell'",
        "toy.yaml:8 overrides[0].model",
        "nearest: model",
    ),
    "override of no layer": (
        None,
        "overrides: [{layer: c1}]\n",
        "no layer is called 'c1'",
        "toy.yaml:8 overrides[0].layer",
        "nearest: a, b",
    ),
    "gate of no set": (
        None,
        "gates: [{score: x, at_least: 0, concepts: digits}]\n",
        "no concepts is called 'digits'",
        "toy.yaml:8 gates[0].concepts",
        "nearest: digit",
    ),
    "factory raises": (
        ("model: toy_code:net", "model: toy_code:raises"),
        "",
        "raised RuntimeError: weights are gone",
        "toy.yaml:4 model",
        "",
    ),
    "factory gives no module": (
        ("model: toy_code:net", "model: toy_code:no_module"),
        "",
        "returned a int",
        "toy.yaml:4 model",
        "",
    ),
    "fit not declared": (
        ("model: toy_code:net", "model: {import: toy_code:net, fit: {}}"),
        "",
        "does not declare how it is fitted",
        "toy.yaml:4 model",
        "take `fit:` out",
    ),
}


@pytest.mark.parametrize(("change", "more", "what", "where", "fix"), BAD.values(), ids=BAD)
def test_bad_studies(change, more, what, where, fix, tmp_path):
    """Before any compute, with the line of the study and what to do."""
    error = refused(tmp_path, *([change] if change else []), more=more)
    first = each(error)[0]
    assert what in first.what
    assert first.where.split(";")[0] == where
    assert fix in first.fix
    assert error.exit_code == 2


def test_a_layer_too_narrow_for_its_concepts(tmp_path):
    """Each block needs a dimension."""
    (tmp_path / "toy_code.py").write_text("")
    path = write_toy(tmp_path, (LAYERS, "layers: [odd]"), more="")
    (tmp_path / "toy_code.py").write_text(
        CODE.replace("self.odd = nn.Linear(6, 3)", "self.odd = nn.Linear(6, 2)")
    )
    with pytest.raises(StudyError, match="2 features, too few for 2 concepts and a residual"):
        make_plan(load_study(path))


def test_all_bad_layers_are_told_at_once(tmp_path):
    """One run of the check is enough."""
    error = refused(tmp_path, (LAYERS, "layers: [unused, twice, pair, a]"))
    assert len(each(error)) == 3
