"""Tables of pairs: what they share, how they are renumbered, what is refused."""

import numpy as np
import pytest
import torch

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.pairs import Pairs, table_pairs

BLOCKS = Blocks({"residual": 2, "digit": 2, "colour": 2})


def test_negative_pairs_share_all_but_the_concept():
    """Pairs that differ in a concept share the residual and every other block."""
    table = table_pairs(Pairs([0, 1], [2, 3], differs="digit", rho=[0.9, 0.8]), BLOCKS, 4)
    expected = torch.tensor([[0.9, 0, 0.9], [0.8, 0, 0.8]])
    assert torch.equal(table.rho, expected)


def test_pairs_within_kept_rows_are_renumbered():
    """Pairs whose rows were both kept point at the same rows under their new numbers."""
    kept = np.array([1, 3, 4])
    left = Pairs([0, 1, 3], [1, 3, 4], shares="digit").within(kept, 5)
    assert list(left.a) == [0, 1]
    assert list(left.b) == [1, 2]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (Pairs([0], [9], shares="digit"), "point outside the 4 rows"),
        (Pairs([1], [1], shares="digit"), "join a row with itself"),
        (Pairs([0], [1]), "exactly one of shares and differs"),
        (Pairs([0], [1], shares="digits"), "no concept 'digits'"),
        (Pairs([0], [1], shares="digit", rho=1.0), "strictly between 0 and 1"),
        (
            Pairs([0], [1], shares="digit", rho=1 - 1e-9),
            "in single precision too.(.|\n)*rho from 0.999999999 to",
        ),
        (Pairs([0, 1], [1], shares="digit"), "not two equal lists"),
    ],
)
def test_unusable_tables_are_refused(pairs, message):
    """A table of pairs that cannot be used is refused with the reason."""
    with pytest.raises(InputError, match=message):
        table_pairs(pairs, BLOCKS, 4)
