"""Swaps, edits and transfers of a small exact autoencoder, by the functions that workers run."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tasks.check import check_study
from tests.in_process import found_here
from tests.tasks.edits_world import HEADS, exact, write_study

ASKED = """
  swaps: {bases: 5, donors: 4}
  edits: {to: {shape: [star]}, strengths: [0.0, 0.5, 1.0], rows: 60, shown: 3}
  transfer: {pairs: 120}
"""


@pytest.fixture(scope="module")
def study_folder(tmp_path_factory):
    """Where the study and its code lie."""
    folder = tmp_path_factory.mktemp("edits")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


@pytest.fixture(scope="module")
def done(study_folder):
    """What each of the three found, by name."""
    return found_here(write_study(study_folder, ASKED), study_folder / "images", exact)


def test_a_grid_for_each_factor_and_what_was_read_of_each_image(done):
    """Every swap that is shown has a line for each concept that is read; joint is the mean over its lines."""
    found = done["swaps"]
    assert [entry.file for entry in found.drawn] == ["swaps_0.png", "swaps_1.png", "swaps_2.png"]
    table = found.table("swaps")
    assert table.groupby("factor").size().to_dict() == {"shape": 40, "ink": 40, "weight": 40}
    shape = table[table["factor"] == "shape"]
    assert shape["base_source"].nunique() == 5
    assert shape["donor_source"].nunique() == 4
    assert not set(shape["base"]) & set(shape["donor"])
    assert set(shape.loc[shape["concept"] == "shape", "donor_value"]) == {"disc", "ring", "star"}
    joint = shape.groupby(["base", "donor"])["as_wanted"].all().mean()
    assert found.scores["swaps/shape_reader_joint"] == pytest.approx(joint)
    assert found.scores["swaps/shape_reader_joint"] > 0.9
    wanted = np.where(shape["concept"] == "shape", shape["donor_value"], shape["base_value"])
    assert ((shape["after"] == wanted) == shape["as_wanted"]).all()
    right = table[table["concept"] == "ink"]
    assert (right["before"] == right["base_value"]).mean() > 0.95


def test_beside_each_grid_stands_what_many_pairs_say(done):
    """The caption has the share of exactly these pairs, and that of the evaluation, with intervals."""
    caption = done["swaps"].drawn[0].caption
    assert caption.startswith("Swap of shape: each image has the shape of the donor on its left")
    assert "of the 20 swaps of shape that are shown, and in" in caption
    assert "of the 100 of the evaluation" in caption
    assert done["swaps"].scores["swaps/weight_reader_joint"] is None
    assert done["swaps"].why["swaps/weight_reader_joint"] == "the independent reader does not read weight"
    assert "(disc dark" in done["swaps"].drawn[0].alt or "(ring" in done["swaps"].drawn[0].alt


def test_an_edit_arrives_by_strength_one_and_leaves_the_rest(done):
    """At strength 0 nobody reads the label that was asked for, at 1 nearly all do; ink stays throughout."""
    table = done["edits"].table("edits").set_index(["concept", "to", "strength", "statistic"])["value"]
    for concept, to in (("shape", "star"), ("ink", "dark"), ("ink", "pale")):
        assert table[concept, to, 0.0, "cause"] < 0.05
        assert table[concept, to, 1.0, "cause"] > 0.97
        assert table[concept, to, 0.0, "cause"] <= table[concept, to, 0.5, "cause"] <= 1
    assert table["shape", "star", 1.0, "kept_ink"] > 0.9
    assert done["edits"].scores["edits/shape_reader_cause"] == table["shape", "star", 1.0, "cause"]
    assert done["edits"].scores["edits/ink_reader_joint"] > 0.9
    assert "disc" not in set(done["edits"].table("edits")["to"])


def test_the_rows_behind_edits_and_transfers_are_sealed(done):
    """Of each edit the rows, of each transfer base, donor and class: as many as the tables count."""
    rows = done["edits"].table("edits_rows")
    star = rows[(rows["concept"] == "shape") & (rows["to"] == "star")]
    edits = done["edits"].table("edits")
    counted = edits[(edits["concept"] == "shape") & (edits["statistic"] == "cause")]["n"]
    assert len(star) == counted.iloc[0]
    assert rows.loc[rows["concept"] == "weight", "to"].isna().all()
    pairs = done["transfer"].table("transfer_rows")
    assert (pairs["base_source"] != pairs["donor_source"]).all()
    table = done["transfer"].table("transfer")
    shape = table[(table["concept"] == "shape") & (table["reader"] == "reader")]
    assert pairs[pairs["concept"] == "shape"].groupby("asked").size().to_dict() == (
        shape.groupby("asked")["n"].sum().to_dict()
    )


def test_a_number_that_is_set_is_read_again(done):
    """Reader and layer read what was asked for: slope 1, and all labels stay."""
    found = done["edits"]
    assert found.scores["edits/weight_reader_slope"] == pytest.approx(1, abs=0.25)
    assert found.scores["edits/weight_itself_slope"] == pytest.approx(1, abs=0.25)
    assert found.scores["edits/weight_reader_isolate"] > 0.9
    numbers = found.table("edit_numbers")
    assert set(numbers["who"]) == {"reader", "itself"}
    assert len(numbers) == 10
    assert (numbers["low"] <= numbers["read"]).all()


def test_strips_and_curves_are_drawn_with_words(done):
    """A chart a concept, a strip a label, a chart and a strip a number; PNGs of more than a few pixels."""
    drawn = done["edits"].drawn
    kinds = [entry.file.rsplit(".", 1)[1] for entry in drawn]
    assert kinds == ["svg", "png", "svg", "png", "png", "svg", "png"]
    picture = Image.open(io.BytesIO(done["edits"].figure(drawn[1].file)))
    assert min(picture.size) > 200
    assert "towards star by rising strength" in drawn[1].caption
    assert "3 examples" in drawn[1].alt
    assert "star" in done["edits"].words[1]


def test_each_class_can_be_given_to_each_other(done):
    """Transfers of shape and ink, as many of each pair of classes, are read as asked for."""
    found = done["transfer"]
    table = found.table("transfer")
    counts = table[table["concept"] == "shape"].groupby(["own", "asked"])["n"].sum()
    assert len(counts) == 6
    assert set(counts) == {20}
    for concept in ("shape", "ink"):
        assert found.scores[f"transfer/{concept}_reader_cause"] > 0.9
        assert found.scores[f"transfer/{concept}_reader_isolate"] > 0.9
    assert found.beside("transfer/shape_reader_cause")["chance"] == pytest.approx(1 / 3, abs=0.01)
    assert [entry.file for entry in found.drawn][:2] == ["transfer_0.png", "transfer_0_reader.svg"]


def test_without_a_decoder_the_head_judges(study_folder):
    """No images, but the same numbers; and a class of one member is named and left out."""
    asked = "{edits: {to: {shape: [blob, star]}, rows: 40}, transfer: {pairs: 60, draw: prior}}"
    loaded = write_study(study_folder, asked, model="Named", seen=HEADS, data="lonely: true")
    found = found_here(loaded, study_folder / "heads", exact)
    words = " ".join(found["edits"].words)
    assert "Left out: shape blob, which a single training source shows" in words
    assert set(found["edits"].table("edits").query("concept == 'shape'")["to"]) == {"star"}
    assert "Left out: shape blob, which a single source shows on one side" in " ".join(
        found["transfer"].words
    )
    assert found["transfer"].scores["transfer/shape_head_cause"] > 0.9
    assert not [entry.file for entry in found["transfer"].drawn if entry.file.endswith(".png")]
    assert not [entry.file for entry in found["edits"].drawn if entry.file.endswith(".png")]


def _problems(loaded):
    return "\n".join(str(finding) for finding in check_study(loaded))


def test_what_they_need_is_asked_for_before_any_compute(study_folder):
    """No decoder, an output that is no image, rows that cannot be put back, nothing to read, no label."""
    asked = "{swaps: {}, edits: {}, transfer: {}}"
    assert _problems(write_study(study_folder, asked)).count("error") == 0

    def told(experiments=asked, **changes):
        return _problems(write_study(study_folder, experiments, **changes))

    assert "there is no decoder: a swap is shown as an image" in told(model="Named", seen=HEADS)
    wrong = told(arguments="wrong: true", seen="decoder: output")
    assert (
        wrong.count("What is decoded is no image of the data's kind: (2, 16) where the data has (n, 1, 4, 4)")
        == 1
    )
    assert "leave out `decoder`" in wrong
    assert "The examples are no images" in told(data="flat: true")
    assert "nothing shows what an edit does: give the model a `head`" in told(seen="")
    assert "rows read by 'pool: max' cannot be put back" in told(layer="maps: {pool: max}")
    assert "which is no concept with labels or numbers" in told("{edits: {to: {size: [1]}}}")
    assert "No row has the shape 'cube'" in told("{edits: {to: {shape: [cube]}}}")
    assert "its labels: disc, ring, star" in told("{edits: {to: {shape: [cube]}}}")
    assert "'weight' is a number, and `to` sets it to a word" in told("{edits: {to: {weight: [heavy]}}}")
