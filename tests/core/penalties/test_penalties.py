"""Penalties: none for independent codes, more for leaking ones, and a gradient that takes leaks out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.jobs import Job
from iin_core.penalties import PENALTIES, PenaltyView, penalty_view
from iin_core.sampling import Batch, make_sampler
from iin_core.spec import PairSpec

BLOCKS = Blocks({"residual": 4, "shape": 3, "size": 3})
N_ROWS, N_BATCH = 600, 128
CPU = torch.device("cpu")


def job(seed: int, n_classes: int = 4) -> Job:
    """Rows whose class and number are drawn apart."""
    generator = torch.Generator().manual_seed(seed)
    shape = torch.randint(n_classes, (N_ROWS,), generator=generator)
    size = torch.randn(N_ROWS, generator=generator)
    specs = {"shape": PairSpec(), "size": PairSpec(kind="numeric")}
    columns = {"shape": shape.numpy(), "size": size.numpy()}
    sampler = make_sampler(columns, specs, torch.arange(N_ROWS).numpy(), BLOCKS)
    x = torch.randn(N_ROWS, BLOCKS.n_dims, generator=generator)
    targets = {"shape": shape, "size": size}
    return Job(x, x[:50], torch.eye(BLOCKS.n_dims), sampler, BLOCKS, seed, targets)


def codes(own: Job, leak: float) -> Tensor:
    """z̃ of all rows, (n, 10): each concept in its block, and `leak` times the class in the residual."""
    z = own.x.clone()
    z[:, BLOCKS["shape"]] += 3 * torch.nn.functional.one_hot(own.targets["shape"])[:, :3]
    z[:, BLOCKS["size"].start] = own.targets["size"]
    z[:, 0] += leak * own.targets["shape"]
    return z


def views(jobs: list[Job], leak: float, n: int) -> Iterator[PenaltyView]:
    """Updates at full weight."""
    generators = [torch.Generator().manual_seed(own.seed) for own in jobs]
    table = torch.stack([codes(own, leak) for own in jobs])
    for _ in range(n):
        drawn = [own.sampler.draw(N_BATCH, 1, g) for own, g in zip(jobs, generators, strict=True)]
        batch = Batch(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))
        z = torch.stack([rows[index] for rows, index in zip(table, batch.rows, strict=True)])
        yield PenaltyView(z, batch, 1.0)


def trained(name: str, jobs: list[Job], leak: float, updates: int = 150) -> torch.nn.Module:
    """The penalty after its critics have seen some updates."""
    penalty = PENALTIES[name](jobs, 1.0, CPU)
    parameters = list(penalty.parameters())
    if parameters:
        optimizer = torch.optim.AdamW(parameters, lr=3e-3)
        for view in views(jobs, leak, updates):
            optimizer.zero_grad()
            penalty(view).sum().backward()
            optimizer.step()
    return penalty


def value(penalty: torch.nn.Module, jobs: list[Job], leak: float) -> float:
    """Mean of the penalty over fresh updates."""
    with torch.no_grad():
        return float(torch.stack([penalty(view) for view in views(jobs, leak, 20)]).mean())


@pytest.mark.parametrize("name", PENALTIES)
def test_leaking_codes_are_told_from_independent_ones(name: str) -> None:
    """A critic reads a leak (its CE falls), and the closed form is larger where blocks depend."""
    jobs = [job(0)]
    free, leaking = (value(trained(name, jobs, leak), jobs, leak) for leak in (0.0, 2.0))
    if name == "hsic":
        assert leaking > free + 0.02
    else:
        assert leaking < free - 0.02


@pytest.mark.parametrize("name", PENALTIES)
def test_the_gradient_takes_the_leak_out(name: str) -> None:
    """A step down the gradient of the codes makes the class less linear in the residual."""
    jobs = [job(1)]
    penalty = trained(name, jobs, 2.0)
    gains = []
    for view in views(jobs, 2.0, 10):
        z = view.z_tilde.clone().requires_grad_()
        [grad] = torch.autograd.grad(penalty(PenaltyView(z, view.batch, 1.0)).sum(), z)
        shape = jobs[0].targets["shape"][view.batch.rows[0]].float()
        moved = -grad[0, :, 0]
        gains.append(torch.corrcoef(torch.stack((moved, shape - shape.mean())))[0, 1])
    assert torch.stack(gains).mean() < -0.1


@pytest.mark.parametrize("name", PENALTIES)
def test_an_iin_does_not_depend_on_its_neighbours(name: str) -> None:
    """Value and gradient of a stacked IIN are bitwise those that it has alone, with other classes beside."""
    pair = [job(2), job(3, n_classes=7)]
    together, alone = PENALTIES[name](pair, 2.0, CPU), PENALTIES[name](pair[:1], 2.0, CPU)
    both, one = next(views(pair, 1.0, 1)), next(views(pair[:1], 1.0, 1))
    z, z_alone = both.z_tilde.clone().requires_grad_(), one.z_tilde.clone().requires_grad_()
    value = together(PenaltyView(z, both.batch, 0.1))
    value_alone = alone(PenaltyView(z_alone, one.batch, 0.1))
    assert torch.equal(value[:1], value_alone)
    [grad], [grad_alone] = (
        torch.autograd.grad(value.sum(), z),
        torch.autograd.grad(value_alone.sum(), z_alone),
    )
    assert torch.equal(grad[:1], grad_alone)


@pytest.mark.parametrize("name", PENALTIES)
def test_weight_and_ramp_scale_the_value(name: str) -> None:
    """The penalty is 0 at the first update and grows with its weight."""
    jobs = [job(4)]
    view = next(views(jobs, 1.0, 1))
    one, three = PENALTIES[name](jobs, 1.0, CPU), PENALTIES[name](jobs, 3.0, CPU)
    with torch.no_grad():
        assert float(one(PenaltyView(view.z_tilde, view.batch, 0.0))) == 0.0
        assert torch.allclose(3 * one(view), three(view))


def test_a_view_holds_the_rows_that_are_read_and_the_links_among_them() -> None:
    """Codes and rows are those at the places; links are to the same rows as before, or gone with them."""
    whole = next(views([job(5), job(6)], 0.0, 1))
    read = torch.arange(0, N_BATCH, 2)
    view = penalty_view(whole.z_tilde, whole.batch, read, 1.0)
    assert torch.equal(view.z_tilde, whole.z_tilde[:, ::2])
    assert torch.equal(view.batch.rows, whole.batch.rows[:, ::2])
    before = whole.batch.partner[:, ::2]
    kept, itself = before % 2 == 0, torch.arange(N_BATCH // 2)[:, None].expand_as(before[0])
    assert torch.equal(read[view.batch.partner][kept], before[kept])
    assert all(torch.equal(view.batch.partner[k][~kept[k]], itself[~kept[k]]) for k in (0, 1))
    assert torch.equal(view.batch.rho[kept], whole.batch.rho[:, ::2][kept])
    assert float(view.batch.rho[~kept].abs().sum()) == 0.0
    assert (~kept).any()


def test_missing_targets_are_left_out() -> None:
    """An adversary of rows without any value adds nothing."""
    own = job(6)
    own.targets["shape"].fill_(-1)
    own.targets["size"].fill_(float("nan"))
    empty = Job(own.x, own.x_validation, own.noise, own.sampler, BLOCKS, 6, own.targets)
    penalty = PENALTIES["adversary"]([empty], 1.0, CPU)
    for view in views([job(6)], 0.0, 1):
        assert float(penalty(view).detach()) == 0.0


def test_an_unsupervised_iin_has_no_penalty() -> None:
    """Without concepts there is one block, nothing linked, and nothing to add."""
    blocks = Blocks({"residual": 4})
    x = torch.randn(50, 4)
    own = Job(x, x, torch.eye(4), make_sampler({}, {}, torch.arange(50).numpy(), blocks), blocks, 0)
    batch = own.sampler.draw(16, 1, torch.Generator().manual_seed(0))
    view = PenaltyView(torch.randn(1, 16, 4), batch, 1.0)
    assert all(float(factory([own], 1.0, CPU)(view).detach()) == 0.0 for factory in PENALTIES.values())
