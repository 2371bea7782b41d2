"""Rows of a layer: what is damaged is refused before anything is learned from it."""

from __future__ import annotations

import pytest

from tasks.errors import DamagedOutput
from tasks.layer_rows import load_layer_rows, read_table


def flip(path):
    """Change one bit; the size stays."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def load(study):
    layer = study.plan.models[0].layers[0]
    return load_layer_rows(study.root, study.plan.rows.key, layer.extract.key)


def test_a_changed_table_is_refused(make_study):
    """A label that is another one by one bit would otherwise be learned."""
    study = make_study()
    rows = study.seal_rows()
    assert list(read_table(study.root, study.plan.rows.key)["split"]) == ["train"] * 20
    flip(rows.path / "rows.parquet")
    study.seal_activations(study.plan.models[0].layers[0])
    with pytest.raises(DamagedOutput, match=r"file 'rows\.parquet' of rows 'rows' has been changed"):
        load(study)


def test_a_changed_shard_is_refused(make_study):
    """The error names array and shard."""
    study = make_study()
    study.seal_rows()
    activations = study.seal_activations(study.plan.models[0].layers[0])
    assert load(study).z.shape == (20, 6)
    flip(activations.path / "activations.zarr/c/0/0")
    with pytest.raises(DamagedOutput, match=r"'activations\.zarr/c/0/0' of activations '01 conv1'"):
        load(study)
