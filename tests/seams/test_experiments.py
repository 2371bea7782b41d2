"""What is common to all experiments: each entry of the table can be planned, checked and run by name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.experiments import EXPERIMENTS, resolved
from tasks.experiments.spec import ExperimentSpec, ExperimentsSpec

DOCS = Path(__file__).parents[2] / "docs" / "experiments"
every = pytest.mark.parametrize("name", EXPERIMENTS)


@every
def test_its_name_alone_is_enough(name):
    """`experiments: [name]` builds its settings; each of them has a default."""
    spec = ExperimentsSpec.model_validate_json(f'{{"{name}": {{}}}}')
    assert list(spec.asked()) == [name]
    assert isinstance(spec.asked()[name], ExperimentSpec)
    assert (type(spec.asked()[name]).__doc__ or "").strip()


@every
def test_what_it_names_is_there(name):
    """`run`, and where they are given `problems`, `applies` and `reads`, can be called."""
    experiment = EXPERIMENTS[name]
    for function in (experiment.run, experiment.problems, experiment.applies, experiment.reads):
        assert function is None or callable(resolved(function)), function


@every
def test_it_says_what_it_is(name):
    """A heading for the report, a version, and a line of the docs that leads to its page."""
    experiment = EXPERIMENTS[name]
    assert experiment.name == name
    assert experiment.title
    assert experiment.version >= 1
    index = (DOCS / "index.md").read_text()
    (line,) = (line for line in index.splitlines() if line.startswith(f"| `{name}` | {experiment.scope} |"))
    page = re.findall(r"\((\w+\.md)\)", line) or [f"{name}.md"]
    assert (DOCS / page[0]).is_file()


def test_the_table_and_the_settings_name_the_same():
    """An experiment without settings could not be asked for, and settings without it do nothing."""
    assert set(EXPERIMENTS) == set(ExperimentsSpec.model_fields)


def test_a_study_is_read_without_torch():
    """The table and its settings import none: `iin --help` and mistakes in a file are told at once."""
    code = "import sys, tasks.experiments, tasks.study; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
