"""The step dimensions on sealed rows: what is sealed, and which estimator a study asks for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch

from iin_core.dimensions import DEFAULT, ESTIMATORS
from iin_core.errors import InputError
from iin_core.spec import FlowSpec, PairSpec
from tasks.activations import Layout, create_array, load_activations, write_shard
from tasks.dimensions_worker import estimate_and_seal
from tasks.errors import DamagedOutput
from tasks.plan import make_plan
from tasks.step import Step
from tasks.study import Estimator, Study
from tasks.study_file import StudyError, load_study
from tasks.unit_front import FRONT, open_front
from tests.tasks.toy_study import write_toy

N = 40


def world(make_study, **settings):
    """A study of one layer of forty features, its rows sealed: a label of three classes and a number."""
    study = make_study(layers=("conv1",), sets=("digit+colour",))
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"source": np.arange(600) // 2, "kind": np.repeat(np.arange(300) % 3, 2)})
    table["size"], table["split"] = (
        rng.normal(size=600),
        np.where(np.arange(600) % 10 < 8, "train", "heldout"),
    )
    z = rng.normal(size=(600, N)) + 3 * np.eye(3, N)[table["kind"]]
    z[:, 5] += 4 * table["size"]
    with study.root.begin(study.plan.rows) as attempt:
        table.to_parquet(str(attempt.path / "rows.parquet"))
        attempt.seal({"n_rows": 600}, times={})
    layer, layout = study.plan.models[0].layers[0], Layout(600, N)
    with study.root.begin(layer.extract) as attempt:
        create_array(attempt.path, layout)
        for shard in range(layout.n_shards):
            span = layout.rows(shard)
            write_shard(attempt.path, layout, shard, z[span.start : span.stop].astype(np.float32))
        attempt.seal({"layer": "conv1", "n_rows": 600, "n": N}, times={})
    unit = study.plan.units[0]
    factors = {"kind": PairSpec(column="kind"), "size": PairSpec(kind="numeric", column="size")}
    settings = replace(unit.settings, **{"flow": FlowSpec(front_dims=16), **settings})
    step = Step("dimensions", 2, {"n": str(settings)}, {}, {}, "01 conv1 · kind+size")
    return study, replace(unit, settings=settings, factors=factors, dimensions=step)


def sealed(study, unit):
    estimate_and_seal(study.root.url, study.plan.rows.key, [unit])
    output = study.root.open("dimensions", unit.dimensions.key)
    return output, json.loads(output.read("dimensions.json"))


@pytest.mark.parametrize("estimator", list(ESTIMATORS))
def test_every_estimator_is_sealed_with_its_scores(make_study, estimator):
    """Dims, scores and the name of what made them lie in the output, and fill the flow."""
    study, unit = world(make_study, estimator=estimator)
    output, document = sealed(study, unit)
    assert document["estimator"] == estimator
    assert list(document["dims"]) == ["residual", "kind", "size"]
    assert sum(document["dims"].values()) == 16
    assert {"kind", "size"} <= set(document["scores"])
    assert output.meta["dims"] == document["dims"]
    if estimator != "softmax":
        assert (document["dims"]["kind"], document["dims"]["size"]) == (2, 1)


def test_the_front_of_a_wide_layer_is_sealed_with_it(make_study):
    """Training reads the same front, which keeps what the pairs share and says what it leaves out."""
    study, unit = world(make_study, estimator="rank")
    output, document = sealed(study, unit)
    front = open_front(study.root, unit)
    assert (front.n_features, front.n_dims) == (N, 16)
    assert front.rest is not None
    assert front.rest.shape[1] == document["front"]["remainder"] == 24
    assert 0.3 < front.explained == document["front"]["explained"] < 1
    z = torch.from_numpy(load_activations(study.root.open("activations", unit.layer.extract.key)))
    torch.testing.assert_close(front.invert(front.apply(z), like=z), z)
    (output.path / FRONT).write_bytes(b"cut")
    with pytest.raises(DamagedOutput, match=r"front\.safetensors"):
        open_front(study.root, unit)


def test_given_dimensions_stand_beside_the_estimate(make_study):
    """Dimensions by hand win; what the estimator would have given is told with its scores."""
    study, unit = world(make_study, estimator="rank", dims={"size": 3, "kind": 4})
    document = sealed(study, unit)[1]
    assert document["estimator"] == "given"
    assert document["dims"] == {"residual": 9, "kind": 4, "size": 3}
    assert document["estimated"] == {"residual": 13, "kind": 2, "size": 1}
    assert set(document["scores"]) == {"kind", "size"}


def test_given_dimensions_must_leave_a_residual(make_study):
    """What the front keeps is less than was asked for."""
    study, unit = world(make_study, dims={"kind": 12, "size": 4})
    with pytest.raises(InputError, match="16 dimensions leave no residual in 16"):
        sealed(study, unit)


def test_a_study_knows_every_estimator():
    """The names that a study may use are those of the library, and its default is the library's."""
    assert set(get_args(Estimator)) == set(ESTIMATORS)
    assert Study.model_fields["dimensions"].default == DEFAULT


def test_an_override_may_name_an_estimator(tmp_path):
    """Later entries win: an estimator takes the place of dimensions by hand, and the other way round."""
    overrides = """
dimensions: explicit
overrides:
  - {layer: a, concepts: digit, dimensions: {digit: 3}}
  - {layer: a, dimensions: rank}
  - {layer: b, dimensions: softmax}
  - {layer: b, concepts: digit, dimensions: {digit: 2}}
"""
    units = {unit.name: unit for unit in make_plan(load_study(write_toy(tmp_path, more=overrides))).units}
    found = {name: unit.dimensions.spec["estimator"] for name, unit in units.items()}
    assert found["01 a · digit · seed 0"] == "rank"
    assert found["02 b · digit · seed 0"] == "given"
    assert units["01 a · digit · seed 0"].dims is None


def test_an_unknown_estimator_is_told_in_the_words_of_the_study(tmp_path):
    """The field is called as it was written, and the estimators are listed."""
    more = "overrides:\n  - {layer: a, dimensions: rnak}\n"
    with pytest.raises(StudyError) as caught:
        load_study(write_toy(tmp_path, more=more))
    assert caught.value.what == "The field 'dimensions' cannot be 'rnak'."
    assert "overrides[0].dimensions" in caught.value.where
    assert caught.value.fix.startswith("write softmax, rank, explicit, or give dimensions by hand with")
