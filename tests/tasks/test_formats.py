"""docs/formats.md: a root can be read by that text alone, and its tables are what the code writes."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import zarr

from tasks.activations import Layout, create_array, write_shard
from tasks.evaluation.keys import COMPANIONS
from tasks.evaluation.more import TABLES
from tasks.evaluation.tables import COLUMNS
from tasks.lease import hold
from tasks.output import identity
from tasks.step import KINDS, Step

TEXT = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
STEP = Step(
    "activations", 1, {"layer": "conv1", "name": "Größe"}, {"model": "0" * 64}, {"data": "1" * 64}, "01 conv1"
)
ROWS = np.random.default_rng(0).standard_normal((5000, 300)).astype(np.float32)
META = {"layer": "conv1", "reading": "flatten", "shape": [300], "n_rows": 5000, "n": 300}


def _table(first_column):
    """The rows of the table of the text whose first column is so called."""
    body = TEXT.split(f"| {first_column} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body]


def _names(first_column):
    return {re.findall(r"`([^`]+)`", row[0])[0] for row in _table(first_column)}


@pytest.fixture
def folder(root):
    """The folder of a root with one sealed output, as a path without any of our code."""
    layout = Layout(*ROWS.shape)
    with root.begin(STEP) as attempt:
        create_array(attempt.path, layout)
        for shard in range(layout.n_shards):
            span = layout.rows(shard)
            write_shard(attempt.path, layout, shard, ROWS[span.start : span.stop])
        attempt.seal(META, times={"extract": 1.0})
    return Path(root.url)


def _manifest(folder):
    (path,) = folder.glob("*/??/*/manifest.json")
    return path, json.loads(path.read_text())


def test_a_root_is_read_by_the_text_alone(folder):
    """Version, path, key, sizes and checksums are what the text says, computed without our code."""
    assert json.loads((folder / "iin.json").read_text()) == {"iin_root": 1}
    path, manifest = _manifest(folder)
    text = json.dumps(manifest["step"], sort_keys=True, separators=(",", ":"), allow_nan=False)
    assert hashlib.sha256(text.encode()).hexdigest() == manifest["key"] == path.parent.name
    assert path.parent == folder / manifest["kind"] / manifest["key"][:2] / manifest["key"]
    attempt = path.parent / manifest["attempt"]
    found = {file.relative_to(attempt).as_posix() for file in attempt.rglob("*") if file.is_file()}
    assert set(manifest["files"]) == found
    for name, entry in manifest["files"].items():
        data = (attempt / name).read_bytes()
        assert entry == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_the_manifest_has_the_fields_of_the_text(folder):
    """Fields, and which of them belong to identity, are those of the table."""
    _, manifest = _manifest(folder)
    assert set(manifest) == _names("field of `manifest.json`")
    in_identity = {row[0].strip("`") for row in _table("field of `manifest.json`") if row[3] == "yes"}
    assert set(identity(manifest)) == in_identity
    assert f"**{manifest['format']}**" in TEXT


def test_the_kinds_of_the_text():
    """The kinds are those of the code, and every kind with files is described."""
    listed = TEXT.split("\nKinds: ", 1)[1].split(".\n", 1)[0]
    assert tuple(re.findall(r"`(\w+)`", listed)) == KINDS
    assert _names("kind") | {"report"} == set(KINDS)


def test_activations_are_as_the_text_says(folder):
    """Shape, shards, chunks, codecs and files of the array follow from the text's rules."""
    path, manifest = _manifest(folder)
    array = zarr.open_array(path.parent / manifest["attempt"] / "activations.zarr", mode="r")
    np.testing.assert_array_equal(array[:], ROWS)
    row = 300 * 4
    shard = next(2**k for k in range(12, -1, -1) if 2**k * row <= 2**25)
    chunk = next(2**k for k in range(12, -1, -1) if 2**k * row <= 2**20)
    assert (array.shards, array.chunks) == ((shard, 300), (chunk, 300))
    described = json.loads((path.parent / manifest["attempt"] / "activations.zarr/zarr.json").read_text())
    assert (described["fill_value"], described["dimension_names"]) == ("NaN", ["row", "dim"])
    (sharding,) = described["codecs"]
    codecs = sharding["configuration"]["codecs"]
    assert [codec["name"] for codec in codecs] == ["bytes", "crc32c"]
    assert codecs[0]["configuration"]["endian"] == "little"
    assert sharding["configuration"]["index_codecs"][-1]["name"] == "crc32c"
    shards = {f"activations.zarr/c/{i}/0" for i in range(-(-5000 // shard))}
    assert set(manifest["files"]) == shards | {"activations.zarr/zarr.json"}
    assert set(manifest["meta"]) == _names("field of `meta`")


def test_the_tables_of_an_evaluation_have_the_columns_of_the_text():
    """Every table that the code writes is described, column by column and in this order."""
    written = {**COLUMNS, **TABLES}
    described = {
        re.findall(r"`(\w+)\.csv`", row[0])[0]: re.findall(r"`(\w+)`", row[1]) for row in _table("table")
    }
    assert described == {name: list(columns) for name, columns in written.items()}
    named = " ".join(row[1] for row in _table("kind") if row[0] == "`evaluations`")
    assert set(re.findall(r"`(\w+)\.csv`", named)) == set(written)


def test_the_suffixes_of_scores_are_those_of_the_text():
    """The four companions of a score are explained."""
    section = TEXT.split("\n## Evaluations\n", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"`<score>_(\w+)`", section)) == set(COMPANIONS)


def test_a_lease_is_as_the_text_says(root):
    """A lease file lies where the text says and has its fields."""
    with hold(root, [STEP], on_wait=print):
        lease = json.loads((Path(root.url) / "leases" / f"{STEP.key}.json").read_text())
    assert set(lease) == _names("field of a lease")
    (process,) = (row for row in _table("field of a lease") if row[0] == "`process`")
    assert set(lease["process"]) == set(re.findall(r"`(\w+)`", process[1]))
    assert 50 < lease["expires"] - lease["since"] <= 60
