"""Layers with several rows an example: extracted, sealed with their places, joined with the table, edited."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from upath import UPath

from iin_core.errors import InputError
from iin_core.readings import as_reading
from iin_core.spec import ReadingSpec
from iin_core.split import capture
from tasks.activations import Layout, create_array
from tasks.conditions import study_data
from tasks.errors import StudyError
from tasks.evaluation.network import Network
from tasks.extract import _alike, _seal
from tasks.extract_worker import ExtractJob, Extractor, LayerJob
from tasks.layer_places import beside, check_spans, layer_places, reading_of, settled
from tasks.layer_rows import layer_table, load_layer_rows
from tasks.output import open_root
from tasks.planned import LayerPlan
from tasks.sources.data import open_data
from tasks.step import Step
from tasks.study import SourceSpec, Study
from tests.core.transformer_world import DIM, Recurrent, Tiny

N = 40
LENGTHS = tuple(int(n) for n in np.random.default_rng(0).integers(2, 8, N))
CODE = """
import torch
from tests.core.transformer_world import *
LENGTHS = {lengths}

def tiny():
    return Tiny()

def recurrent():
    return Recurrent()

def words():
    inputs = sentences(LENGTHS)
    verbs = [n - 1 for n in LENGTHS]
    table = dict(source=[i // 2 for i in range(len(LENGTHS))], verb=verbs, tense=["past", "now"] * 20)
    return inputs, table

def outside():
    inputs, table = words()
    return inputs, table | {{"verb": [n - (i != 7) for i, n in enumerate(LENGTHS)]}}

def timed():
    inputs, table = words()
    return inputs | {{"t": torch.arange(len(LENGTHS)).float()}}, table
"""
CASES = {
    "each": ("tiny", "first", {"token": "each"}),
    "sampled": ("tiny", "first", {"token": "each", "sample": 3, "seed": 4}),
    "calls": ("recurrent", "block", {"token": "mean", "call": "all"}),
    "each call": ("recurrent", "block", {"token": "each", "call": "all"}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with models and data."""
    path = tmp_path_factory.mktemp("places")
    (path / "places_code.py").write_text(CODE.format(lengths=LENGTHS))
    return path


def _source(name):
    return SourceSpec.model_validate({"import": f"places_code:{name}"})


def _spec(data, **written):
    return settled(ReadingSpec(**written), data.batch(np.arange(2)))


def _extract(folder, path, case):
    """The layer of a case extracted and sealed, beside a sealed row table, as a study does it."""
    model, layer, written = CASES[case]
    data = open_data(_source("words"), folder)
    spec = _spec(data, **written)
    n_calls = 3 if model == "recurrent" else 1
    places = layer_places(spec, (7, DIM), n_calls, data)
    layout = Layout(len(places), DIM)
    root = open_root(str(path / "root"))
    steps = {kind: Step(kind, 1, {"case": case}, {}, {}, kind) for kind in ("rows", "activations")}
    with root.begin(steps["rows"]) as attempt:
        table = data.table.assign(split=["train"] * 20 + ["heldout"] * 20)
        table.to_parquet(str(attempt.path / "rows.parquet"))
        attempt.seal({}, times={})
    with root.begin(steps["activations"]) as attempt:
        create_array(attempt.path, layout)
        job = LayerJob(layer, spec, UPath(attempt.path), layout, (7, DIM), n_calls)
        whole = ExtractJob(_source(model), _source("words"), folder, root.url, None, (job,), 6, N, "cpu")
        extractor = Extractor(whole)
        for start in range(0, len(places), layout.shard_rows):
            extractor(start, min(start + layout.shard_rows, len(places)))
        plan = LayerPlan(
            "net", layer, 1, spec, DIM, DIM, (7, DIM), False, steps["activations"], len(places), n_calls
        )
        _seal(plan, attempt, layout, places, 0.1)
    return data, places, root, steps


@pytest.mark.parametrize("case", CASES)
def test_every_row_is_that_of_its_place(case, folder, tmp_path):
    """Row by row the sealed array holds what the model gives at the sentence, token and call of that line."""
    data, places, root, steps = _extract(folder, tmp_path, case)
    rows = load_layer_rows(root, steps["rows"].key, steps["activations"].key)
    assert len(rows.z) == len(rows.table) == len(places)
    model = {"tiny": Tiny, "recurrent": Recurrent}[CASES[case][0]]()
    layer, inputs = CASES[case][1], data.batch(np.arange(N))
    for i in range(0, len(places), 7):
        line = rows.table.iloc[i]
        one = {name: values[places.row[i]][None] for name, values in inputs.items()}
        written = {"token": {"at": "t"}} if "token" in rows.table else {"token": "mean"}
        reading = as_reading(written | ({"call": int(line["call"])} if "call" in rows.table else {}))
        token = {"t": torch.tensor([int(line.get("token", 0))])}
        expected = capture(model, one, {layer: reading}, token)[layer]
        torch.testing.assert_close(rows.z[i : i + 1], expected, rtol=1e-4, atol=1e-5)
        assert line["verb"] == LENGTHS[places.row[i]] - 1


@pytest.mark.parametrize("case", CASES)
def test_rows_of_a_source_stay_on_one_side(case, folder, tmp_path):
    """Every row of a layer has the split of its sentence."""
    _, places, root, steps = _extract(folder, tmp_path, case)
    table = layer_table(root, steps["rows"].key, steps["activations"].key)
    assert (table.groupby("source")["split"].nunique() == 1).all()
    assert table["source"].tolist() == [row // 2 for row in places.row]
    columns = root.open("activations", steps["activations"].key).meta["row"]
    assert columns[0] == "row"
    assert set(columns) - {"row"} <= set(table.columns)


@pytest.mark.parametrize("case", CASES)
def test_an_edit_of_a_row_changes_its_place_alone(case, folder):
    """The running model is changed at the token and call of each row; a change of nothing keeps every bit."""
    model, layer, written = CASES[case]
    data = open_data(_source("words"), folder)
    spec = _spec(data, **written)
    n_calls = 3 if model == "recurrent" else 1
    places = layer_places(spec, (7, DIM), n_calls, data)
    made = {"tiny": Tiny, "recurrent": Recurrent}[model]().eval()
    network = Network(made, layer, reading_of(spec, n_calls), data, (), False, 5, spec=spec, places=places)
    chosen = np.arange(0, len(places), 11)
    plain = torch.cat(list(network.outputs(chosen)))
    same = torch.cat(list(network.outputs(chosen, lambda part: torch.zeros(len(chosen[part]), DIM))))
    assert torch.equal(plain, same)
    seen = []
    behind = made.second if model == "tiny" else made.block
    hook = behind.register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
    list(network.outputs(chosen))
    before, seen[:] = seen[:], []
    edits = torch.cat(list(network.outputs(chosen, lambda part: torch.ones(len(chosen[part]), DIM))))
    hook.remove()
    assert bool((edits != plain).flatten(1).any(1).all())
    at = 0 if model == "tiny" else 1  # what goes into the second call is what the first one returned
    first = (seen[at] != before[at]).any(2).sum(1)
    if written["token"] == "each" and n_calls == 1:
        assert first.tolist() == [1] * len(first)
    if n_calls > 1:
        assert ((first > 0).numpy() == (places.call[chosen[: len(first)]] == 0)).all()


def test_positions_have_their_coordinates(folder):
    """y and x of a map, x of a sequence; as many as are sampled."""
    data = open_data(_source("words"), folder)
    places = layer_places(ReadingSpec(position="each"), (3, 4, 5), 1, data)
    table = places.table()
    assert list(table) == ["row", "y", "x"]
    assert table[["y", "x"]].iloc[:7].to_numpy().tolist() == [
        [0, 0],
        [0, 1],
        [0, 2],
        [0, 3],
        [0, 4],
        [1, 0],
        [1, 1],
    ]
    some = layer_places(ReadingSpec(position="each", sample=6, seed=1), (3, 9), 1, data)
    assert list(some.table()) == ["row", "x"]
    assert len(some) == 6 * N
    assert layer_places(ReadingSpec(token="mean"), (3, 9), 1, data) is None


def test_layers_of_the_same_places_are_read_together():
    """Another sample, kind or number of calls needs a forward pass of its own."""
    written = [
        {"token": "mean"},
        {"flatten": True},
        {"token": "each"},
        {"token": "each"},
        {"token": "each", "sample": 2},
        {"token": "cls", "call": "all"},
    ]
    jobs = tuple(
        LayerJob(str(i), ReadingSpec(**spec), UPath("."), Layout(4, 2), (7, DIM), 2)
        for i, spec in enumerate(written)
    )
    assert [[job.layer for job in group] for group in _alike(jobs)] == [["0", "1"], ["2", "3"], ["4"], ["5"]]


def test_the_mask_is_part_of_what_rows_are(folder):
    """Readings of tokens name their mask where the inputs have one; all others stay as they are written."""
    data = open_data(_source("words"), folder)
    assert _spec(data, token="last").model_dump(exclude_none=True) == {
        "token": "last",
        "mask": "attention_mask",
    }
    assert _spec(data, flatten=True).model_dump(exclude_none=True) == {"flatten": True}
    plain = settled(ReadingSpec(token="last"), torch.zeros(2, 3))
    assert plain.model_dump(exclude_none=True) == {"token": "last"}


def test_a_token_outside_its_sentence_is_refused_before_any_compute(folder):
    """Every row of the data is looked at."""
    data = open_data(_source("outside"), folder)
    with pytest.raises(InputError, match=f"token {LENGTHS[7]} of example 7 lies outside its sentence"):
        check_spans(_spec(data, token={"at": "verb"}), data)
    fine = open_data(_source("words"), folder)
    check_spans(_spec(fine, token={"at": "verb"}), fine)
    assert beside(ReadingSpec(token={"at": "verb"}), fine, np.array([3, 1]))["verb"].tolist() == [
        LENGTHS[3] - 1,
        LENGTHS[1] - 1,
    ]


def _study(source, condition):
    return Study.model_validate(
        {
            "iin": 1,
            "name": "test",
            "data": {"source": {"import": f"places_code:{source}"}},
            "models": {
                "net": {
                    "source": {"import": "places_code:tiny"},
                    "layers": {"first": {"reading": {"token": "mean", "condition": condition}}},
                }
            },
            "concepts": {"none": {}},
        },
        strict=False,
    )


def test_a_condition_becomes_a_column(folder):
    """An input that is known of each example stands beside its rows and can be a concept."""
    data = study_data(_study("timed", "t"), folder)
    assert data.table["t"].tolist() == list(range(N))
    assert data.fingerprint() != open_data(_source("timed"), folder).fingerprint()
    for source, name in (("words", "t"), ("timed", "input_ids")):
        with pytest.raises(StudyError, match=f"condition '{name}' is no input with one number"):
            study_data(_study(source, name), folder)
    assert isinstance(data.table, pd.DataFrame)


def test_positions_of_some_rows(folder):
    """A batch of rows in the middle is read at its own positions, and edited at them alone."""
    data = open_data(_source("words"), folder)
    places = layer_places(ReadingSpec(position="each", sample=4, seed=1), (3, 4, 5), 1, data)
    maps = torch.randn(N, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    chosen = np.arange(5, 31)
    examples, reading, pick = places.read(chosen)
    rows = pick(reading.rows(maps[torch.from_numpy(examples)]))
    table = places.table().iloc[chosen]
    expected = torch.stack([maps[line.row, :, line.y, line.x] for line in table.itertuples()])
    assert torch.equal(rows, expected)
    whole = maps[torch.from_numpy(places.row[chosen])]
    edited = places.edited(chosen).add(whole, places.spread(torch.ones(len(chosen), 3), chosen))
    moved = (edited - whole).flatten(2)
    assert moved.sum((1, 2)).tolist() == pytest.approx([3.0] * len(chosen), abs=1e-5)
    assert ((moved != 0).sum((1, 2)) == 3).all()
