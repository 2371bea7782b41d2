"""What is said of concepts that can be used, but not without a word."""

from __future__ import annotations

import numpy as np
import pandas as pd

from iin_core.cautions import cautions, lonely_in_training
from iin_core.spec import PairSpec

RNG = np.random.default_rng(0)
A = RNG.integers(0, 3, 2000)
TABLE = pd.DataFrame(
    {
        "a": A,
        "apart": RNG.integers(0, 4, 2000),
        "like_a": np.where(RNG.random(2000) < 0.6, A, RNG.integers(0, 3, 2000)),
        "of_a": A % 2,
        "seldom": np.where(RNG.random(2000) < 0.7, None, "x"),
    }
)
TABLE.loc[::3, "seldom"] = "y"


def said(*names, **specs):
    return [c.what for c in cautions(TABLE, {name: specs.get(name, PairSpec()) for name in names})]


def test_nothing_is_said_of_free_concepts():
    """Concepts that vary freely need no word."""
    assert said("a", "apart") == []


def test_dependent_concepts_are_named_with_the_number_and_what_is_left():
    """The number, what drawing apart leaves of it and what it costs are said."""
    [what] = said("a", "like_a")
    assert "'a' and 'like_a' depend on each other (Cramér's V 0.6" in what
    assert "drawn apart, which leaves 0.00 and makes the 2000 rows worth" in what
    assert "drawn as the rows come" in said("a", "like_a", a=PairSpec(given=()))[0]


def test_a_concept_that_determines_another_is_named():
    """One that follows from another is said to, in that direction."""
    [what] = said("of_a", "a")
    assert "'a' determines 'of_a' (Cramér's V 1.00)" in what


def test_concepts_that_determine_each_other_are_named():
    """Two columns that are renamings of each other are told so, with the number."""
    [found] = cautions(TABLE.assign(name=np.array(["x", "y", "z"])[A]), {"a": PairSpec(), "name": PairSpec()})
    assert "'a' and 'name' determine each other (Cramér's V 1.00)" in found.what
    assert "leave one of them out" in found.fix


def test_few_values_are_counted():
    """A concept that most rows lack is counted."""
    few = TABLE.assign(few=[None] * 1200 + ["x", "y"] * 400)
    [found] = cautions(few, {"few": PairSpec()})
    assert "'few' has no value in 1200 of 2000 rows (60%)" in found.what
    assert str(found).endswith(f"To do: {found.fix}.")


def test_labels_of_one_training_source_are_listed():
    """Values that the training rows show in one source only are listed."""
    [found] = lonely_in_training(np.array(["x", "y", "y", "z", "z"]), np.array([0, 1, 2, 3, 3]), "c")
    assert "2 values have one training source only (x, z)" in found.what
    assert not list(lonely_in_training(np.array(["x", "x"]), np.array([0, 1]), "c"))
