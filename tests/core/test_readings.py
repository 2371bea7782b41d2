"""What each reading reads, and the texts of its refusals."""

from __future__ import annotations

import pytest
import torch

from iin_core.errors import InputError
from iin_core.readings import Flatten, Pool, Token, as_reading, make_reading, n_features, readings_for
from iin_core.spec import ReadingSpec


@pytest.fixture
def maps() -> torch.Tensor:
    """Feature maps, (n, C, H, W)."""
    return torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def tokens() -> torch.Tensor:
    """A sequence, (n, T, D)."""
    return torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(0))


def test_flatten_keeps_every_number(maps):
    """The rows of `flatten` hold the activation's numbers in their order."""
    assert torch.equal(Flatten().rows(maps), maps.reshape(4, 90))


@pytest.mark.parametrize("shape", [(4, 3, 5, 6), (4, 3, 9), (4, 3, 2, 2, 2)])
def test_pool_reduces_all_positions(shape):
    """Pooling leaves one number a channel, whatever the number of axes of positions."""
    activation = torch.randn(shape)
    axes = tuple(range(2, len(shape)))
    torch.testing.assert_close(Pool("mean").rows(activation), activation.mean(axes))
    assert torch.equal(Pool("max").rows(activation), activation.amax(axes))


def test_the_change_of_a_mean_is_added_everywhere(maps):
    """An edit of `pool: mean` moves every position of a channel by the same amount."""
    moved = Pool("mean").add(maps, torch.full((4, 3), 2.0)) - maps
    torch.testing.assert_close(moved, torch.full_like(maps, 2.0))


@pytest.mark.parametrize(("which", "position"), [("cls", 0), ("last", 6)])
def test_a_token_changes_alone(tokens, which, position):
    """An edit of one token leaves every bit of the others."""
    edited = Token(which).add(tokens, torch.ones(4, 5))
    others = [i for i in range(7) if i != position]
    assert torch.equal(edited[:, others], tokens[:, others])
    torch.testing.assert_close(edited[:, position], tokens[:, position] + 1)


def test_token_mean_reads_over_tokens(tokens):
    """`token: mean` averages over the tokens, not over the features."""
    torch.testing.assert_close(Token("mean").rows(tokens), tokens.mean(1))


def test_a_maximum_cannot_be_put_back(maps):
    """`pool: max` refuses an edit and says that it is lossy."""
    with pytest.raises(InputError, match=r"'pool: max' cannot put an edit back: not applicable, lossy"):
        Pool("max").add(maps, torch.zeros(4, 3))


def test_a_shape_that_does_not_fit_is_refused_with_what_fits(maps):
    """A reading that cannot read a shape names the shape and those readings that can."""
    with pytest.raises(InputError) as error:
        Token("cls").rows(maps)
    assert "'token: cls' cannot read an activation of shape (4, 3, 5, 6); it reads (n, tokens, D)" in str(
        error.value
    )
    assert "to do: use flatten, pool: mean or pool: max" in str(error.value)
    with pytest.raises(InputError, match=r"'flatten' cannot read an activation of shape \(4,\)"):
        Flatten().rows(torch.zeros(4))


def test_integers_are_refused():
    """Indices are no activation."""
    with pytest.raises(InputError, match=r"'flatten' cannot read an activation of torch\.int64"):
        Flatten().rows(torch.zeros(4, 3, dtype=torch.int64))


def test_a_change_of_another_shape_is_refused(maps):
    """A change must have a row for each example and a column for each feature."""
    with pytest.raises(
        InputError, match=r"The change of rows has shape \(3, 3\), the activation's rows \(4, 3\)"
    ):
        Pool("mean").add(maps, torch.zeros(3, 3))


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (None, "flatten"),
        ("flatten", "flatten"),
        ({"pool": "mean"}, "pool: mean"),
        (ReadingSpec(token="last"), "token: last"),
        (Token("cls"), "token: cls"),
    ],
)
def test_readings_as_a_person_writes_them(written, name):
    """Strings, mappings, specs and readings are all accepted."""
    assert as_reading(written).name == name


@pytest.mark.parametrize("written", ["pool", {"pool": "median"}, {}, 3])
def test_what_is_no_reading_is_refused(written):
    """Anything else is refused, with the forms that are accepted."""
    with pytest.raises(InputError, match=r'is not a reading\.\n  to do: use "flatten"'):
        as_reading(written)


def test_the_spec_and_the_reading_agree_on_the_name():
    """A reading is called as its spec calls it."""
    for spec in (ReadingSpec(flatten=True), ReadingSpec(pool="max"), ReadingSpec(token="mean")):
        assert make_reading(spec).name == spec.name


def test_features_are_known_from_the_shape_alone():
    """N follows from the activation's shape without running anything."""
    assert n_features(Flatten(), (3, 4, 5)) == 60
    assert readings_for((7, 5)) == {
        "flatten": 35, "pool: mean": 7, "pool: max": 7, "token: cls": 5, "token: last": 5, "token: mean": 5,
    }  # fmt: skip
