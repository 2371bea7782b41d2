"""Studies that read tokens, spans and calls: what is planned, what keeps its key, what is refused."""

from __future__ import annotations

import pytest

from iin_core.spec import ReadingSpec
from tasks.check import check_study
from tasks.layer_places import FILE
from tasks.plan import make_plan
from tasks.study_file import load_study
from tests.replaced import replaced

CODE = """
import torch
from tests.core.transformer_world import *
LENGTHS = [5, 2, 7, 3, 4, 6] * 40

class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.tiny, self.recurrent = Tiny(), Recurrent()

    def forward(self, input_ids, attention_mask, t):
        return self.tiny(input_ids, attention_mask), self.recurrent(input_ids, attention_mask)

def net():
    return Both()

def words():
    n = len(LENGTHS)
    verb, tense = [k - 1 for k in LENGTHS], ["a", "b"] * (n // 2)
    broken = [None, 0.5, "x"] + verb[3:]
    table = {"source": range(n), "verb": verb, "end": LENGTHS, "tense": tense, "broken": broken}
    return sentences(LENGTHS) | {"t": torch.arange(n).float()}, table
"""
STUDY = """
iin: 1
name: words
data: token_code:words
model: token_code:net
layers:
  tiny.embed: {token: {at: verb}}
  tiny.first: {token: each, sample: 3}
  tiny.second: {token: {at: [verb, end]}}
  recurrent.embed: flatten
  recurrent.block: {token: mean, call: all, condition: t}
concepts: {tense: [tense], time: {t: numeric}}
training: {updates: 20}
"""


def _load(folder, *changes):
    (folder / "token_code.py").write_text(CODE)
    (folder / "words.yaml").write_text(replaced(STUDY, *changes))
    return load_study(folder / "words.yaml")


def test_the_plan_knows_the_rows_of_each_layer(tmp_path):
    """As many as tokens that are not padding, or calls; the condition is a column of the row table."""
    plan = make_plan(_load(tmp_path))
    layers = {layer.layer: layer for layer in plan.models[0].layers}
    assert {name: layer.rows_of(plan.n_rows) for name, layer in layers.items()} == {
        "tiny.embed": 240,
        "tiny.first": 40 * (3 + 2 + 3 + 3 + 3 + 3),
        "tiny.second": 240,
        "recurrent.embed": 240,
        "recurrent.block": 720,
    }
    assert layers["recurrent.block"].n_calls == 3
    assert layers["tiny.embed"].n == layers["recurrent.block"].n == 8
    assert [found for found in check_study(_load(tmp_path)) if found.level == "error"] == []


def test_readings_that_were_there_before_keep_their_keys(tmp_path):
    """A key names no field that a reading does not use; of tokens the mask, where there is one."""
    plan = make_plan(_load(tmp_path))
    spec = {layer.layer: layer.extract.spec["reading"] for layer in plan.models[0].layers}
    assert spec["recurrent.embed"] == {"flatten": True}
    assert spec["tiny.embed"] == {"token": "at", "at": ("verb",), "mask": "attention_mask"}
    assert spec["recurrent.block"] == {"token": "mean", "mask": "attention_mask", "call": "all"}
    for written in ({"pool": "mean"}, {"token": "cls"}):
        assert ReadingSpec(**written).model_dump(exclude_none=True) == written


@pytest.mark.parametrize(
    ("change", "what", "where"),
    [
        (
            ("tiny.embed: {token: {at: verb}}", "tiny.embed: {token: {at: end}}"),
            "token 5 of example 0 lies outside its sentence of 5 tokens",
            "words.yaml:7",
        ),
        (
            ("tiny.embed: {token: {at: verb}}", "tiny.embed: {token: {at: verp}}"),
            "Nothing is called 'verp'",
            "words.yaml:7",
        ),
        (
            ("{token: {at: [verb, end]}}", "{token: {at: [end, verb]}}"),
            "token span 5:4 of example 0 lies outside its sentence",
            "words.yaml:9",
        ),
        (
            ("tiny.embed: {token: {at: verb}}", "tiny.embed: {token: {at: broken}}"),
            "'broken' holds something else than whole numbers",
            "'broken', 3 of 240 examples: 0, 1, 2",
        ),
        (
            ("{token: {at: [verb, end]}}", "{token: {at: [verb, verb]}}"),
            "token span 4:4 of example 0 lies outside its sentence",
            "'verb' and 'verb', 240 of 240 examples",
        ),
        (
            ("{token: mean, call: all, condition: t}", "{token: mean, call: 3}"),
            "was called 3 times in one forward pass; there is no call 3",
            "words.yaml:11",
        ),
        (
            ("{token: mean, call: all, condition: t}", "{token: mean}"),
            "was called twice",
            "words.yaml:11",
        ),
        (
            ("{token: each, sample: 3}", "{token: each, mask: pad}"),
            "mask 'pad' is no input of the model",
            "words.yaml:8",
        ),
        (("condition: t}", "condition: u}"), "condition 'u' is no input with one number", "data"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(change, what, where, tmp_path):
    """Before any compute, at the line of the layer."""
    found = [finding for finding in check_study(_load(tmp_path, change)) if finding.level == "error"]
    assert any(what in finding.what and where in finding.where for finding in found), found


def test_pairs_of_examples_are_refused_where_an_example_has_several_rows(tmp_path):
    """A file of pairs numbers examples."""
    (tmp_path / "pairs.csv").write_text("a,b\n" + "\n".join(f"{i},{i + 1}" for i in range(0, 238, 2)))
    change = ("tense: [tense]", "tense: {tense: {kind: pairs, file: pairs.csv}}")
    found = [finding for finding in check_study(_load(tmp_path, change)) if finding.level == "error"]
    assert any("layer 'tiny.first' gives several rows each" in finding.what for finding in found), found
    assert FILE == "row.parquet"
