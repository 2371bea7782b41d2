"""What was found of a layer's invariances, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from tasks.experiments.told import between

if TYPE_CHECKING:
    import pandas as pd

    from iin_core.metrics.invariance import Independence, Kept

_LOST = 0.05
"""Accuracy from which a difference is told."""
_SIGNIFICANT = 0.05


def words(layer: str, table: pd.DataFrame, tests: Independence, kept: Mapping[str, Kept]) -> list[str]:
    """How to read it, what the layer discards and has, whether v may be trusted, and what is kept."""
    mlp = table[table["probe"] == table["probe"].iloc[-1]]
    return [
        "v holds what the autoencoder's code says of an input beyond what the layer says: a concept that is "
        "read of v is one that the layer discards, one that is read of z is one that it has.",
        *(_concept(layer, name, rows) for name, rows in _by_concept(mlp)),
        *_ceilings(mlp),
        _independence(tests),
        *_kept(kept),
    ]


def _by_concept(table: pd.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    """For each concept code → what was read of it."""
    return [
        (str(name), cast("dict[str, Any]", rows.set_index("code").to_dict("index")))
        for name, rows in table.groupby("concept", sort=False)
    ]


def _concept(layer: str, name: str, rows: Mapping[str, Any]) -> str:
    v, z, ceiling = rows["v"], rows["z"], rows["z_bar"]
    told = ""
    if v["accuracy"] > v["control_high"] and v["accuracy"] >= ceiling["accuracy"] - _LOST:
        told = ": as good as all of it is discarded" if z["accuracy"] <= z["control_high"] else ""
    elif v["accuracy"] <= v["control_high"]:
        told = ": nothing of it is found in what the layer discards"
    return (
        f"{name} is read of v of {layer} at {_interval(v)}, of the layer at {_interval(z)}, of the code at "
        f"{_interval(ceiling)}, chance {v['chance']:.2f}{told}."
    )


def _interval(row: Mapping[str, Any]) -> str:
    return f"{row['accuracy']:.2f}{between(row['low'], row['high'])}"


def _ceilings(table: pd.DataFrame) -> Iterator[str]:
    for name, rows in _by_concept(table):
        lost = rows["z"]["accuracy"] - rows["embedding"]["accuracy"]
        if lost > _LOST:
            yield (
                f"The conditioning network loses {lost:.2f} of what can be read of {name} in the layer; that "
                "looks as if the layer discarded it."
            )


def _independence(tests: Independence) -> str:
    test, nats = tests.distance_correlation, tests.nats
    # With 19 exchanges no p is below 1/20: a test at this level holds at it, too.
    dependent = min(test.p_value, nats.p_value) <= _SIGNIFICANT
    verdict = (
        "v is not independent of z, so that v also holds some of what the layer has"
        if dependent
        else "no dependence of v on z is found"
    )
    return (
        f"On held-out sources {verdict}: distance correlation {test.score.value:.3f} "
        f"(p = {test.p_value:.3f}), a critic tells {nats.nats.value:.2f} nats of at most {nats.cap:.1f} "
        f"(p = {nats.p_value:.3f})."
    )


def _kept(kept: Mapping[str, Kept]) -> Iterator[str]:
    parts = []
    for name, found in kept.items():
        part = f"{name} {found.explained.value:.2f}"
        if found.agreement is not None:
            agreement = found.agreement
            part += f" (the same class in {agreement.value:.2f} of draws, by chance {agreement.chance:.2f})"
        parts.append(part)
    if parts:
        yield (
            "In the concept space of the code the layer determines of each block this share of its variance: "
            f"{', '.join(parts)}."
        )


def dots_caption() -> str:
    """Of the chart of one layer."""
    return (
        "What a probe reads of each concept on held-out sources, with 95 % intervals over sources: of the "
        "layer z, of what the flow reads of it, of v (what the layer discards), and of the autoencoder's "
        "code, which is the ceiling of v. Dotted: chance."
    )


def dots_alt(layer: str, table: pd.DataFrame) -> str:
    """The same in numbers."""
    told = (
        f"{name}: " + ", ".join(f"{code} {row['accuracy']:.2f}" for code, row in rows.items())
        for name, rows in _by_concept(table)
    )
    return f"Accuracies of probes at {layer}; {'; '.join(told)}."


def strip_caption() -> str:
    """Of the film strip."""
    return (
        "Each line: an input, its code decoded, and codes drawn from t⁻¹(v | z) with the layer's activation "
        "of the input, decoded. What changes along a line is what the layer cannot see."
    )


def strip_alt(layer: str, n: int, samples: int) -> str:
    """The same in words."""
    return f"{n} inputs, each with its decoded code and {samples} decoded samples that {layer} takes for it."
