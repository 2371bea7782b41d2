"""Robust scales of features, read so that wide layers do not lie in memory."""

import numpy as np
import torch

from iin_core.front import scale
from iin_core.front.scale import fit_scale
from iin_core.row_reader import ArrayReader


class Wide:
    """Rows of a million features, made when they are read."""

    n_rows, n_features = 5000, 1_000_000

    def read(self, start, stop):
        """Rows start, …, stop − 1: each feature a little larger than the last, each row than the last."""
        features = np.arange(self.n_features, dtype=np.float32)
        return np.arange(start, stop, dtype=np.float32)[:, None] * 1e-3 + features


def test_a_layer_read_in_parts_has_the_scale_of_one_read_at_once(monkeypatch):
    """However few features fit at once, centre and scale are the same bits."""
    z = torch.tensor(np.random.default_rng(0).normal(size=(3000, 37)) ** 3, dtype=torch.float32)
    z[:, 5] = 1.0
    whole = fit_scale(ArrayReader(z))
    for n_features in (1, 10, 36):
        monkeypatch.setattr(scale, "_SAMPLE_BYTES", 4 * 1024 * n_features)
        parts = fit_scale(ArrayReader(z))
        assert torch.equal(parts.centre, whole.centre)
        assert torch.equal(parts.scale, whole.scale)


def test_a_million_features_do_not_lie_in_memory(monkeypatch):
    """With 64 rows in the place of 1,024, a part never holds more than its share of the bytes."""
    monkeypatch.setattr(scale, "_SAMPLE", 64)
    monkeypatch.setattr(scale, "_SAMPLE_BYTES", 2**24)
    sizes, columns = [], scale._columns

    def counted(*wanted):
        found = columns(*wanted)
        sizes.append(found.untyped_storage().nbytes())
        return found

    monkeypatch.setattr(scale, "_columns", counted)
    found = fit_scale(Wide())
    assert max(sizes) <= 2**24
    assert len(sizes) == 16
    assert torch.allclose(found.centre[[0, 10, 10**5]], torch.tensor([2.5, 12.5, 100002.5]), atol=0.5)
