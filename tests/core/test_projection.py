"""Few coordinates of many."""

import numpy as np
import pytest

import iin_core.projection as projection
from iin_core.errors import InputError
from iin_core.projection import fit_projection

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(80, 5)) * [5, 2, 0.1, 0.1, 0.1] + 7


def test_principal_components_are_those_of_another_library() -> None:
    """Up to a sign; the caption says how much of the variance they have."""
    from sklearn.decomposition import PCA

    found = fit_projection(ROWS, 2, "pca")
    expected = PCA(2).fit(ROWS)
    more = RNG.normal(size=(9, 5))
    np.testing.assert_allclose(np.abs(found.apply(more)), np.abs(expected.transform(more)), atol=1e-8)
    share = expected.explained_variance_ratio_.sum()
    assert found.words == f"the first 2 principal components ({share:.0%} of the variance)"


def test_a_component_has_one_sign() -> None:
    """Turning all rows about their mean leaves it as it is."""
    one, other = (fit_projection(rows, 1, "pca").apply(ROWS) for rows in (ROWS, ROWS[::-1]))
    np.testing.assert_allclose(one, other)


def test_umap_that_is_not_installed_is_named_with_its_extra(monkeypatch) -> None:
    """The remedy is the extra, or principal components; `auto` takes these by itself."""
    monkeypatch.setattr(projection, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="UMAP is asked for and not installed") as caught:
        fit_projection(ROWS, 2, "umap")
    assert caught.value.fix == "pip install 'iin[umap]', or take `embedding: pca`"
    assert fit_projection(ROWS, 2, "auto").method == "pca"


def test_too_few_rows_or_dimensions_are_told() -> None:
    """A block of one dimension has no two components."""
    with pytest.raises(InputError, match="80 rows of 1 dimensions have no 2 principal components"):
        fit_projection(ROWS[:, :1], 2, "pca")
    assert fit_projection(ROWS[:5], 2, "auto").method == "pca"


@pytest.mark.slow
def test_umap_places_new_rows_among_those_like_them() -> None:
    """Two clusters stay apart, rows that were not fitted fall into theirs, and a seed repeats itself."""
    groups = np.repeat([0, 1], 40)
    rows = RNG.normal(size=(80, 6)) + 12 * groups[:, None]
    found = fit_projection(rows, 2, "umap", seed=3)
    places = found.apply(rows)
    centres = np.stack([places[groups == k].mean(0) for k in (0, 1)])
    new = found.apply(RNG.normal(size=(10, 6)) + 12)
    assert (np.linalg.norm(new - centres[1], axis=1) < np.linalg.norm(new - centres[0], axis=1)).all()
    assert found.words == "UMAP to 2-D (15 neighbours, seed 3)"
    np.testing.assert_array_equal(fit_projection(rows, 2, "umap", seed=3).apply(rows), places)
