"""A glob of checkpoints: a model for each file of one training run."""

from __future__ import annotations

import pytest

from tasks.errors import StudyError
from tasks.study_file import load_study
from tests.tasks.toy_study import write_toy

SEVERAL = "models: {net: {import: 'toy_code:net', checkpoints: 'runs/*.pt', layers: [a]}, other: {import: 'toy_code:net', layers: [a]}}"  # noqa: E501
WAS = "model: toy_code:net\nlayers: {b: flatten, a: flatten}"


def sources(folder, *changes):
    models = load_study(write_toy(folder, *changes)).study.models
    return {name: model.source.checkpoint for name, model in models.items()}


def make(folder, *files):
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()


def test_each_file_is_a_model_in_the_order_of_numbers(tmp_path):
    """Epoch 9 comes before epoch 10; other models stay as they are."""
    make(tmp_path, "runs/epoch10.pt", "runs/epoch9.pt", "runs/notes.txt")
    assert sources(tmp_path, (WAS, SEVERAL)) == {
        "net epoch9": "runs/epoch9.pt",
        "net epoch10": "runs/epoch10.pt",
        "other": None,
    }


def test_a_single_model_has_it_too(tmp_path):
    """At the top of the study, beside `layers`; with all else of the model."""
    make(tmp_path, "1.pt", "2.pt")
    path = write_toy(tmp_path, ("layers: {b", "checkpoints: '*.pt'\nhead: digit\nlayers: {b"))
    models = load_study(path).study.models
    assert list(models) == ["model 1", "model 2"]
    assert all(list(model.layers) == ["b", "a"] and model.head for model in models.values())


def test_files_that_are_called_alike_are_called_by_their_paths(tmp_path):
    """Of two runs in two folders."""
    make(tmp_path, "runs/a/1.pt", "runs/b/1.pt")
    found = sources(tmp_path, (WAS, SEVERAL.replace("*.pt", "*/*.pt")))
    assert list(found) == ["net runs a 1.pt", "net runs b 1.pt", "other"]


def test_a_glob_that_finds_nothing_is_refused(tmp_path):
    """With its line and the folder in which it was looked for."""
    with pytest.raises(StudyError) as caught:
        sources(tmp_path, (WAS, SEVERAL))
    assert caught.value.what == "No checkpoint is called 'runs/*.pt'."
    assert caught.value.where.startswith("toy.yaml:4 ")
    assert str(tmp_path) in caught.value.where


def test_a_checkpoint_beside_checkpoints_is_refused(tmp_path):
    """One of the two is meant."""
    with pytest.raises(StudyError, match="beside a checkpoint"):
        sources(tmp_path, (WAS, SEVERAL.replace("checkpoints:", "checkpoint: a.pt, checkpoints:", 1)))


def test_a_number_is_no_glob(tmp_path):
    """It is said what to write."""
    with pytest.raises(StudyError, match="`checkpoints` is not a text"):
        sources(tmp_path, (WAS, SEVERAL.replace("'runs/*.pt'", "3")))
