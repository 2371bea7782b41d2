"""The documentation: its scripts and blocks run, its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tasks.conftest import make_study  # noqa: F401 - a fixture

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *REPOSITORY.glob("*.md")])
RUNNABLE = ("concepts.md", "metrics.md", "models.md")
"""Pages whose python blocks are one program, in order."""


def test_the_tour_runs(make_study, tmp_path):  # noqa: F811
    """The notebook-style script runs from fit to open_study, in a process of its own."""
    study = make_study(sets=("digit+colour",))
    study.seal_all()
    for layer in study.plan.models[0].layers:
        study.seal_activations(layer)
    from tasks.study_record import write_record

    write_record(study.plan, study.root)
    environment = {
        **os.environ,
        "IIN_ROOT": study.root.url,
        "IIN_TOUR_STUDY": "small",
        "IIN_TOUR_FOLDER": str(tmp_path / "interpreter"),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", str(DOCS / "tour.py")],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "codes of its rows: (20, 6)" in done.stdout
    assert (tmp_path / "interpreter" / "interpreter.json").is_file()


@pytest.mark.parametrize("page", RUNNABLE)
def test_blocks_run(page, tmp_path, monkeypatch):
    """The python blocks of a page run one after the other."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), flags=re.S | re.M)
    assert blocks
    names: dict[str, object] = {"__name__": "docs"}
    for block in blocks:
        exec(compile(block, page, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """Every relative link of a page names a file that exists."""
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
