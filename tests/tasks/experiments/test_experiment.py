"""The step experiments on real workers: sealed once, resumed, and failing alone."""

from __future__ import annotations

import json

import pytest

from tasks.errors import UnitFailed
from tasks.experiment import experiment
from tasks.experiments.sealing import read_found
from tasks.experiments.spec import ExperimentSpec
from tasks.output import open_root
from tests.tasks.evaluation_world import make_world
from tests.tasks.experiments_world import CODE, Here, asked_for, planned


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The plan with three experiments, the root, and how the step ended."""
    folder = tmp_path_factory.mktemp("experiments")
    (folder / "tiny_experiments.py").write_text(CODE)
    root = open_root(str(folder / "root"))
    with (
        pytest.MonkeyPatch.context() as patch,
        asked_for(norms=ExperimentSpec(), layer=ExperimentSpec(), model=ExperimentSpec()),
    ):
        patch.syspath_prepend(str(folder))
        plan = planned(make_world(folder, root).plan)
        with pytest.raises(UnitFailed) as ended:
            experiment(plan, root, Here())
        yield plan, root, ended.value


MODELS, SETS = ("classifier", "decoder"), ("both", "brightness", "none")


def sealed(done, name):
    plan, root, _ = done
    return [root.find(p.step) for p in plan.experiments if p.name == name]


def test_units_that_cannot_have_it_have_no_step(done):
    """One step for each unit with concepts, each layer, each model."""
    plan, _, _ = done
    assert [p.step.label for p in plan.experiments] == [
        *(f"norms · code of {model} · {concepts} · seed 0" for model in MODELS for concepts in SETS[:2]),
        "layer · code of classifier",
        "layer · code of decoder",
        "model · classifier",
        "model · decoder",
    ]


def test_a_failing_experiment_fails_alone(done):
    """The others are sealed; the error says which it was, what, and what to do."""
    _, _, error = done
    assert error.what == "Classifiers have no norms."
    assert error.where == "norms · code of classifier · both · seed 0; here"
    assert error.fix == "ask the decoder"
    first, *others = sealed(done, "norms")
    assert first is None
    assert all(output is not None for output in [*others, *sealed(done, "layer"), *sealed(done, "model")])


def test_what_was_found_is_sealed_and_read_again(done):
    """Scores with what stands beside them, tables, figures, words, and further files."""
    output = sealed(done, "norms")[2]
    found = read_found(output)
    blocks = ["residual", "digit", "colour"]
    assert found.numbers == [f"norms/{block}" for block in blocks]
    assert found.beside("norms/digit")["high"] == pytest.approx(found.scores["norms/digit"] + 0.1)
    assert found.table("norms")["block"].tolist() == blocks
    assert found.figure("norms.png").startswith(b"\x89PNG")
    assert found.drawn[0].table == "norms"
    assert found.words == ("Longer is longer.", "<b>two</b>")
    assert output.read("more.txt") == b"m"
    assert output.meta == {
        "experiment": "norms",
        "figures": {"norms.png": "The length of each block."},
        "tables": ["norms"],
    }
    assert output.manifest["times"]["experiment"] > 0


def test_a_layer_has_its_own_rows_and_those_that_it_names(done):
    """And a value that is not finite is null, with the reason."""
    found = read_found(sealed(done, "layer")[0])
    assert found.table("shape")["n"].tolist() == [480]
    assert found.scores["layer/none"] is None
    assert json.loads(found.output.read("why.json")) == {"layer/none": "the value is not finite"}


def test_a_model_is_opened_with_the_table(done):
    """Parameters of the network, rows of the table."""
    assert read_found(sealed(done, "model")[0]).words == ("64 parameters, 480 rows of 480.",)


def test_a_second_run_does_only_what_is_missing(done):
    """Nothing that is sealed is made again, and what failed is tried again."""
    plan, root, _ = done
    before = {o.key: o.manifest["created"] for o in root.outputs("experiments")}
    here = Here()
    with pytest.raises(UnitFailed):
        experiment(plan, root, here)
    assert here.calls == ["norms · code of classifier · both · seed 0"]
    assert {o.key: o.manifest["created"] for o in root.outputs("experiments")} == before


def test_without_its_unit_nothing_is_done(done, tmp_path):
    """What reads something that is not sealed is left to the step that should have made it."""
    plan, _, _ = done
    here = Here()
    assert experiment(plan, open_root(str(tmp_path / "root")), here) == []
    assert here.calls == []
