"""What every data source promises; each built-in one and an imported one go through it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from iin_core.examples import DATA
from iin_core.rows import source_texts
from tasks.sources.data import SOURCES, open_data
from tasks.sources.data.builtin import FROM_FILES
from tasks.study import SourceSpec
from tests.tasks.sources.files_world import ARRAYS, IMAGES, PARQUET, write_arrays, write_images, write_parquet
from tests.tasks.sources.sketches_world import source as sketched
from tests.tasks.sources.sketches_world import write_world

SMALL = {"coloured_digits": {"colours": 2}}
"""Arguments that keep a built-in set small."""

OWN = """
import numpy as np

def data(n):
    return np.arange(n * 2.0).reshape(n, 2), {"digit": np.arange(n) % 3, "name": ["x"] * n}
"""

CASES = {
    **{name: SourceSpec(builtin=name, arguments=SMALL.get(name, {})) for name in DATA},
    "sketches": sketched(),
    "image_folder": IMAGES,
    "arrays": ARRAYS,
    "parquet": PARQUET,
    "import": None,
}

WRITERS = {
    "sketches": write_world,
    "image_folder": write_images,
    "arrays": write_arrays,
    "parquet": write_parquet,
    "import": lambda folder: (folder / "seam_data.py").write_text(OWN),
}
"""What makes the files of a case."""


@pytest.fixture(scope="module", params=CASES)
def opened(request, tmp_path_factory):
    """(the source, its folder, the opened data)."""
    folder = tmp_path_factory.mktemp("study")
    WRITERS.get(request.param, lambda _: None)(folder)
    spec = CASES[request.param] or SourceSpec(**{"import": "seam_data:data"}, arguments={"n": 30})
    return spec, folder, open_data(spec, folder)


def test_every_kind_of_source_is_here():
    """A kind that is added to the table must be added to this suite."""
    assert set(SOURCES) == {"builtin", "import"}
    assert set(SMALL) <= set(DATA)
    assert {*DATA, *FROM_FILES} == set(CASES) - {"import"}


def test_the_table_has_a_row_for_each_input(opened):
    """With a plain index, columns of text names and a source for each row."""
    _, _, data = opened
    assert isinstance(data.table.index, pd.RangeIndex)
    assert len(data) == len(data.table) > 0
    assert all(isinstance(column, str) for column in data.table.columns)
    assert len(source_texts(data.table["source"])) == len(data)


def test_batches_are_inputs_of_a_model(opened):
    """A batch holds the rows asked for, in that order, repeated ones too."""
    _, _, data = opened
    indices = np.array([5, 0, 5, len(data) - 1])
    batch = data.batch(indices)
    for i, index in enumerate(indices):
        one = data.batch(np.array([index]))
        parts = batch.items() if isinstance(batch, dict) else [("", batch)]
        for name, part in parts:
            single = one[name] if isinstance(one, dict) else one
            assert isinstance(part, torch.Tensor)
            assert torch.equal(part[i], single[0])
            assert torch.isfinite(part).all()


def test_opening_it_again_gives_the_same(opened):
    """Table and fingerprint are the same each time."""
    spec, folder, data = opened
    again = open_data(spec, folder)
    pd.testing.assert_frame_equal(again.table, data.table)
    assert again.fingerprint() == data.fingerprint()
    assert len(data.fingerprint()) == 64


def test_other_arguments_are_other_data(opened):
    """The fingerprint sees what the arguments change."""
    spec, folder, data = opened
    changes = {
        "import": {"n": 31},
        "coloured_digits": {"colours": 3},
        "sketches": spec.arguments | {"seed": 1},
        "image_folder": spec.arguments | {"channels": "grey"},
        "parquet": spec.arguments | {"size": 4},
        "arrays": spec.arguments | {"inputs": {"x": "rows.npy"}},
    }
    other = spec.model_copy(update={"arguments": changes[spec.builtin or "import"]})
    assert open_data(other, folder).fingerprint() != data.fingerprint()
