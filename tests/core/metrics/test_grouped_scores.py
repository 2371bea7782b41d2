"""Grouped scores of a leakage matrix: the formulas of `grouped_information`, with control and interval."""

from __future__ import annotations

import numpy as np
import pytest

from iin_core.errors import InputError
from iin_core.metrics import Leakage, LeakageCell, Score, grouped_information, grouped_scores

BLOCKS, CONCEPTS = ("residual", "a", "b"), ("a", "b")
V = {("residual", "a"): 0.1, ("residual", "b"): 0.0, ("a", "a"): 0.8, ("a", "b"): 0.2}
V |= {("b", "a"): 0.1, ("b", "b"): 0.6, ("all", "a"): 0.9, ("all", "b"): 0.7}


def _cell(block: str, concept: str, control: float | None = 0.05, probe: str = "mlp") -> LeakageCell:
    value = V[block, concept]
    drawn = np.array([max(0.0, value - 0.05), value, value + 0.05])
    accuracy = Score(value, chance=0.1, n=100)
    return LeakageCell(
        probe, block, concept, block == concept, accuracy, Score(value, control=control), drawn, drawn
    )


def _leakage(*blocks: str, **cell: object) -> Leakage:
    return Leakage(tuple(_cell(block, concept, **cell) for block in blocks for concept in CONCEPTS))


def test_values_are_those_of_the_table_of_v() -> None:
    """Each equals what `grouped_information` makes of the same V, and lies in its interval."""
    leakage = _leakage(*BLOCKS, "all")
    found, plain = grouped_scores(leakage, "mlp"), grouped_information(leakage.v_information("mlp"))
    for name in ("mig", "infom", "infoc", "infoe"):
        score = getattr(found, name)
        assert score.value == pytest.approx(getattr(plain, name))
        assert score.low <= score.value <= score.high
    assert found.mig.n == 100


def test_the_control_is_the_same_of_shuffled_labels() -> None:
    """Equal V everywhere has no gap; without shuffled labels there is no control, not one of 0."""
    assert grouped_scores(_leakage(*BLOCKS), "mlp").mig.control == 0
    assert grouped_scores(_leakage(*BLOCKS, control=None), "mlp").mig.control is None


def test_the_whole_code_may_be_that_of_another() -> None:
    """A linear baseline tells as a whole what the layer tells; without either InfoE is None."""
    blocks = _leakage(*BLOCKS)
    assert grouped_scores(blocks, "mlp").infoe is None
    assert grouped_scores(blocks, "mlp", _leakage("all")).infoe.value == pytest.approx(0.8)


def test_blocks_that_tell_nothing_have_no_modularity(monkeypatch) -> None:
    """InfoM is a mean over blocks that tell anything: of none it is not defined."""
    monkeypatch.setattr(f"{__name__}.V", dict.fromkeys(V, 0.0))
    found = grouped_scores(_leakage(*BLOCKS), "mlp")
    assert found.infom is None
    assert found.mig.value == 0


def test_a_code_without_concepts_is_refused() -> None:
    """No block bears the name of a concept."""
    with pytest.raises(InputError, match="No block of this code is a concept's own"):
        grouped_scores(_leakage("residual"), "mlp")
