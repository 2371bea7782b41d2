"""Drawing a factor anew: one block changes, the rest stays, and draws come from where they were asked for."""

import numpy as np
import pytest
import torch

from iin_core.blocks import Blocks
from iin_core.errors import InputError
from iin_core.priors import ClassPrior, NormalPrior
from iin_core.redraw import ALL, donors, redraw, share_beyond

BLOCKS = Blocks({"residual": 3, "digit": 2})
CLUSTERS = ClassPrior(
    (0, 1), torch.tensor([[-2.0, 0], [2, 0]]), torch.full((2,), 0.1), torch.tensor([0.5, 0.5])
)
PRIORS = {"residual": NormalPrior(3), "digit": CLUSTERS}
SOURCE = np.repeat(np.arange(40), 3)
GENERATOR = torch.Generator().manual_seed(0)
CODE = torch.cat([PRIORS[name].sample(120, GENERATOR) for name in BLOCKS], 1)
BASE = np.repeat(np.arange(120), 4)
KNOWN = (BLOCKS, PRIORS, SOURCE)


def _are_among(drawn: torch.Tensor, rows: torch.Tensor) -> bool:
    return bool((drawn[:, None] == rows).all(-1).any(1).all())


@pytest.mark.parametrize("how", ["prior", "normal", "rows"])
@pytest.mark.parametrize("factor", ["residual", "digit"])
def test_one_factor_is_drawn_and_the_rest_is_kept(how: str, factor: str) -> None:
    """Other blocks stay to the bit, the factor's changes for every base, and a seed repeats the draws."""
    drawn = redraw(CODE, BASE, factor, how, KNOWN, seed=3)
    place = BLOCKS[factor]
    kept = torch.ones(5, dtype=torch.bool)
    kept[place] = False
    assert torch.equal(drawn[:, kept], CODE[BASE][:, kept])
    assert (drawn[:, place] != CODE[BASE][:, place]).any(1).all()
    assert torch.equal(drawn, redraw(CODE, BASE, factor, how, KNOWN, seed=3))
    assert not torch.equal(drawn, redraw(CODE, BASE, factor, how, KNOWN, seed=4))


def test_donors_are_rows_of_other_sources_each_as_often() -> None:
    """No donor shares its base's source; over many draws every other row comes equally often."""
    base = np.full(60_000, 7)
    found = donors(base, SOURCE[::-1].copy(), 0)
    counts = np.bincount(found, minlength=120)
    own = SOURCE[::-1] == SOURCE[::-1][7]
    assert (counts[own] == 0).all()
    assert counts[~own].min() > 0.8 * 60_000 / 117
    assert counts[~own].max() < 1.2 * 60_000 / 117


def test_draws_from_other_rows_are_whole_blocks_of_them() -> None:
    """Each drawn block is that of one row; with all blocks drawn, nothing of the base is left."""
    one = redraw(CODE, BASE, "digit", "rows", KNOWN)
    assert _are_among(one[:, BLOCKS["digit"]], CODE[:, BLOCKS["digit"]])
    every = redraw(CODE, BASE, ALL, "rows", KNOWN)
    assert _are_among(every, CODE)


def test_the_published_normal_leaves_the_data_of_a_labelled_block() -> None:
    """Clusters are hardly met by N(0, I), which is told by the share of draws beyond the data."""
    place = BLOCKS["digit"]
    shares = {
        how: share_beyond(CLUSTERS, CODE[:, place], redraw(CODE, BASE, "digit", how, KNOWN)[:, place])
        for how in ("prior", "rows", "normal")
    }
    assert shares["prior"] < 0.05
    assert shares["rows"] < 0.05
    assert shares["normal"] > 0.9


def test_what_cannot_be_drawn_is_refused() -> None:
    """An unknown factor is named with those that there are; one source alone has no donors."""
    with pytest.raises(InputError, match="no factor 'hue'") as caught:
        redraw(CODE, BASE, "hue", "prior", KNOWN)
    assert "residual, digit, all" in caught.value.fix
    with pytest.raises(InputError, match="one source"):
        donors(np.arange(3), np.zeros(3), 0)
