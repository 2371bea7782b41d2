"""Linear probes as the reader of a model that has no head: fitted, sealed, judged by, and refused."""

from __future__ import annotations

import json

import pytest

from tasks.check import check_study
from tasks.errors import StudyError
from tasks.experiments.sealing import read_found
from tasks.results import read_scores
from tasks.study_file import load_study
from tests.in_process import run_here
from tests.replaced import replaced
from tests.tasks.evaluation_world import WORLD, perfect

CODE = (
    WORLD
    + """

class Triple(Turned):
    def forward(self, x):
        z = self.code(x)
        return z.sum(), z @ TURN, "text"


class Loose(Turned):
    def forward(self, x):
        return self.code(x).sum(1)
"""
)
STUDY = """
iin: 1
name: probed
data: {import: "probe_code:data", split: {column: split}}
model: probe_code:Triple
layers: [code]
reader: {probe: [digit, colour], output: 1}
concepts: {both: [digit, colour]}
evaluation: {level: default, pairs: 100, bootstrap: 20, probes: [linear]}
experiments:
  transfer: {pairs: 40}
  response: {bases: 12, draws: 2, draw_from: [rows]}
"""


def _load(folder, *changes):
    (folder / "probe_code.py").write_text(CODE)
    (folder / "probed.yaml").write_text(replaced(STUDY, *changes))
    return load_study(folder / "probed.yaml")


def test_probes_judge_swaps_transfers_and_responses(tmp_path):
    """The perfect IIN swaps and transfers just its concept, as probes of one part of a tuple read it."""
    loaded = _load(tmp_path)
    assert [found.what for found in check_study(loaded) if found.level == "error"] == []
    plan, root = run_here(loaded, tmp_path / "root", lambda rows, unit: perfect(list(unit.factors)))
    (unit,) = plan.units
    scores = read_scores(root.open("evaluations", unit.evaluate.key))
    assert scores["interchange/reader_ceiling"] == scores["score/joint_reader"] == 1.0
    assert scores["score/joint_head"] is None
    sealed = root.open("prepare", plan.models[0].reader_prepare.key)
    assert json.loads(sealed.read("curves.json"))["accuracy"]["digit"] == {"train": 1.0, "validation": 1.0}
    found = {p.name: read_found(root.open("experiments", p.step.key)) for p in plan.experiments}
    assert found["transfer"].scores["transfer/colour_reader_joint"] == 1.0
    response = found["response"].scores
    of_digit = "response/digit by the reader"
    assert response[f"{of_digit}/colour_tv"] < 0.05 < response[f"{of_digit}/digit_tv"]
    assert response["response/output 1/digit_distance"] > 0.1


def test_probes_are_keyed_by_concepts_and_part(tmp_path):
    """Another part of the output makes other probes, and other evaluations, of the same units."""
    from tasks.plan import make_plan

    plan = make_plan(_load(tmp_path))
    other = make_plan(_load(tmp_path, ("[digit, colour], output: 1}", "digit, output: 1}")))
    assert plan.models[0].reader_prepare.key != other.models[0].reader_prepare.key
    assert plan.units[0].train.key == other.units[0].train.key
    assert plan.units[0].evaluate.key != other.units[0].evaluate.key


@pytest.mark.parametrize(
    ("old", "new", "what", "fix"),
    [
        ("output: 1", "output: 3", "has no part 3 for the reader's probe", "name the part"),
        ("output: 1", "output: 2", "is a str, not a tensor", "name the part"),
        (", output: 1", "", "returns a tuple of 3, and the reader's probe names none", "name the part"),
        ("output: 1", "output: 0", "reads numbers (n, ...)", "return vectors"),
        ("Triple", "Loose", "reads numbers (n, ...)", "return vectors"),
        ("[digit, colour], out", "[digits], out", "The probe names the concept 'digits'", "nearest: digit"),
        ("both: [digit, colour]", "b: {digit: label, colour: {kind: numeric, column: brightness}}",
         "'colour', which is numeric", "name a label concept"),
    ],
)  # fmt: skip
def test_what_probes_cannot_read_is_refused_before_compute(tmp_path, old, new, what, fix):
    """Each says what came and what to write."""
    found = [f for f in check_study(_load(tmp_path, (old, new))) if f.level == "error"]
    assert any(what in f.what and fix in f.fix and "reader" in f.where for f in found), found


def test_a_reader_is_one_of_both(tmp_path):
    """A source or probes; settings belong to theirs."""
    for new, text in (
        ("{output: 1}", "either a source"),
        ("{probe: digit, fit: {}}", "`fit` is of a source"),
        ("{builtin: digit_reader, output: a}", "`output` is of `probe`"),
    ):
        with pytest.raises(StudyError, match=text):
            _load(tmp_path, ("{probe: [digit, colour], output: 1}", new))
