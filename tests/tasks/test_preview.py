"""The page that shows what sketches make of images."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image

from flows.cli_sketches import preview as preview_command
from tasks.errors import StudyError
from tasks.output import open_root
from tasks.preview import write_preview
from tasks.study_file import load_study
from tests.replaced import replaced
from tests.tasks.sources.sketches_world import write_world
from tests.tasks.sources.test_told_pairs import STUDY


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A function that loads the study with some text changed."""
    monkeypatch.setenv("IIN_CACHE", str(tmp_path / "cache"))
    write_world(tmp_path)

    def load(*changes):
        (tmp_path / "study.yaml").write_text(replaced(STUDY, *changes))
        return load_study(tmp_path / "study.yaml")

    return load


def test_the_page_needs_nothing_but_itself(study, root):
    """Sketches, versions and pairs in one file; nothing is trained, and only what is shown is redrawn."""
    made = write_preview(study(), root, 4)
    page = made.path.read_text()
    assert made.path == root.path / "previews" / "strokes.html"
    assert "default-src 'none'" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert 'alt="Some images' in page
    assert "40 images, each in 3 versions" in page
    assert "120 in all" in page
    assert "negative pairs: two versions of one image" in page
    assert "same-sketch pairs" in page
    assert made.n_pairs == 120
    assert set(made.differences) == {"original and thin", "original and thick", "thin and thick"}
    assert made.cautions == ()
    assert not list(root.path.glob("rows/*"))


def test_names_are_hostile(study, root):
    """What a person calls a concept or a sketch is text on the page."""
    loaded = study(
        ("concept: thickness", 'concept: "<b>thick"'),
        ("[thin.png, thick.png]", '{"<i>": thin.png, b: thick.png}'),
        ("thickness: {thickness: pairs}", '"<u>": {"<b>thick": pairs}'),
    )
    page = write_preview(loaded, root, 2).path.read_text()
    assert not re.search("<b>|<i>|<u>", page)
    assert "&lt;b&gt;thick" in page


def test_what_should_be_looked_at_is_said(study, root, tmp_path):
    """Sketches on paper, sketches that differ in nothing the method sees, a study that uses neither."""
    for name in ("thin", "thick"):
        Image.fromarray(255 - np.array(Image.open(tmp_path / f"{name}.png"))).save(tmp_path / f"{name}.png")
    loaded = study(("  thickness: {thickness: pairs}\n  same-sketch: {sketch: label}", "  none: {}"))
    cautions = " ".join(write_preview(loaded, root, 2).cautions)
    assert "set `invert: true`" in cautions
    assert "No concept of the study is told by the sketches: add a set with {thickness: pairs}" in cautions
    moved = np.roll(np.array(Image.open(tmp_path / "thin.png")), 2, axis=1)
    Image.fromarray(moved).save(tmp_path / "thick.png")
    alike = write_preview(study(("settings:", "invert: true\n      settings:")), root, 2).cautions
    assert any("The versions thin and thick hardly differ" in caution for caution in alike)


def test_a_study_without_sketches_is_refused(study, root):
    """There is nothing to be looked at."""
    i, j = STUDY.index("    builtin:"), STUDY.index("models:")
    loaded = study((STUDY[i:j], "    builtin: coloured_digits\n"))
    with pytest.raises(StudyError, match="no sketches, so there is nothing to preview") as caught:
        write_preview(loaded, root)
    assert "builtin: sketches" in caught.value.fix


def test_the_command_prints_the_path_or_facts(study, tmp_path, capsys):
    """A line for people, JSON for programs."""
    path = str(study().path)
    preview_command(path, str(tmp_path / "root"), 2)
    assert capsys.readouterr().out.strip() == str(tmp_path / "root" / "previews" / "strokes.html")
    preview_command(path, str(tmp_path / "root"), 2, as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert facts["n_images"] == 40
    assert open_root(str(tmp_path / "root"), create=False)
