"""Concepts of a study against its rows."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest

from iin_core.errors import InputError
from iin_core.spec import PairSpec
from tasks.sources.concepts import CONCEPTS, check_concept

TABLE = pd.DataFrame(
    {
        "source": np.arange(40),
        "split": ["train"] * 20 + ["validation"] * 8 + ["heldout"] * 12,
        "digit": np.arange(40) % 2,
        "late": [0] * 20 + [0, 1] * 10,
        "once": [7] + [0, 1] * 9 + [0] + [7, 0, 1, 0] * 5,
        "flat": [1.0] * 20 + list(np.linspace(0, 1, 20)),
    }
)


def test_every_kind_of_the_schema_is_checked():
    """A kind that the schema allows has its check, and the other way round."""
    assert set(CONCEPTS) == set(get_args(PairSpec.model_fields["kind"].annotation))


@pytest.mark.parametrize("kind", ["label", "numeric"])
def test_a_good_column_serves(kind, tmp_path):
    """Both kinds take a column of integers."""
    check_concept("digit", PairSpec(kind=kind), TABLE, tmp_path)


@pytest.mark.parametrize(
    ("name", "kind", "what"),
    [
        ("late", "label", "In the training rows: The concept 'late' is constant"),
        ("once", "label", "In the training rows: The concept 'once' has label values that only one source"),
        ("flat", "numeric", "In the training rows: The concept 'flat' is constant"),
    ],
)
def test_training_rows_alone_must_serve(name, kind, what, tmp_path):
    """Pairs are made of training rows; what only the others show cannot be learned."""
    with pytest.raises(InputError) as caught:
        check_concept(name, PairSpec(kind=kind), TABLE, tmp_path)
    assert what in caught.value.what
    assert "training rows" in caught.value.where
