"""Images beside their versions in the manner of sketches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from iin_core.errors import IinError
from iin_core.examples.strokes import stroke_thickness
from tasks.errors import StudyError
from tasks.sources.data import open_data, redrawn
from tests.tasks.sources.sketches_world import source, write_world


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("IIN_CACHE", str(tmp_path / "cache"))
    return write_world(tmp_path)


def test_each_image_stands_before_its_versions(folder):
    """A row for the image and one for each sketch, with the image's columns, `pair`, concept and sketch."""
    data = open_data(source(), folder)
    assert len(data) == 36
    assert data.table["pair"].tolist() == np.repeat(np.arange(12), 3).tolist()
    assert data.table["source"].tolist() == np.repeat(np.arange(12) // 2, 3).tolist()
    assert data.table["thickness"].tolist()[:4] == ["original", "thin", "thick", "original"]
    assert data.table["sketch"].isna().tolist()[:4] == [True, False, False, True]
    assert data.table["shade"].tolist()[:4] == ["bright"] * 3 + ["dark"]
    versions = data.batch(np.arange(36)).numpy().reshape(12, 3, 3, 16, 16)
    of_thin, of_thick = stroke_thickness(versions[:, 1]), stroke_thickness(versions[:, 2])
    assert (of_thin < of_thick).all()
    # Brightness is no part of the drawing.
    assert np.allclose(versions[1::2].max((2, 3, 4)), 0.5, atol=0.1)


def test_both_kinds_of_pairs_are_told_where_they_are_asked_for(folder):
    """A further column names the sketch; the images are the same."""
    data, both = (open_data(source(pairs=pairs), folder) for pairs in ("negative", "both"))
    assert "same thickness" not in data.table
    assert both.table["same thickness"].equals(both.table["sketch"])
    assert torch.equal(both.batch(np.arange(3)), data.batch(np.arange(3)))


def test_a_row_is_the_same_in_any_batch(folder):
    """Originals and versions, in any order."""
    data = open_data(source(), folder)
    whole = data.batch(np.arange(36))
    rows = np.array([35, 0, 7, 7, 3])
    assert torch.equal(data.batch(rows), whole[torch.from_numpy(rows)])


def test_what_was_redrawn_is_kept_and_read_again(folder, monkeypatch):
    """The second time nothing is redrawn; other settings, sketches and seeds are redrawn anew."""
    first = open_data(source(), folder).fingerprint()
    kept = sorted((folder / "cache").rglob("*.npy"))
    assert len(kept) == 2
    assert open_data(source(seed=1), folder).fingerprint() != first
    assert open_data(source(settings={"sweeps": 1}), folder).fingerprint() != first
    assert len(sorted((folder / "cache").rglob("*.npy"))) == 6
    monkeypatch.setattr("tasks.sources.data.sketches.restyle", None)
    assert open_data(source(), folder).fingerprint() == first


def test_a_damaged_file_is_made_anew(folder):
    """What is cut short, or holds something else, is not read."""
    first = open_data(source(), folder).fingerprint()
    for path, content in zip(sorted((folder / "cache").rglob("*.npy")), (b"", None), strict=True):
        if content is None:
            np.save(path, np.zeros(3))
        else:
            path.write_bytes(content)
    assert open_data(source(), folder).fingerprint() == first


def test_without_a_place_to_keep_them_they_are_redrawn_each_time(folder, monkeypatch, caplog):
    """And that is said."""
    (folder / "taken").write_text("")
    monkeypatch.setenv("IIN_CACHE", str(folder / "taken"))
    assert len(open_data(source(), folder)) == 36
    assert "cannot be kept" in caplog.text
    assert "set IIN_CACHE" in caplog.text


def test_the_cache_lies_where_the_environment_says(monkeypatch, tmp_path):
    """IIN_CACHE, else the user's caches."""
    monkeypatch.setenv("IIN_CACHE", str(tmp_path / "mine"))
    assert redrawn.cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("IIN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert redrawn.cache_folder() == tmp_path / "iin"


def test_a_network_of_one_s_own_tells_the_style(folder):
    """By import path; other weights are another version, and the same ones are read again."""
    neural = {
        "method": "neural",
        "settings": {"updates": 3},
        "network": {"import": "sketched_images:network"},
    }
    first = open_data(source(**neural), folder)
    wider = neural["network"] | {"arguments": {"width": 6}}
    assert open_data(source(**neural | {"network": wider}), folder).fingerprint() != first.fingerprint()
    assert open_data(source(**neural), folder).fingerprint() == first.fingerprint()
    assert len(sorted((folder / "cache").rglob("*.npy"))) == 4


def test_colours_are_redrawn_where_they_are_asked_for(folder):
    """A coloured sketch then colours the images, which otherwise stay grey."""
    for name in ("thin", "thick"):
        pixels = np.array(Image.open(folder / f"{name}.png"))
        Image.fromarray((pixels * np.array([1, 0.2, 0.2])).astype(np.uint8)).save(folder / f"{name}.png")
    for colour, red in (("keep", False), ("transfer", True)):
        version = open_data(source(colour=colour, settings=None), folder).batch(np.array([1]))[0]
        assert bool(version[0].mean() > 1.3 * version[1].mean()) == red


def test_sketches_on_paper_are_inverted(folder):
    """Dark on bright becomes what bright on dark is."""
    before = open_data(source(), folder).batch(np.arange(6))
    for name in ("thin", "thick"):
        Image.fromarray(255 - np.array(Image.open(folder / f"{name}.png"))).save(folder / f"{name}.png")
    assert torch.allclose(open_data(source(invert=True), folder).batch(np.arange(6)), before, atol=0.02)


def resized(folder):
    Image.open(folder / "thick.png").resize((20, 16)).save(folder / "thick.png")


def grey(folder):
    Image.open(folder / "thick.png").convert("L").save(folder / "thick.png")


def blank(folder):
    Image.new("RGB", (16, 16)).save(folder / "thick.png")


def twice(folder):
    (folder / "thick.png").write_bytes((folder / "thin.png").read_bytes())


@pytest.mark.parametrize(
    ("change", "changes", "what", "fix"),
    [
        (resized, {}, "The sketch 'thick' has 20x16 pixels, the images have 16x16", "draw it on 16x16"),
        (grey, {}, "The sketch 'thick' is greyscale, the images are RGB", "PNG of the mode RGB"),
        (blank, {}, "The sketch 'thick' is blank: its values go from 0 to 0", "draw something on it"),
        (twice, {}, "The sketches 'thin' and 'thick' are the same image", "draw the second one"),
        (None, {"sketches": ["thin.png", "fat.png"]}, "There is no sketch 'fat.png'", "draw it"),
        (None, {"sketches": ["thin.png"]}, "does not name two", "[thin.png, thick.png]"),
        (None, {"sketch": ["thin.png"]}, "Extra inputs are not permitted", "nearest: sketches"),
        (None, {"concept": None}, "Field required", "concept"),
        (None, {"concept": "source"}, "the concept cannot be called 'source'", "concept"),
        (None, {"concept": "shade"}, "The images' table has a column 'shade' itself", "another name"),
        (None, {"sketches": {"original": "thin.png", "b": "thick.png"}}, "not a sketch", "sketches"),
        (None, {"method": "neural"}, "a network is for `method: neural`, which needs one", "network"),
        (None, {"network": {"builtin": "digit_classifier"}}, "a network is for `method: neural`", "network"),
        (None, {"settings": {"sweep": 2}}, "has no setting 'sweep'", "nearest: sweeps"),
        (None, {"settings": {"sweeps": 0}}, "The setting 'sweeps' is 0", "positive whole number, such as 8"),
        (None, {"settings": {"window": 4}}, "A window of 4 pixels has no middle", "odd"),
        (None, {"images": {"import": "sketched_images:rows"}}, "are no images", "1 or 3 channels"),
        (
            None,
            {"images": {"import": "sketched_images:images", "arguments": {"low": -1.0}}},
            "The images have values from -1 to",
            "let the data give values in [0, 1]",
        ),
        (None, {"images": "sketches"}, "are `sketches` themselves", "another data set"),
        (None, {"images": "colored_digits"}, "no built-in data set 'colored_digits'", "coloured_digits"),
        (
            None,
            {"method": "neural", "settings": {}, "network": {"import": "sketched_images:network", "fit": {}}},
            "does not say how it is fitted",
            "leave `fit` out",
        ),
    ],
)
def test_what_cannot_serve_is_refused(folder, change, changes, what, fix):
    """Each in words, with where it stands and what to do."""
    if change is not None:
        change(folder)
    with pytest.raises(IinError) as caught:
        open_data(source(**changes), folder)
    assert what in caught.value.what
    assert fix in caught.value.fix
    assert caught.value.where


def test_a_network_that_says_how_is_fitted_on_the_images(tmp_path, monkeypatch):
    """The demo's autoencoder, before the study fits any; the fit's settings are part of the version."""
    from tasks.study import SourceSpec

    monkeypatch.setenv("IIN_CACHE", str(tmp_path / "cache"))
    write_world(tmp_path)
    for name in ("thin", "thick"):
        Image.open(tmp_path / f"{name}.png").resize((32, 32)).save(tmp_path / f"{name}.png")
    (tmp_path / "few_digits.py").write_text(
        "from iin_core.examples import coloured_digits\n\ndef images():\n"
        "    images, table = coloured_digits(colours=2)\n    return images[:40], table[:40]\n"
    )
    given = {
        "images": {"import": "few_digits:images"},
        "concept": "thickness",
        "sketches": ["thin.png", "thick.png"],
        "method": "neural",
        "settings": {"updates": 1},
    }
    network = {"builtin": "digit_autoencoder", "layers": ["encoder.0", "encoder.1"]}
    prints = [
        open_data(
            SourceSpec(builtin="sketches", arguments=given | {"network": network | {"fit": fit}}), tmp_path
        ).fingerprint()
        for fit in ({"updates": 2}, {"updates": 2}, {"updates": 3})
    ]
    assert prints[0] == prints[1] != prints[2]


def test_errors_are_of_the_study(folder):
    """They end with its exit code."""
    blank(folder)
    with pytest.raises(StudyError) as caught:
        open_data(source(), folder)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "sketches", [["thin.png"], ["thin.png", "thin.png"], ["a/x.png", "b/x.png"], "thin.png"]
)
def test_two_sketches_are_asked_for_in_words(sketches):
    """One of them, the same one twice, two that are called alike, no list."""
    from tasks.sources.data.sketches_arguments import read_arguments

    arguments = {"images": "coloured_digits", "concept": "stroke", "sketches": sketches}
    with pytest.raises(StudyError, match="does not name two sketches") as caught:
        read_arguments(arguments)
    assert "[thin.png, thick.png]" in caught.value.fix
