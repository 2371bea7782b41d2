"""Interchange accuracy of factorisations whose result is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.errors import InputError
from iin_core.metrics import interchange, interchange_pairs, reading_accuracy
from iin_core.spec import EvaluationSpec

RNG = np.random.default_rng(0)
SOURCE = np.repeat(np.arange(100), 3)
LABELS = {"digit": RNG.integers(10, size=100)[SOURCE], "colour": RNG.integers(4, size=300)}
SPEC = EvaluationSpec(bootstrap=100)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(1, 200))
def test_pairs_differ_in_every_concept(seed: int, n: int) -> None:
    """Base and donor share no value of any concept given, and a seed gives the same pairs again."""
    base, donor = interchange_pairs({**LABELS, "source": SOURCE}, n, seed)
    assert len(base) == len(donor) == n
    assert all((values[base] != values[donor]).all() for values in (*LABELS.values(), SOURCE))
    assert (interchange_pairs({**LABELS, "source": SOURCE}, n, seed)[0] == base).all()


def test_pairs_that_do_not_exist_are_named() -> None:
    """A concept with one value gives no pair, and the error names the concepts."""
    with pytest.raises(InputError, match="only 0 differ in all of digit, one"):
        interchange_pairs({"digit": LABELS["digit"], "one": np.zeros(300)}, 10, 0)


def test_rows_without_a_label_are_no_bases_and_no_donors() -> None:
    """Pairs come from labelled rows only; where there are none the error counts them."""
    partly = np.where(np.arange(300) % 2, LABELS["digit"].astype(object), None)
    base, donor = interchange_pairs({**LABELS, "digit": partly}, 200, 0)
    assert (base % 2).all()
    assert (donor % 2).all()
    with pytest.raises(InputError, match=r"0 with a label of each"):
        interchange_pairs({"digit": np.full(300, None)}, 10, 0)
    rows = np.arange(300)
    said = {"digit": np.where(rows % 4 == 1, -5, LABELS["digit"])}
    assert reading_accuracy(said, {"digit": partly}, rows) == pytest.approx(0.5)


def test_joint_by_its_definition() -> None:
    """Joint is the mean over concepts of P(reader gives the donor's concept and the base's others)."""
    base, donor = interchange_pairs(LABELS, 300, 1)
    rng = np.random.default_rng(0)
    said = {
        factor: {name: np.where(rng.random(300) < 0.8, values, 0) for name, values in says.items()}
        for factor, says in _swapped(base, donor).items()
    }
    right = []
    for factor, says in said.items():
        for i in range(300):
            wanted = {name: LABELS[name][donor[i] if name == factor else base[i]] for name in LABELS}
            right.append(all(says[name][i] == wanted[name] for name in LABELS))
    found = interchange(said, LABELS, base, donor, SOURCE, SPEC)
    assert found.joint.value == pytest.approx(np.mean(right))
    assert 0.5 < found.joint.value < 0.9


def test_the_control_judges_outputs_of_other_pairs() -> None:
    """Exchanged outputs of a perfect factorisation are right about as often as guesses by shares are."""
    base, donor = interchange_pairs(LABELS, 3000, 0)
    found = interchange(_swapped(base, donor), LABELS, base, donor, SOURCE, SPEC)
    agree = {
        name: np.mean(values[base] == np.random.default_rng(1).permutation(values[base]))
        for name, values in LABELS.items()
    }
    assert found.joint.control == pytest.approx(agree["digit"] * agree["colour"], abs=0.02)
    assert found.factors[0].cause.control == pytest.approx(agree["digit"], abs=0.03)


def test_an_exchange_of_the_residual_has_isolate_only() -> None:
    """Given alone, the residual's swap says how often the base's concepts are still read."""
    base, donor = interchange_pairs(LABELS, 200, 0)
    says = {name: values[base] for name, values in LABELS.items()}
    says["digit"] = np.where(np.arange(200) < 50, LABELS["digit"][donor], says["digit"])
    found = interchange({"residual": says}, LABELS, base, donor, SOURCE, SPEC)
    assert (found.isolate.value, found.cause, found.joint) == (0.75, None, None)


def _swapped(base, donor) -> dict[str, dict[str, np.ndarray]]:
    return {
        factor: {name: values[donor if name == factor else base] for name, values in LABELS.items()}
        for factor in LABELS
    }


def test_a_perfect_factorisation_scores_one() -> None:
    """When each exchange changes exactly its concept, everything is 1 with a tight interval."""
    base, donor = interchange_pairs(LABELS, 500, 0)
    found = interchange(_swapped(base, donor), LABELS, base, donor, SOURCE, SPEC)
    for entry in (found, *found.factors):
        assert (entry.cause.value, entry.isolate.value, entry.joint.value) == (1, 1, 1)
        assert (entry.joint.low, entry.joint.high, entry.joint.n) == (1, 1, 500)


def test_an_exchange_that_does_nothing_isolates_and_causes_nothing() -> None:
    """Outputs that stay the base's have isolate 1, cause 0 and joint 0."""
    base, donor = interchange_pairs(LABELS, 500, 0)
    stays = {factor: {name: values[base] for name, values in LABELS.items()} for factor in LABELS}
    found = interchange(stays, LABELS, base, donor, SOURCE, SPEC)
    assert (found.cause.value, found.isolate.value, found.joint.value) == (0, 1, 0)


def test_joint_counts_both_and_the_mean_is_over_factors() -> None:
    """Joint is the share of pairs where both hold, per factor; chance is that of constant answers."""
    base, donor = interchange_pairs(LABELS, 400, 0)
    said = _swapped(base, donor)
    said["digit"]["digit"] = np.where(np.arange(400) < 100, -1, said["digit"]["digit"])
    said["digit"]["colour"] = np.where(np.arange(400) >= 350, -1, said["digit"]["colour"])
    found = interchange(said, LABELS, base, donor, SOURCE, SPEC)
    digit = found.factors[0]
    assert (digit.cause.value, digit.isolate.value, digit.joint.value) == (0.75, 0.875, 0.625)
    assert digit.joint.low < 0.625 < digit.joint.high
    assert found.joint.value == pytest.approx((0.625 + 1) / 2)
    majority = {name: np.bincount(values).max() / 300 for name, values in LABELS.items()}
    assert digit.joint.chance == pytest.approx(majority["digit"] * majority["colour"])


def test_a_reader_of_one_concept() -> None:
    """It gives cause for its own factor, isolate for the others, and joint only where it gives cause."""
    base, donor = interchange_pairs(LABELS, 200, 0)
    said = {factor: {"digit": says["digit"]} for factor, says in _swapped(base, donor).items()}
    digit, colour = interchange(said, LABELS, base, donor, SOURCE, SPEC).factors
    assert (digit.cause.value, digit.isolate, digit.joint.value) == (1, None, 1)
    assert (colour.cause, colour.isolate.value, colour.joint) == (None, 1, None)


def test_a_reader_of_nothing_has_no_scores() -> None:
    """Without a concept that is read every score is None."""
    found = interchange({"digit": {}}, LABELS, np.array([0]), np.array([1]), SOURCE, SPEC)
    assert (found.cause, found.isolate, found.joint) == (None, None, None)


def test_the_ceiling_is_being_right_on_everything() -> None:
    """Reading accuracy counts outputs of which all concepts are read rightly."""
    rows = np.arange(100)
    wrong = np.where(rows < 10, -1, LABELS["digit"][rows])
    other = np.where(rows >= 95, -1, LABELS["colour"][rows])
    assert reading_accuracy({"digit": wrong, "colour": other}, LABELS, rows) == pytest.approx(0.85)
