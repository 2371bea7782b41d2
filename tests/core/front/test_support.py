"""How many directions few rows support: those that predict rows of other sources."""

import numpy as np
import pytest
import torch

from iin_core.front import fit_front
from iin_core.front.support import ROWS_A_DIM, best_rank, effective_rows, supported_dims
from iin_core.row_reader import ArrayReader
from iin_core.spec import FlowSpec


def spiked(n, n_features, rank, seed=0):
    """Rows of a few strong directions in noise that is the same in all."""
    rng = np.random.default_rng(seed)
    loadings = np.linalg.qr(rng.normal(size=(n_features, rank)))[0].T
    z = rng.normal(size=(n, rank)) @ loadings * 10 + rng.normal(size=(n, n_features))
    return torch.from_numpy(z.astype(np.float32))


@pytest.mark.parametrize("rank", [4, 20])
def test_rank_is_that_of_the_strong_directions(rank):
    """Directions of equal noise predict nothing; those above it do."""
    assert abs(best_rank(spiked(400, 96, rank), np.arange(400)) - rank) <= 1


def test_few_rows_keep_what_they_support():
    """Left to itself a front keeps the strong directions of few rows; else as many as it is told."""
    z = spiked(400, 300, 20)
    assert fit_front(z, FlowSpec()).n_dims == 20
    assert fit_front(z, FlowSpec(front_dims=50)).n_dims == 50
    assert fit_front(z, FlowSpec(front_dims=100)).n_dims == 100


def test_many_rows_keep_everything():
    """With thirty-two rows a dimension nothing is left out, however little it predicts."""
    z = spiked(ROWS_A_DIM * 40, 40, 4)
    assert supported_dims(ArrayReader(z.numpy()), None, 40) == 40
    assert supported_dims(ArrayReader(z[:400].numpy()), None, 40) < 40


def test_a_layer_that_fits_stays_whole():
    """Few rows do not narrow a layer that is not wider than a front keeps."""
    assert fit_front(spiked(300, 256, 20), FlowSpec()).n_dims == 256


def test_rows_of_one_source_count_by_how_much_they_differ():
    """Copies of a row count as one, independent rows each for itself."""
    z = spiked(100, 8, 2)
    assert effective_rows(z.repeat_interleave(10, 0), np.arange(1000) // 10) == pytest.approx(100, rel=1e-3)
    assert effective_rows(spiked(1000, 8, 2), np.arange(1000) // 10) == pytest.approx(1000, rel=0.05)
    assert effective_rows(z, np.arange(100)) == 100


def test_many_copies_are_few_rows():
    """A front counts sources where their rows are alike."""
    z, source = spiked(400, 300, 20), np.arange(400 * 20) // 20
    copies = z.repeat_interleave(20, 0)
    assert fit_front(copies, FlowSpec(), source=source).n_dims == 20
