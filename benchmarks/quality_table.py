"""The table and the picture of `quality`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.coloured_layers import LAYERS

Results = Mapping[tuple[str, str], Mapping[str, Any]]
CELLS = ("digit > colour", "colour > digit", "residual > digit", "residual > colour")
_MIDDLE = 0.7
_BELOW = {"lda": -11, "ours-0": -11, "ours-alike-0": 14, "class_means": -11}
_TITLES = {"mt": "layer shaped by the concepts", "ae": "bottleneck of an autoencoder"}


def print_table(found: Results) -> None:
    """One Markdown row a method and layer."""
    print(
        "| method, layer | CPU s | joint head / pixels (ceiling) | train-fit D>c C>d R>d R>c "
        "| cross-fit D>c C>d R>d R>c | R>d worst family | gMIG, halves / quarters | R std train / held-out |"
    )
    print("|---" * 8 + "|")
    for (method, layer), row in found.items():
        joint = " / ".join(f"{row[reader]['joint'][0]:.3f}" for reader in ("head", "pixels"))
        ceiling = " / ".join(f"{row[reader]['ceiling']:.3f}" for reader in ("head", "pixels"))
        train, cross = (
            " ".join(f"{row[kind][cell][0]:.3f}" for cell in CELLS) for kind in ("train_fit", "cross_fit")
        )
        family, worst = max(row["families"].items(), key=lambda item: float(item[1][0]))
        deviation = " / ".join(f"{row['residual_std'][split]:.2f}" for split in ("train", "heldout"))
        low, high = row["cross_fit"][CELLS[2]][1:3]
        print(
            f"| {method}, {layer} | {row['cpu']:.0f} | {joint} ({ceiling}) | {train} | {cross} "
            f"(R>d {low:.3f}–{high:.3f}) | {worst[0]:.3f} {family} "
            f"| {row['gmig']:.3f} / {row['gmig_of_parts'][0]:.3f} | {deviation} |"
        )
        others = {cell: shown[0] for cell, shown in row["cross_fit"].items() if cell not in CELLS}
        if others:
            print("|", "; ".join(f"{cell} {value:.3f}" for cell, value in others.items()), "|")


def draw(found: Results, path: Path) -> None:
    """The digit read from the residual (cross-fit, worst family) against joint by pixels, a panel a layer."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(LAYERS), figsize=(11.5, 5), sharey=True, layout="constrained")
    for panel, layer in zip(panels, LAYERS, strict=True):
        rows = {method: row for (method, of), row in found.items() if of == layer}
        places = {method: _place(row) for method, row in rows.items()}
        for method, (joint, leak) in places.items():
            ours = method.startswith("ours")
            colour = "#c0392b" if ours else "#2c6fbb" if method.startswith("published") else "#777777"
            (low_j, high_j), (low_l, high_l) = _intervals(rows[method])
            panel.errorbar(
                joint, leak, xerr=[[joint - low_j], [high_j - joint]], yerr=[[leak - low_l], [high_l - leak]],
                fmt="o", color=colour, markersize=5, elinewidth=0.7,
            )  # fmt: skip
            if not method.endswith(("-1", "-2")):
                left = joint > _MIDDLE
                offset = (-6 if left else 6, _BELOW.get(method, 5))
                panel.annotate(
                    method.removesuffix("-0"), (joint, leak), xytext=offset,
                    textcoords="offset points", fontsize=7, ha="right" if left else "left",
                )  # fmt: skip
        front = [
            place for place in places.values() if not any(_beats(other, place) for other in places.values())
        ]
        panel.step(*zip(*sorted(front), strict=True), where="post", color="#c0392b", linewidth=0.8, alpha=0.6)
        if rows:
            ceiling = next(iter(rows.values()))["pixels"]["ceiling"]
            panel.axvline(ceiling, color="black", linestyle=":", linewidth=0.8)
        panel.axhline(0.1, color="black", linestyle=":", linewidth=0.8)
        panel.set(title=_TITLES[layer], xlabel="joint interchange by pixels (dotted: ceiling, chance)")
    panels[0].set(ylabel="digit from the residual, worst of 5 probes")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _cells(cells: Mapping[str, Any]) -> str:
    return " ".join(f"{cells[name][0]:.3f}" for name in CELLS)


def _worst(row: Mapping[str, Any]) -> list[float]:
    return max((list(map(float, cell[:3])) for cell in row["families"].values()), key=lambda cell: cell[0])


def _place(row: Mapping[str, Any]) -> tuple[float, float]:
    return float(row["pixels"]["joint"][0]), _worst(row)[0]


def _intervals(row: Mapping[str, Any]) -> tuple[tuple[float, float], tuple[float, float]]:
    joint, worst = row["pixels"]["joint"], _worst(row)
    return (min(joint[:2]), max(joint[0], joint[2])), (min(worst[:2]), max(worst[0], worst[2]))


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] >= other[0] and one[1] <= other[1]
