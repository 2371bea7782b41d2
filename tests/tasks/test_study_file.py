"""Study files: their short forms, and what is said of mistakes in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from iin_core.spec import FlowSpec, TrainingSpec
from tasks.errors import StudyError
from tasks.study import Study
from tasks.study_file import each, load_study, merged
from tests.tasks.toy_study import STUDY, write_toy

DIGITS = Path(__file__).parents[2] / "studies" / "digits.yaml"


def refused(folder, *changes, more=""):
    with pytest.raises(StudyError) as caught:
        load_study(write_toy(folder, *changes, more=more))
    return caught.value


def test_the_demo_study_loads():
    """It says what it is about and where it stands."""
    loaded = load_study(DIGITS)
    assert loaded.study.name == "digits"
    assert loaded.folder == DIGITS.parent
    assert loaded.text == DIGITS.read_text()
    assert set(loaded.study.concepts["digit+colour"].factors) == {"digit", "colour"}
    assert loaded.study.models["autoencoder"].reader is not None


def test_a_study_written_out_loads_as_the_same(tmp_path):
    """The long form, as the schema writes it, is a study file too."""
    study = load_study(DIGITS).study
    text = study.model_dump_json(by_alias=True, exclude_none=True)
    (tmp_path / "long.yaml").write_text(text)
    assert load_study(tmp_path / "long.yaml").study == study


SHORT = {
    "layers as a list": ({"layers": ["a", "b"]}, {"layers": {"a": {}, "b": {"reading": {"flatten": True}}}}),
    "readings": (
        {"layers": {"a": "flatten", "b": {"pool": "mean"}, "c": {"reading": "flatten"}, "d": None}},
        {"layers": {"a": {}, "b": {"reading": {"pool": "mean"}}, "c": {}, "d": {}}},
    ),
    "head": ({"head": "digit"}, {"head": [{"concept": "digit"}]}),
    "heads": (
        {"head": ["digit", {"concept": "size"}]},
        {"head": [{"concept": "digit"}, {"concept": "size"}]},
    ),
    "head outputs": (
        {"head": {"digit": "logits", "size": None, "hue": {"classes": [1, 2]}}},
        {
            "head": [
                {"concept": "digit", "output": "logits"},
                {"concept": "size"},
                {"concept": "hue", "classes": [1, 2]},
            ]
        },
    ),
    "reader": (
        {"reader": "pkg.mod:reader"},
        {"reader": {"source": {"import": "pkg.mod:reader"}}},
    ),
    "reader with fit": (
        {"reader": {"builtin": "digit_reader", "fit": {}}},
        {"reader": {"source": {"builtin": "digit_reader"}, "fit": {}}},
    ),
    "source by name": ({"source": "digit_classifier"}, {"source": {"builtin": "digit_classifier"}}),
    "source by import": ({"source": "a.b:c"}, {"source": {"import": "a.b:c"}}),
}


@pytest.mark.parametrize(("short", "long"), SHORT.values(), ids=SHORT)
def test_short_forms_of_a_model(short, long, tmp_path):
    """Each short form means the same as its long form."""
    models = []
    for part in (short, long):
        model = {"source": {"import": "m:f"}, "layers": {"a": {}}, **part}
        study = {"iin": 1, "name": "x", "data": "d", "concepts": {"c": {}}, "models": {"m": model}}
        (tmp_path / "s.yaml").write_text(json.dumps(study))
        models.append(load_study(tmp_path / "s.yaml").study.models)
    assert models[0] == models[1]


def test_one_model_at_the_top(tmp_path):
    """`model:` with its fields beside it is a study of one model called model."""
    loaded = load_study(write_toy(tmp_path, more="head: digit\ndecoder: output\nfit: {a: 1}\n"))
    (name,) = loaded.study.models
    assert name == "model"
    assert loaded.study.models[name].head[0].concept == "digit"
    assert loaded.study.models[name].fit == {"a": 1}
    assert loaded.where("models", "model", "layers", "a") == "toy.yaml:5 layers.a"


def test_data_with_its_split(tmp_path):
    """A source's fields and the split may stand side by side."""
    change = ("data: toy_code:data", "data: {import: toy_code:data, arguments: {n: 9}, split: {seed: 3}}")
    data = load_study(write_toy(tmp_path, change)).study.data
    assert data.source.arguments == {"n": 9}
    assert data.split.seed == 3


MISTAKES = {
    "misspelt field": (
        ("training: {updates: 20}", "training: {updats: 20}"),
        "The field 'updats' is not known here.",
        "toy.yaml:7 training.updats",
        "nearest: updates",
    ),
    "misspelt at top": (
        ("training:", "trainign:"),
        "The field 'trainign' is not known here.",
        "toy.yaml:7 trainign",
        "nearest: training",
    ),
    "wrong kind": (
        ("size: numeric", "size: number"),
        "The field 'kind' cannot be 'number'.",
        "toy.yaml:6 concepts.both.size",
        "nearest: numeric",
    ),
    "wrong reading": (
        ("b: flatten", "b: {pool: median}"),
        "The field 'pool' cannot be 'median'.",
        "toy.yaml:5 layers.b.pool",
        "nearest: mean",
    ),
    "reading as a word": (
        ("b: flatten", "b: mean"),
        "The field 'reading' is 'mean', but a mapping of fields is needed.",
        "toy.yaml:5 layers.b",
        "write flatten, {pool: mean}",
    ),
    "two readings": (
        ("b: flatten", "b: {pool: max, token: cls}"),
        "a reading is exactly one of flatten, pool, token",
        "toy.yaml:5 layers.b",
        "write flatten",
    ),
    "fraction": (
        ("updates: 20", "updates: 2.5"),
        "'updates' is 2.5, but a whole number is needed.",
        "toy.yaml:7 training.updates",
        "write a whole number",
    ),
    "boolean number": (
        ("updates: 20", "updates: true"),
        "'updates' is true, but a whole number is needed.",
        "toy.yaml:7 training.updates",
        "whole number",
    ),
    "zero": (
        ("updates: 20", "updates: 0"),
        "The field 'updates' is 0.",
        "toy.yaml:7 training.updates",
        "at least 1",
    ),
    "number for text": (
        ("name: toy", "name: 7"),
        "'name' is 7, but text is needed.",
        "toy.yaml:2 name",
        '"7"',
    ),
    "nothing": (
        ("training: {updates: 20}", "training:"),
        "'training' is nothing, but a mapping of fields is needed.",
        "toy.yaml:7 training",
        "take the field out to get its default",
    ),
    "study name": (
        ("name: toy", "name: a/b"),
        "The field 'name' cannot be 'a/b'.",
        "toy.yaml:2 name",
        "use letters",
    ),
    "import path": (
        ("model: toy_code:net", "model: {import: net}"),
        "'import' cannot be 'net'",
        "toy.yaml:4 model.import",
        "`package.module:name`",
    ),
    "no source": (
        ("model: toy_code:net", "model: {arguments: {}}"),
        "a source is exactly one of builtin, import",
        "toy.yaml:4 model",
        "name a built-in",
    ),
    "checkpoint of data": (
        ("data: toy_code:data", "data: {import: toy_code:data, checkpoint: x.pt}"),
        "a checkpoint is for models",
        "toy.yaml:3 data",
        "",
    ),
    "newer format": (
        ("iin: 1", "iin: 2"),
        "The field 'iin' cannot be 2.",
        "toy.yaml:1 iin",
        "install a newer iin",
    ),
    "no format": (("iin: 1\n", "description: x\n"), "The field 'iin' is missing.", "toy.yaml:1", "`iin: 1`"),
    "no data": (
        ("data: toy_code:data\n", ""),
        "The field 'data' is missing.",
        "toy.yaml:1",
        "name a built-in data set",
    ),
    "residual": (
        ("digit: [digit]", "digit: [residual]"),
        "'residual' is the name of the residual block",
        "toy.yaml:6 concepts.digit",
        "",
    ),
    "name of a table's own": (
        ("digit: [digit]", "digit: [all]"),
        "'all' is the name of the whole code in tables",
        "toy.yaml:6 concepts.digit",
        "",
    ),
    "slash in a name": (
        ("digit: [digit]", "a/b: [digit]"),
        "'a/b' cannot be 'a/b'",
        "toy.yaml:6 concepts.a/b",
        "printable characters",
    ),
    "set as a word": (
        ("digit: [digit]", "digit: 3"),
        "but a mapping",
        "toy.yaml:6 concepts.digit",
        "name concepts",
    ),
}


@pytest.mark.parametrize(("change", "what", "where", "fix"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(change, what, where, fix, tmp_path):
    """A mistake is told in words, with file, line, field and what to write."""
    error = refused(tmp_path, change)
    assert what in error.what
    assert error.where == where
    assert fix in error.fix
    assert error.exit_code == 2


ADDED = {
    "no seeds": ("seeds: []", "The field 'seeds' is empty.", "toy.yaml:8 seeds"),
    "seed twice": ("seeds: [1, 1]", "each seed is named once, not as in [1, 1]", "toy.yaml:8 seeds"),
    "negative seed": ("seeds: [-1]", "is -1", "toy.yaml:8 seeds[0]"),
    "dimensions by hand": (
        "dimensions: {digit: 2}",
        "The field 'dimensions' cannot be a mapping.",
        "toy.yaml:8 dimensions",
    ),
    "seed twice in an override": (
        "overrides:\n  - {seeds: [2, 2]}",
        "each seed is named once, not as in [2, 2]",
        "toy.yaml:9 overrides[0].seeds",
    ),
    "override setting": (
        "overrides:\n  - {layer: a, training: {updats: 3}}",
        "'updats' is not known here",
        "toy.yaml:9 overrides[0].training.updats",
    ),
    "override value": (
        "overrides:\n  - {flow: {hidden: 0}}",
        "'hidden' is 0",
        "toy.yaml:9 overrides[0].flow.hidden",
    ),
    "override residual": (
        "overrides:\n  - {dimensions: {residual: 3}}",
        "'residual' gets what they leave",
        "toy.yaml:9 overrides[0]",
    ),
    "no bar": ("gates: [{score: x}]", "a gate needs at_least or at_most", "toy.yaml:8 gates[0]"),
    "two ways of models": (
        "models: {m: {source: 'a:b', layers: [x]}}",
        "'model' is not known here",
        "toy.yaml:4 model",
    ),
    "nested misspelling": (
        "resources: {train: {cpu: 2}}",
        "'cpu' is not known here",
        "toy.yaml:8 resources.train.cpu",
    ),
    "shares": (
        "evaluation: {probes: [quadratic]}",
        "cannot be 'quadratic'",
        "toy.yaml:8 evaluation.probes[0]",
    ),
}


@pytest.mark.parametrize(("more", "what", "where"), ADDED.values(), ids=ADDED)
def test_mistakes_in_added_fields(more, what, where, tmp_path):
    """Lists, overrides and gates are pointed into."""
    errors = each(refused(tmp_path, more=more))
    assert any(what in error.what and error.where.startswith(where) for error in errors), errors


def test_a_wrong_entry_is_one_mistake(tmp_path):
    """A list is not called empty because its only entry is wrong."""
    assert [part.what for part in each(refused(tmp_path, more="seeds: [-1]"))] == ["The field 'seeds' is -1."]


def test_where_dimensions_are_given_by_hand_is_shown(tmp_path):
    """The field of that name at the top is only how they are estimated."""
    error = refused(tmp_path, more="dimensions: {digit: 2}")
    assert "overrides: [{concepts: digit+colour, dimensions: {digit: 8, colour: 4}}]" in error.fix


def test_shares_of_the_split_sum_to_one(tmp_path):
    """The message shows the sum."""
    change = ("data: toy_code:data", "data: {import: 'toy_code:data', split: {train: 0.9}}")
    assert "train + validation + heldout is 1.3, not 1" in refused(tmp_path, change).what


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path):
    """A person corrects them in one go."""
    error = refused(tmp_path, ("name: toy", "name: a b"), ("updates: 20", "updates: 0"), more="sedes: 3\n")
    assert [part.where for part in each(error)] == [
        "toy.yaml:2 name",
        "toy.yaml:7 training.updates",
        "toy.yaml:8 sedes",
    ]
    assert "The study has 3 mistakes." in str(error)
    assert "2. The field 'updates' is 0." in str(error)
    assert str(error).count("where: toy.yaml:") == 3


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_what_is_no_file(name, tmp_path):
    """A missing file and a folder are told apart from mistakes in a file."""
    with pytest.raises(StudyError, match=r"no study file|is a folder"):
        load_study(tmp_path / name)


def test_published_is_a_word_for_whole_groups_of_settings(tmp_path):
    """`training: published` and `flow: published` are the paper's settings, in overrides too."""
    more = "flow: published\noverrides: [{layer: a, training: published}, {layer: b, flow: {hidden: 16}}]\n"
    training = "{updates: 20, penalties: {hsic: 1.0}}"
    study = load_study(write_toy(tmp_path, ("{updates: 20}", training), more=more)).study
    assert study.flow == FlowSpec.published()
    assert merged(study.training, study.overrides[0].training) == TrainingSpec.published()
    narrow = FlowSpec.published().model_copy(update={"hidden": 16})
    assert merged(study.flow, study.overrides[1].flow) == narrow
    whole = load_study(write_toy(tmp_path, ("{updates: 20}", "published"))).study
    assert whole.training == TrainingSpec.published()


def test_another_word_for_settings_is_refused(tmp_path):
    """Only `published` stands for settings; another word is told to be no mapping."""
    error = refused(tmp_path, ("{updates: 20}", "publshed"))
    assert "a mapping of fields" in error.what
    assert error.where == "toy.yaml:7 training"


def test_merged_settings_are_validated():
    """An override is read as if its fields had been written in the study."""
    study = Study.model_validate_json(
        json.dumps(
            {
                "iin": 1,
                "name": "x",
                "data": {"source": {"builtin": "d"}},
                "concepts": {"c": {}},
                "models": {"m": {"source": {"builtin": "m"}, "layers": {"a": {}}}},
            }
        )
    )
    assert merged(study.training, {"betas": [0.5, 0.9]}).betas == (0.5, 0.9)
    assert merged(study.training, {}) == study.training


def test_the_toy_study_is_as_short_as_a_study_can_be(tmp_path):
    """Seven lines are enough."""
    assert len(STUDY.splitlines()) == 7
    assert load_study(write_toy(tmp_path)).study.seeds == (0,)
