"""What every experiment says of a study that lacks what it needs, before any compute."""

from __future__ import annotations

import pytest

from tasks.check import check_study
from tasks.experiments import EXPERIMENTS
from tests.tasks.edits_world import write_study

ENOUGH: dict[str, str] = {}
"""Experiment → why it needs nothing that this study lacks; it is to be empty as long as that can be."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the study and its code lie."""
    folder = tmp_path_factory.mktemp("bare")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_study_that_lacks_what_it_needs_is_refused_with_the_remedy(name, folder):
    """No concepts, no decoder, no head, rows that cannot be put back: exit code 2, its line, what to do."""
    bare = {"seen": "", "layer": "maps: {pool: max}"}
    loaded = write_study(folder, f"{{{name}: {{concepts: none}}}}", **bare)
    found = [f for f in check_study(loaded) if f.level == "error"]
    if name in ENOUGH:
        assert not found, ENOUGH[name]
        return
    assert len(found) == 1
    assert found[0].exit_code == 2
    assert f"experiments.{name}" in found[0].where
    assert found[0].what.endswith(".")
    assert found[0].fix
