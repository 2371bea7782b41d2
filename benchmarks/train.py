"""How long an update of training takes beside the published way of writing it: `make bench`.

One thread, process CPU time, contenders in turn; the same shape, batch and loss for all.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.as_published import Published
from benchmarks.turns import ratio_to, take_turns
from iin_core.flow import build_flow
from iin_core.objective import pair_loss
from iin_core.spec import FlowSpec, TrainingSpec
from iin_core.updates import FlatParameters, make_optimizer

N_DIMS, N_BLOCKS, DEPTH = 64, 12, 2
Rows = tuple[Tensor, Tensor, Tensor]


class Ours:
    """The update of `iin_core.training`, without drawing the batch."""

    def __init__(self, hidden: int, stack: int) -> None:
        spec = FlowSpec(couplings=N_BLOCKS, hidden=hidden, depth=DEPTH)
        self.flow = build_flow(spec, N_DIMS, list(range(stack)))
        self.parameters = FlatParameters(self.flow)
        self.optimizer = make_optimizer(self.parameters, TrainingSpec(learning_rate=1e-4))

    def update(self, a: Tensor, b: Tensor, rho: Tensor) -> None:
        """One update of all IINs on pairs (K, n, N)."""
        z_tilde, log_det = self.flow(torch.cat((a, b), 1))
        (z_a, z_b), (log_det_a, log_det_b) = z_tilde.chunk(2, 1), log_det.chunk(2, 1)
        self.parameters.differentiate(pair_loss(z_a, z_b, log_det_a, log_det_b, rho).sum())
        self.optimizer.step()


def rows(batch: int, stack: int) -> Rows:
    """Pairs of random rows whose first third is shared."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(stack, batch, N_DIMS, generator=generator) for _ in range(2))
    shared = (torch.arange(N_DIMS) < N_DIMS // 3).float().expand(stack, batch, N_DIMS)
    return a, b, shared


def one_after_another(hidden: int, batch: int, stack: int) -> Callable[[], None]:
    """K published networks, each updated in turn."""
    networks = [Published(N_DIMS, hidden, DEPTH, N_BLOCKS) for _ in range(stack)]
    a, b, shared = rows(batch, stack)

    def run() -> None:
        for k, network in enumerate(networks):
            network.update(a[k], b[k], shared[k])

    return run


def stacked(hidden: int, batch: int, stack: int) -> Callable[[], None]:
    """K of ours in one program."""
    ours = Ours(hidden, stack)
    a, b, shared = rows(batch, stack)
    return lambda: ours.update(a, b, 0.975 * shared)


def compare(hidden: int, batch: int, stack: int, rounds: int) -> None:
    """Print one line of the table."""
    seconds = take_turns(
        {
            "published": one_after_another(hidden, batch, stack),
            "ours": stacked(hidden, batch, stack),
        },
        rounds,
    )
    times = {name: sorted(values)[len(values) // 2] / stack * 1000 for name, values in seconds.items()}
    ratio = ratio_to(seconds, "ours", "published")
    print(
        f"12 x {hidden:3}  batch {batch:3}  K {stack:2}  as published {times['published']:7.1f} ms an IIN"
        f"  ours {times['ours']:7.1f} ms an IIN  ratio {ratio:.2f}",
        flush=True,
    )


def zuko_update(hidden: int, n_rows: int) -> tuple[Callable[[], None], int]:
    """An unsupervised update of a RealNVP of zuko's with 24 couplings, and its number of parameters.

    Each coupling has one network for scale and translation: half of the published number.
    """
    from zuko.flows import RealNVP

    widths = [hidden] * (DEPTH + 1)
    flow = RealNVP(N_DIMS, transforms=2 * N_BLOCKS, hidden_features=widths, activation=torch.nn.LeakyReLU)
    optimizer = torch.optim.AdamW(flow.parameters(), lr=1e-4, fused=True)
    x = torch.cat(rows(n_rows // 2, 1)[:2], 1)[0]

    def run() -> None:
        optimizer.zero_grad()
        (-flow().log_prob(x).mean()).backward()
        optimizer.step()

    return run, sum(parameter.numel() for parameter in flow.parameters())


def our_update(hidden: int, n_rows: int) -> tuple[Callable[[], None], int]:
    """The same of ours, and its number of parameters."""
    ours = Ours(hidden, 1)
    a, b, _ = rows(n_rows // 2, 1)
    nothing = torch.zeros_like(a)
    return lambda: ours.update(a, b, nothing), sum(p.numel() for p in ours.flow.parameters())


def compare_with_zuko(hidden: int, n_rows: int, rounds: int) -> None:
    """Print one line: time an update, and time a parameter, since the two shapes differ."""
    ours, n_ours = our_update(hidden, n_rows)
    zuko, n_zuko = zuko_update(hidden, n_rows)
    seconds = take_turns({"zuko": zuko, "ours": ours}, rounds)
    ratio = ratio_to(seconds, "ours", "zuko")
    print(
        f"12 x {hidden:3}  rows {n_rows:3}  unsupervised  zuko {n_zuko / 1e6:.1f} M parameters  "
        f"ours {n_ours / 1e6:.1f} M  ratio an update {ratio:.2f}, a parameter {ratio * n_ours / n_zuko:.2f}",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for hidden, batch, stack, rounds in ((512, 25, 1, 7), (512, 256, 1, 3), (128, 50, 1, 7), (128, 50, 8, 5)):
        compare(hidden, batch, stack, rounds)
    compare_with_zuko(512, 50, 5)
    compare_with_zuko(128, 100, 7)


if __name__ == "__main__":
    main()
