"""docs/experiments/sketches.md says what the data source takes, and its study is one."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import yaml

from iin_core.stylise import SETTINGS
from tasks.sources.data.sketches_arguments import read_arguments
from tasks.sources.data.sketches_spec import SketchesSpec
from tasks.study import ConceptSetSpec

TEXT = (Path(__file__).parents[2] / "docs" / "experiments" / "sketches.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", TEXT, flags=re.S | re.M)


def test_every_argument_is_described():
    """In the order of the schema, with its default."""
    described = dict(re.findall(r"^\| `(\w+)` \| (.*?) \| ", TEXT.split("| argument |")[1], flags=re.M))
    assert list(described) == list(SketchesSpec.model_fields)
    for name, field in SketchesSpec.model_fields.items():
        assert (described[name] == "required") == field.is_required()
        if re.fullmatch(r"`.*`", described[name]):
            assert yaml.safe_load(described[name].strip("`")) == field.default


def test_every_setting_is_named():
    """Of both methods; the scales are no setting."""
    line = next(line for line in TEXT.splitlines() if line.startswith("| `settings`"))
    for kind in SETTINGS.values():
        for field in dataclasses.fields(kind):
            assert (f"`{field.name}`" in line) == (field.name != "scales")


def test_the_examples_are_right():
    """The data source reads them, and the concepts are concepts."""
    written = yaml.safe_load(EXAMPLES[0])
    arguments = written["data"]["source"]["arguments"]
    spec = read_arguments(arguments)
    assert spec.sketches == {"thin": "thin.png", "thick": "thick.png"}
    assert {"pairs", "label"} == {
        kind for factors in written["concepts"].values() for kind in factors.values()
    }
    assert ConceptSetSpec.model_validate({"factors": {"thickness": {"kind": "pairs"}}})
    neural = read_arguments(arguments | yaml.safe_load(EXAMPLES[1]))
    assert neural.network is not None
    assert neural.network.layers == ("layer1*", "layer2*")
