"""A batch of pairs is divided equally among what makes them."""

import numpy as np
import pytest
import torch

from iin_core.blocks import Blocks
from iin_core.sampling import make_sampler
from iin_core.spec import PairSpec

BLOCKS = Blocks({"residual": 2, "digit": 2, "colour": 2})


def test_concepts_have_equal_shares_of_a_batch():
    """A batch is divided equally among the concepts, and each pair shares its concept alone."""
    columns = {"digit": np.arange(40) % 4, "colour": np.arange(40) // 20}
    specs = {"digit": PairSpec(), "colour": PairSpec(rho=0.5)}
    batch = make_sampler(columns, specs, np.arange(40), BLOCKS).draw(100, torch.Generator().manual_seed(0))
    assert batch.rho.tolist()[:50] == [[0, pytest.approx(0.975), 0]] * 50
    assert batch.rho.tolist()[50:] == [[0, 0, 0.5]] * 50
    assert (columns["digit"][batch.a[:50]] == columns["digit"][batch.b[:50]]).all()
    assert (columns["colour"][batch.a[50:]] == columns["colour"][batch.b[50:]]).all()


def test_without_concepts_pairs_share_nothing():
    """The unsupervised sampler draws rows over the whole range, with no correlation at all."""
    batch = make_sampler({}, {}, np.arange(40), Blocks({"residual": 6})).draw(
        500, torch.Generator().manual_seed(0)
    )
    assert not batch.rho.any()
    assert set(batch.a.tolist()) == set(batch.b.tolist()) == set(range(40))
