"""What every estimate has in common: each block has room, and the residual keeps two dimensions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iin_core.dimensions import given_dimensions
from iin_core.dimensions.layout import fitted
from iin_core.errors import InputError


@given(st.lists(st.integers(0, 300), min_size=0, max_size=6), st.integers(8, 256))
def test_wanted_dimensions_always_fit(wanted, n_dims):
    """Whatever is wanted, all dimensions are given away, each concept has one, the residual two."""
    dims = fitted({f"c{i}": dim for i, dim in enumerate(wanted)}, n_dims)
    assert next(iter(dims)) == "residual"
    assert sum(dims.values()) == n_dims
    assert dims.pop("residual") >= 2
    assert min(dims.values(), default=1) >= 1
    if sum(max(1, dim) for dim in wanted) <= n_dims - 2:
        assert list(dims.values()) == [max(1, dim) for dim in wanted]


def test_larger_wishes_stay_larger():
    """Where too much is wanted, all concepts give up the same share."""
    assert fitted({"a": 90, "b": 30}, 42) == {"residual": 2, "a": 30, "b": 10}


def test_more_concepts_than_dimensions_are_refused():
    """Three concepts and a residual need four dimensions."""
    assert fitted(dict.fromkeys("abc", 5), 4) == {"residual": 1, "a": 1, "b": 1, "c": 1}
    with pytest.raises(InputError, match="3 concepts and a residual do not fit into 3 dimensions"):
        fitted(dict.fromkeys("abc", 5), 3)


def test_dimensions_that_do_not_fit_are_refused():
    """Given dimensions must leave a residual."""
    assert given_dimensions({"a": 3}, 8) == {"residual": 5, "a": 3}
    with pytest.raises(InputError, match="9 dimensions leave no residual in 8"):
        given_dimensions({"a": 4, "b": 5}, 8)
