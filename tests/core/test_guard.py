"""The guard counts and clips each IIN alone."""

import torch

from iin_core.guard import Guard, clip


def test_clipping_is_by_unit():
    """A long gradient is shortened to the bound, a short one is left as it is, one of zeros too."""
    generator = torch.Generator().manual_seed(0)
    gradients = [[torch.randn(n, generator=generator) * size for n in (48, 16)] for size in (10.0, 0.1, 0.0)]
    before = [torch.cat(own) for own in gradients]
    clip(gradients, 2.0)
    after = [torch.cat(own) for own in gradients]
    torch.testing.assert_close(after[0], 2 * before[0] / before[0].norm())
    assert torch.equal(after[1], before[1])
    assert not after[2].any()


def test_guard_counts_each_unit_alone():
    """Strikes, halved rates and the end are each unit's own, and stay after the end."""
    guard = Guard(2, torch.device("cpu"))
    for update in range(12):
        may_move = guard.look(update, torch.tensor([torch.nan if update >= 2 else 0.0, 1.0]))
        assert may_move.tolist() == [update < 2, True]
    assert guard.factor.tolist() == [2.0**-10, 1.0]
    assert (guard.first.tolist(), guard.failed.tolist()) == ([3, -1], [12, -1])
    assert not guard.look(12, torch.zeros(2))[0]
    other = Guard(2, torch.device("cpu"))
    other.load(1, guard.state(0))
    assert (other.failed.tolist(), other.strikes.tolist()) == ([-1, 12], [0, 10])
