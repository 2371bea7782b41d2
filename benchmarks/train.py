"""How long an update takes beside the published way of writing it, and beside peers: `make bench`.

    python -m benchmarks.train            every row, with medians over rounds; some minutes
    python -m benchmarks.train --quick    fewer rounds, a stack of 8

One thread, process CPU time, contenders in turn in one process. Times are of this machine at this hour;
the ratios are what is compared. `bound` is the time of the update's matrix products and of one fused pass
of Adam, measured here; `share` is that over the time of ours.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from benchmarks.as_published import OPERATORS, TOLERANCE, Published
from benchmarks.bound import Bound
from benchmarks.end_to_end import share_in_updates
from benchmarks.operators import count_operators
from benchmarks.ours import DEPTH, DIMS, N_BLOCKS, N_DIMS, Ours, by_autograd, pairs
from benchmarks.peers import PEERS, peer_update
from benchmarks.turns import median_ratio, take_turns

Seconds = Mapping[str, list[float]]
_NETWORKS_AS_PUBLISHED = 8
_SHOWN = "  {:<44} {:>9} {:>9} {:>9} {:>7}   {}"


@dataclass(frozen=True)
class Shape:
    """A published network of this width, K of them, updated on so many pairs; and what is asked of it.

    Attributes:
        times: how many times faster an IIN is to be than one as published.
        share: of the bound that is to be reached.
    """

    hidden: int
    n_pairs: int
    stack: int
    rounds: int
    times: float
    share: float | None = None

    @property
    def name(self) -> str:
        """For the table."""
        return f"12 x {self.hidden}, {self.n_pairs} pairs, K = {self.stack}"

    def bound(self, n_rows: int) -> Bound:
        """What such an update consists of at the least."""
        widths = [N_DIMS // 2, *[self.hidden] * (DEPTH + 1), N_DIMS // 2]
        return Bound(widths, 2 * N_BLOCKS, n_rows, self.stack)


REFERENCE = (Shape(512, 25, 1, 9, 1.7, 0.82), Shape(512, 256, 1, 5, 1.2, 0.94))
STACKED = (Shape(128, 50, 8, 7, 3.5), Shape(128, 50, 32, 5, 3.5))


def one_after_another(hidden: int, n_pairs: int, stack: int) -> Callable[[], None]:
    """K published networks, each updated in turn."""
    networks = [Published(N_DIMS, hidden, DEPTH, N_BLOCKS) for _ in range(stack)]
    x, factor = pairs(n_pairs, stack)

    def run() -> None:
        for k, network in enumerate(networks):
            network.update(x[k, :n_pairs], x[k, n_pairs:], factor[k], DIMS)

    return run


def check_operators() -> None:
    """Count what an update dispatches; the baseline must dispatch what the published code does."""
    network = Published(N_DIMS, 32, DEPTH, N_BLOCKS)
    x, factor = pairs(25, 1)
    args = (x[0, :25], x[0, 25:], factor[0], DIMS)
    network.update(*args)
    baseline = count_operators(lambda: network.differentiate(*args)).computed.total()
    assert abs(baseline - OPERATORS) <= TOLERANCE * OPERATORS, f"the baseline dispatches {baseline} operators"
    optimizer = count_operators(network.optimizer.step).computed.total()
    ours = {stack: count_operators(Ours(32, 25, stack).update).computed.total() for stack in (1, 8, 32)}
    print(f"\nDispatched operators an update: as published {baseline} + {optimizer} of Adam;", end=" ")
    print("ours, Adam included: " + ", ".join(f"{n} (K = {k})" for k, n in ours.items()) + "  [<= 1300]")


def compare(shapes: tuple[Shape, ...], factor: float) -> None:
    """Print a line for each shape of one width and batch; they take turns with each other too."""
    first = shapes[0]
    networks = min(first.stack, _NETWORKS_AS_PUBLISHED)
    contenders: dict[str, Callable[[], object]] = {
        "published": one_after_another(first.hidden, first.n_pairs, networks)
    }
    for shape in shapes:
        bound = shape.bound(2 * shape.n_pairs)
        contenders[f"ours {shape.stack}"] = Ours(shape.hidden, shape.n_pairs, shape.stack).update
        contenders[f"products {shape.stack}"] = bound.products
        contenders[f"adam {shape.stack}"] = bound.adam
    seconds = _of_an_iin(take_turns(contenders, max(2, round(factor * first.rounds))), networks)
    for shape in shapes:
        ours, products, adam = (seconds[f"{part} {shape.stack}"] for part in ("ours", "products", "adam"))
        bound_of = [a + b for a, b in zip(products, adam, strict=True)]
        times, share = median_ratio(seconds["published"], ours), median_ratio(bound_of, ours)
        asked = f"{share:.0%} of the bound" + (f" [{shape.share:.0%}]" if shape.share else "")
        _row(shape.name, seconds["published"], ours, bound_of, f"{times:.2f}x", f"[{shape.times}x]  {asked}")
    if len(shapes) > 1:
        most, least = (seconds[f"ours {shape.stack}"] for shape in (shapes[-1], first))
        cost = median_ratio(most, least)
        print(f"  an IIN of K = {shapes[-1].stack} costs {cost:.3f} of one of K = {first.stack}  [<= 1.05]")


def _of_an_iin(seconds: Seconds, networks: int) -> dict[str, list[float]]:
    stacks = {name: networks if name == "published" else int(name.split()[1]) for name in seconds}
    return {name: [value / stacks[name] for value in values] for name, values in seconds.items()}


def _row(
    name: str, published: list[float], ours: list[float], bound: list[float], times: str, more: str
) -> None:
    numbers = (f"{statistics.median(values) * 1000:.1f}" for values in (published, ours, bound))
    print(_SHOWN.format(name, *numbers, times, more), flush=True)


def compare_with_autograd(shapes: tuple[Shape, ...], factor: float) -> None:
    """Print what the hand-written gradient saves."""
    for shape in shapes:
        update = Ours(shape.hidden, shape.n_pairs, shape.stack).update
        rounds = max(2, round(factor * shape.rounds))
        seconds = take_turns({"by hand": update, "by autograd": by_autograd(update)}, rounds)
        times = median_ratio(seconds["by autograd"], seconds["by hand"])
        print(f"  {shape.name}: with autograd's own gradient {times:.2f} times as long", flush=True)


def compare_encoding(factor: float) -> None:
    """Print a line for one row and for 256."""
    shape = REFERENCE[0]
    network = Published(N_DIMS, shape.hidden, DEPTH, N_BLOCKS).network
    flow = Ours(shape.hidden, 25, 1).flow.eval()
    for n_rows, asked in ((1, ""), (256, "[95%]")):
        x, bound = torch.randn(1, n_rows, N_DIMS), shape.bound(n_rows)
        with torch.no_grad():
            contenders = {"published": lambda x=x: network(x[0]), "ours": lambda x=x: flow(x)}
            seconds = take_turns({**contenders, "bound": bound.forward}, max(3, round(factor * 15)))
        published, ours, least = (seconds[name] for name in ("published", "ours", "bound"))
        share = f"{median_ratio(least, ours):.0%} of the products {asked}"
        _row(
            f"encode {n_rows} rows, 12 x 512",
            published,
            ours,
            least,
            f"{median_ratio(published, ours):.2f}x",
            share,
        )


def compare_with_peers(hidden: int, n_rows: int, factor: float) -> None:
    """Print a line for each peer: an unsupervised update on n rows."""
    ours = Ours(hidden, n_rows // 2, 1, supervised=False)
    updates = {name: peer_update(name, hidden, ours.x[0]) for name in PEERS}
    contenders = {"ours": ours.update, **{name: run for name, (run, _) in updates.items()}}
    seconds = take_turns(contenders, max(2, round(factor * 7)))
    print(f"\nUnsupervised update, 12 x {hidden}, {n_rows} rows: ms, parameters, time over that of ours")
    for name, values in seconds.items():
        n = ours.n_parameters if name == "ours" else updates[name][1]
        milliseconds, times = statistics.median(values) * 1000, median_ratio(values, seconds["ours"])
        print(f"  {name:<10} {milliseconds:8.1f} {n / 1e6:8.2f} M {times:8.2f}x", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, a stack of 8 only")
    quick = parser.parse_args().quick
    factor = 0.3 if quick else 1.0
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    print("CPU ms of an update of one IIN, one thread; what is asked in brackets")
    print(_SHOWN.format("", "published", "ours", "bound", "faster", ""))
    for shape in REFERENCE:
        compare((shape,), factor)
    compare(STACKED[:1] if quick else STACKED, factor)
    compare_with_autograd((*REFERENCE, STACKED[0]), factor)
    compare_encoding(factor)
    check_operators()
    compare_with_peers(512, 50, factor)
    if not quick:
        compare_with_peers(512, 512, 0.4)
    share = share_in_updates(updates=300 if quick else 1500)
    print(f"\n`fit` end to end, default settings: {share:.1%} of its CPU time in updates  [90%]")


if __name__ == "__main__":
    main()
