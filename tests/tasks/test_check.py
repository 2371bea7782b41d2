"""The check: everything that is wrong with a study, before any compute, in one go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.check import check_study, checked_plan
from tasks.errors import DamagedOutput, EnvironmentProblem, StudyError
from tasks.plan import make_plan
from tasks.study_file import load_study
from tests.tasks.toy_study import write_toy


def findings(folder, *changes, more="", root=None):
    return check_study(load_study(write_toy(folder, *changes, more=more)), root)


def test_a_study_in_order_has_no_findings(tmp_path):
    """And its plan is the one that the run would make."""
    loaded = load_study(write_toy(tmp_path))
    assert check_study(loaded, str(tmp_path / "root")) == []
    plan, warnings = checked_plan(loaded, str(tmp_path / "root"))
    assert warnings == []
    assert [step.key for step in plan.steps()] == [step.key for step in make_plan(loaded).steps()]
    assert not (tmp_path / "root").exists()


def source(name):
    return ("data: toy_code:data", f"data: {name}")


SIZE_SET = "none: {}"
LABELS_OF_NET = "classes: [0, 1, 2]"
BAD = {
    "column missing": (
        (("size: numeric", "siez: numeric"),),
        "",
        "The data has no column 'siez'",
        "toy.yaml:6 concepts.both.siez",
        "nearest: size",
    ),
    "column constant": (
        ((SIZE_SET, "none: {flat: numeric}"),),
        "",
        "'flat' is constant",
        "toy.yaml:6 concepts.none.flat",
        "two values",
    ),
    "number as label": (
        (("size: numeric", "size: label"),),
        "",
        "60 of 60 values differ",
        "toy.yaml:6 concepts.both.size",
        "{size: numeric}",
    ),
    "value seen once": (
        (source("toy_code:lonely"),),
        "",
        "only one source example shows: 1",
        "toy.yaml:6 concepts.both.digit",
        "drop these rows",
    ),
    "split leaks": (
        (source("{import: 'toy_code:leaking', split: {column: side}}"),),
        "",
        "The split leaks: 30 sources",
        "toy.yaml:3 data.split",
        "put every row of a source on one side",
    ),
    "split column missing": (
        (source("{import: 'toy_code:data', split: {column: side}}"),),
        "",
        "no column 'side'",
        "toy.yaml:3 data.split",
        "correct the name",
    ),
    "inputs not finite": (
        (source("toy_code:holes"),),
        "",
        "inputs that are not finite",
        "toy.yaml:3 data",
        "drop or repair",
    ),
    "data of nothing": (
        (source("toy_code:net"),),
        "",
        "gave a Net",
        "toy.yaml:3 data",
        "return (inputs, table)",
    ),
    "data raises": ((source("toy_code:raises"),), "", "raised RuntimeError", "toy.yaml:3 data", ""),
    "one name for two columns": (
        (("digit: [digit]", "digit: {digit: {column: size, kind: numeric}}"),),
        "",
        "'digit' is label of column 'digit' in 'both', and numeric of column 'size'",
        "toy.yaml:6 concepts.digit.digit",
        "another name",
    ),
    "head of nothing": (
        (),
        "head: digt\n",
        "names the concept 'digt', not of the study or its data",
        "toy.yaml:8 head",
        "nearest: digit",
    ),
    "head of a number": ((), "head: size\n", "'size', which is numeric", "toy.yaml:8 head", "label concept"),
    "head in another order": (
        (("layers: {b: flatten, a: flatten}", "layers: [a]"),),
        "head: {digit: {classes: [0, 1]}}\n",
        "logits of shape (2, 3) for 'digit', which has 2",
        "toy.yaml:8 head",
        "classes",
    ),
    "reader without decoder": (
        (),
        "reader: toy_code:reader\n",
        "the model has no decoder",
        "toy.yaml:8 reader",
        "decoder: output",
    ),
    "reader that returns no mapping": (
        (),
        "decoder: output\nreader: {import: 'torch.nn:Identity'}\n",
        "The reader returned a Tensor",
        "toy.yaml:9 reader",
        "mapping",
    ),
    "reader that raises": (
        (),
        "decoder: output\nreader: toy_code:net\n",
        "raised RuntimeError",
        "toy.yaml:9 reader",
        "",
    ),
    "unknown score": (
        (),
        "gates: [{score: score/joint_haed, at_least: 0.9}]\n",
        "no score 'score/joint_haed'",
        "toy.yaml:8 gates[0].score",
        "nearest: score/joint_head",
    ),
    "secret": (
        (),
        "tracking: {uri: 'https://me:pass@host'}\n",
        "holds a name or password",
        "toy.yaml:8 tracking.uri",
        "MLFLOW_TRACKING_PASSWORD",
    ),
}


@pytest.mark.parametrize(("changes", "more", "what", "where", "fix"), BAD.values(), ids=BAD)
def test_findings(changes, more, what, where, fix, tmp_path):
    """Each with its line; the check and the refusal of a run say the same."""
    found = findings(tmp_path, *changes, more=more)
    matching = [entry for entry in found if what in entry.what]
    assert matching, found
    assert matching[0].level == "error"
    assert matching[0].where.split(";")[0] == where
    assert fix in matching[0].fix
    assert matching[0].exit_code == 2
    with pytest.raises(StudyError) as caught:
        checked_plan(load_study(tmp_path / "toy.yaml"))
    assert what in caught.value.what


def test_a_layer_of_one_feature(tmp_path):
    """There is no front of fewer dimensions to be advised."""
    path = write_toy(tmp_path, ("layers: {b: flatten, a: flatten}", "layers: [odd]"))
    code = tmp_path / "toy_code.py"
    code.write_text(code.read_text().replace("nn.Linear(6, 3)", "nn.Linear(6, 1)"))
    (found, *_) = check_study(load_study(path))
    assert "N = 1, an odd number" in found.what
    assert "front" not in found.fix


def test_a_place_is_said_once(tmp_path):
    """What the line of the study says already is not repeated behind it."""
    (found,) = findings(tmp_path, source("toy_code:net"))
    assert found.where == "toy.yaml:3 data"


def test_everything_is_found_at_once(tmp_path):
    """Mistakes in data, layers, concepts, overrides and root do not hide each other."""
    (tmp_path / "file").write_text("")
    found = findings(
        tmp_path,
        ("b: flatten", "bb: flatten"),
        ("size: numeric", "siez: numeric"),
        more="gates: [{score: nothing, at_least: 1}]\n",
        root=str(tmp_path / "file" / "root"),
    )
    texts = "\n".join(map(str, found))
    for part in ("no module 'bb'", "no column 'siez'", "no score 'nothing'", "is a file"):
        assert part in texts
    assert len(found) == 4


def test_models_are_built_even_if_the_data_cannot_be_opened(tmp_path):
    """A broken data source does not hide a broken model."""
    found = findings(tmp_path, source("toy_code:raises"), ("model: toy_code:net", "model: toy_code:nett"))
    assert [entry.where.split(";")[0] for entry in found] == ["toy.yaml:3 data", "toy.yaml:4 model"]


def test_a_head_that_fits_is_no_finding(tmp_path):
    """Three logits, three digits."""
    assert findings(tmp_path, more="head: digit\n") == []
    assert findings(tmp_path, more="head: {digit: {classes: [2, 0, 1]}}\n") == []


def test_a_reader_that_fits_is_no_finding(tmp_path):
    """It says logits of a concept of what the model returns."""
    assert findings(tmp_path, more="decoder: output\nreader: toy_code:reader\n") == []


def test_concepts_that_determine_each_other_are_a_warning(tmp_path):
    """With the number, and the study runs."""
    change = ("digit: [digit]", "digit: [digit, colour]")
    (found,) = findings(tmp_path, source("toy_code:twins"), change)
    assert found.level == "warning"
    assert "'digit' and 'colour' determine each other (Cramér's V 1.00)" in found.what
    assert found.where == "toy.yaml:6 concepts.digit"
    _, warnings = checked_plan(load_study(tmp_path / "toy.yaml"))
    assert warnings == [found]


def test_code_that_the_operator_has_not_allowed(tmp_path, monkeypatch):
    """Both the data and the model are named."""
    monkeypatch.setenv("IIN_ALLOW_CODE", "torchvision")
    found = findings(tmp_path)
    assert [entry.where.split(";")[0] for entry in found] == ["toy.yaml:3 data", "toy.yaml:4 model"]
    assert all("has not allowed" in entry.what for entry in found)


def test_a_root_that_cannot_be_written(tmp_path, monkeypatch):
    """The environment is wrong, not the study: exit code 3."""
    loaded = load_study(write_toy(tmp_path))
    # Tests may run as root, to whom every folder is writable.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (found,) = check_study(loaded, str(tmp_path / "root"))
    assert "cannot be written" in found.what
    assert found.where == str(tmp_path)
    assert found.exit_code == 3


def test_a_root_below_a_file(tmp_path):
    """The environment is wrong, not the study: exit code 3."""
    (tmp_path / "file").write_text("")
    loaded = load_study(write_toy(tmp_path))
    (found,) = check_study(loaded, str(tmp_path / "file" / "root"))
    assert (found.level, found.exit_code) == ("error", 3)
    with pytest.raises(EnvironmentProblem, match="cannot be a folder"):
        checked_plan(loaded, str(tmp_path / "file" / "root"))


@pytest.mark.parametrize(
    ("marker", "kind", "said"),
    [
        ('{"iin_root": 2}', EnvironmentProblem, "made by a newer version of iin"),
        ('{"iin_ro', DamagedOutput, "version of the root cannot be read"),
    ],
)
def test_a_root_that_cannot_be_used(marker, kind, said, tmp_path):
    """Its own version is looked at as well as its right to be written."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "iin.json").write_text(marker)
    loaded = load_study(write_toy(tmp_path))
    (found,) = check_study(loaded, str(tmp_path / "root"))
    assert (found.level, found.exit_code) == ("error", kind.exit_code)
    with pytest.raises(kind, match=said):
        checked_plan(loaded, str(tmp_path / "root"))


def test_the_demo_study_is_in_order(tmp_path):
    """As shipped."""
    digits = Path(__file__).parents[2] / "studies" / "digits.yaml"
    assert check_study(load_study(digits), str(tmp_path)) == []
