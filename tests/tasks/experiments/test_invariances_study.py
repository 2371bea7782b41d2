"""Invariances asked for by a study file, on real workers, up to the chart over depth."""

from __future__ import annotations

import pytest

from iin_core.invariance import ConditionalInterpreter
from tasks.check import check_study
from tasks.dimensions import estimate
from tasks.experiment import experiment
from tasks.experiments.sealing import read_found
from tasks.extract import extract
from tasks.local_copy import local_copy
from tasks.output import open_root
from tasks.plan import make_plan
from tasks.prepare import prepare
from tasks.rows import make_rows
from tasks.study_file import load_study
from tasks.train import train
from tests.tasks.trained_world import CODE

STUDY = """
iin: 1
name: blind
data: {source: {import: "blind_world:shapes"}}
models:
  net:
    source: {import: "blind_world:net"}
    fit: {rate: 0.2}
    layers: [first, second]
concepts:
  kind+size: {kind: label, size: numeric}
flow: {couplings: 1, residual_couplings: 0, hidden: 8}
training: {updates: 4, batch: 32}
evaluation: {bootstrap: 10, permutations: 20, probes: [linear]}
experiments:
  invariances:
    autoencoder: net
    code: first
    concepts: kind+size
    updates: 30
    flow: {couplings: 2, hidden: 16, embedding: 4, embedding_hidden: 16}
  invariances_over_depth: {}
"""


@pytest.mark.slow
def test_a_study_asks_for_invariances(jobs_folder, cluster, tmp_path):
    """The code's own layer is left out, the other one gets tables, a flow and a place in the chart."""
    (jobs_folder / "blind_world.py").write_text(CODE.replace("nn.Linear(8, 3)", "nn.Linear(8, 4)"))
    (jobs_folder / "blind.yaml").write_text(STUDY)
    loaded = load_study(jobs_folder / "blind.yaml")
    plan, root = make_plan(loaded), open_root(str(tmp_path / "root"))
    assert not [finding for finding in check_study(loaded) if finding.level == "error"]
    labels = [planned.step.label for planned in plan.experiments]
    assert labels == ["invariances · 02 second", "invariances_over_depth · blind"]
    make_rows(plan, root)
    for step in (prepare, extract, estimate, train, experiment):
        step(plan, root, cluster)
    first, second = (root.find(planned.step) for planned in plan.experiments)
    found = read_found(first)
    assert {"invariances/kind_v", "invariances/size_z", "invariances/kept_kind"} <= found.scores.keys()
    assert set(found.tables) == {"invariances", "independence", "concept_space"}
    with local_copy(first) as folder:
        t = ConditionalInterpreter.load(folder / "flow")
    assert (t.n_features, t.n_given) == (8, 4)
    chart = read_found(second)
    assert list(chart.table("invariances")["layer"].unique()) == ["second"]
    assert len(chart.drawn) == 1
