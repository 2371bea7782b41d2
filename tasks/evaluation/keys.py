"""The keys of the flat scores: the same in every unit, each number with what it is held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

READERS = ("head", "reader")
KINDS = ("cause", "isolate", "joint")
PROBES = ("linear", "mlp")
FAMILIES = ("knn", "qda", "forest", "rbf")
BASELINES = ("class_means", "lda", "leace", "das")
INFORMATION = ("mig", "infom", "infoc", "infoe")
PER_DIMENSION = (
    "mig",
    "modularity",
    "explicitness",
    "sap",
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness",
    "irs",
    "factor_vae",
    "beta_vae",
)
COMPANIONS = {
    "low": "lower end of the 95 % interval over sources",
    "high": "upper end of the 95 % interval over sources",
    "chance": "what guessing reaches",
    "control": "the same with shuffled labels",
}
"""Suffix → what it is; `<key>_<suffix>` is a key of its own where `COMPANIONS_OF` names it."""
_INTERVAL = ("low", "high")
_CONTROLLED = ("low", "high", "control")
_ALL = ("low", "high", "chance", "control")


def _keys() -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from (("score/joint_reader", _ALL), ("score/joint_head", _ALL), ("score/mig", _CONTROLLED))
    # The chance of the worst leak has had this shorter name from the start.
    yield from (("score/leak_worst", _CONTROLLED), ("score/leak_excess", ()), ("score/leak_chance", ()))
    yield from (("score/nll_per_dim", _INTERVAL), ("score/invertibility_error", ()))
    yield from (("score/identity_error", ()), ("concepts/dependence", ()))
    for reader in READERS:
        yield from ((f"interchange/{reader}_{kind}", _ALL) for kind in (*KINDS, "residual_isolate"))
        yield (f"interchange/{reader}_ceiling", _INTERVAL)
    for probe in PROBES:
        yield from ((f"leakage/{probe}_{part}", _INTERVAL) for part in ("own_mean", "worst", "mean"))
        yield from ((f"leakage/{probe}_{part}", ()) for part in ("control", "chance"))
        yield from ((f"leakage/{part}_{probe}_worst", _ALL) for part in ("residual", "remainder"))
    yield from ((f"information/{name}", _CONTROLLED) for name in INFORMATION)
    yield from ((f"prior/{name}", _INTERVAL) for name in ("mean_worst", "std_worst", "std_residual"))
    for name in BASELINES:
        yield from ((f"baseline/{name}_joint_{reader}", _ALL) for reader in ("reader", "head"))
        yield from ((f"baseline/{name}_leak_worst", _ALL), (f"baseline/{name}_mig", _CONTROLLED))
    yield from _full()
    yield from (("train/nll_train", ()), ("train/nll_heldout", _INTERVAL), ("train/updates", ()))


def _full() -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from ((f"families/{part}", _ALL) for part in ("worst", "residual_worst"))
    yield from ((f"families/{name}_worst", _ALL) for name in FAMILIES)
    yield ("conditional/worst", _ALL)
    yield from (("dependence/critic_nats", _CONTROLLED), ("dependence/critic_nats_p", ()))
    yield ("dependence/total_correlation", _CONTROLLED)
    for name in ("distance_correlation", "hsic"):
        yield from ((f"dependence/{name}", _CONTROLLED), (f"dependence/{name}_p", ()))
    yield from ((f"per_dimension/{name}", _CONTROLLED) for name in PER_DIMENSION)


COMPANIONS_OF: Mapping[str, tuple[str, ...]] = dict(_keys())
"""Every key that is not a companion → the suffixes of its companions."""
SCORE_KEYS: tuple[str, ...] = tuple(
    name for key, found in COMPANIONS_OF.items() for name in (key, *(f"{key}_{suffix}" for suffix in found))
)


def companion(key: str) -> tuple[str, str] | None:
    """(the key that it stands beside, suffix) of a companion; None for any other key."""
    base, _, suffix = key.rpartition("_")
    return (base, suffix) if key not in COMPANIONS_OF and suffix in COMPANIONS_OF.get(base, ()) else None
