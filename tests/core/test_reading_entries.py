"""Positions of feature maps as rows, and given entries of given examples."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iin_core.errors import InputError
from iin_core.reading_entries import drawn
from iin_core.readings import Entries, Position


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 9)])
def test_positions_agree_with_loops(shape):
    """Row by row of the map, example by example."""
    maps = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    loop = [maps[i][(slice(None), *place)] for i in range(2) for place in np.ndindex(*shape[1:])]
    assert torch.equal(Position().rows(maps), torch.stack(loop))


def test_a_sampled_position_changes_alone():
    """An edit moves the sampled positions by its rows and keeps every other bit."""
    maps = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    reading = Position(sample=6, seed=2)
    rows = reading.rows(maps)
    assert rows.shape == (12, 3)
    delta = torch.randn(12, 3)
    edited = reading.add(maps, delta)
    torch.testing.assert_close(reading.rows(edited), rows + delta)
    assert int((edited != maps).any(1).sum()) == 12
    assert torch.equal(reading.add(maps, torch.zeros(12, 3)), maps)


def test_a_draw_depends_on_the_example_alone():
    """The same places whatever stands beside an example, other places for another seed."""
    counts = np.array([9, 4, 7])
    examples, places = drawn(counts, 3, 5)
    assert examples.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    _, alone = drawn(counts[1:2], 3, 5, first=1)
    assert places[3:6].tolist() == alone.tolist() == sorted(alone)
    assert drawn(counts, 3, 6)[1].tolist() != places.tolist()
    assert drawn(counts, None, 0)[1].tolist() == [*range(9), *range(4), *range(7)]


def test_changes_of_another_number_of_entries_are_refused():
    """One row of change for each entry."""
    reading = Entries("position", torch.tensor([0, 1]), torch.tensor([2, 3]))
    with pytest.raises(InputError, match=r"has shape \(1, 3\), the activation's rows \(2, 3\)"):
        reading.add(torch.zeros(2, 3, 4), torch.zeros(1, 3))
