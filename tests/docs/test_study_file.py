"""docs/study-file.md says what the schema says, and its example works."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from iin_core.spec import EvaluationSpec, FlowSpec, PairSpec, ReadingSpec, TrainingSpec
from tasks import study
from tasks.check import check_study
from tasks.study_file import load_study

TEXT = (Path(__file__).parents[2] / "docs" / "study-file.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, flags=re.M | re.S))
SPECS = {
    "The study": study.Study,
    "Source": study.SourceSpec,
    "Data": study.DataSpec,
    "Split": study.SplitSpec,
    "Models": study.ModelSpec,
    "Layers": study.LayerSpec,
    "Reading": ReadingSpec,
    "Head": study.HeadSpec,
    "Reader": study.ReaderSpec,
    "Concepts": study.ConceptSetSpec,
    "Concept": PairSpec,
    "Flow": FlowSpec,
    "Training": TrainingSpec,
    "Overrides": study.OverrideSpec,
    "Evaluation": EvaluationSpec,
    "Experiments": study.ExperimentsSpec,
    "Resources": study.ResourcesSpec,
    "Resource": study.ResourceSpec,
    "Tracking": study.TrackingSpec,
    "Gates": study.GateSpec,
}


def rows(section):
    return re.findall(r"^\| `(\w+)` \| (.*?) \| ", SECTIONS[section], flags=re.M)


@pytest.mark.parametrize("section", SPECS)
def test_every_field_is_described(section):
    """The fields of the schema, in its order, and no others."""
    fields = [info.alias or name for name, info in SPECS[section].model_fields.items()]
    assert [name for name, _ in rows(section)] == fields


@pytest.mark.parametrize("section", SPECS)
def test_defaults_are_the_schemas(section):
    """A default in code font is the schema's own; `required` is required."""
    fields = {info.alias or name: info for name, info in SPECS[section].model_fields.items()}
    for name, shown in rows(section):
        assert (shown == "required") == fields[name].is_required(), name
        if not re.fullmatch(r"`.*`", shown):
            continue
        default = fields[name].default
        written = yaml.safe_load(shown.strip("`")) if shown != "`*`" else "*"
        if isinstance(default, ReadingSpec):
            assert shown.strip("`") == default.name
        else:
            assert written == json.loads(json.dumps(default)), name


def test_every_schema_is_in_the_text():
    """A spec that is added to the study is added to its reference."""
    specs = {spec for spec in vars(study).values() if isinstance(spec, type) and issubclass(spec, study.Spec)}
    assert specs - {study.Spec} == set(SPECS.values())


def test_the_example_is_in_order(tmp_path):
    """The study and the code beside it pass the check as they stand."""
    for name, text in re.findall(r"^```(?:yaml|python)\n# (\S+)\n(.*?)^```", TEXT, flags=re.M | re.S):
        (tmp_path / name).write_text(text)
    loaded = load_study(tmp_path / "shapes.yaml")
    assert check_study(loaded, str(tmp_path / "root")) == []
