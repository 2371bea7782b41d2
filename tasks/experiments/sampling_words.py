"""What is said of samples, with numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from iin_core.generators import margin, value_of

BACK, VAE = "reconstructions", "VAE"
CAPTIONS = {
    "samples": "The first held-out images, what the model makes of them, and the first samples of each "
    "method, none of them chosen.",
    "generators": "FID, precision and recall of each method: the mark is the mean over draws, the line "
    "reaches from the smallest to the largest. Reconstructions are what the decoder alone allows.",
}


def sentences(table: pd.DataFrame, told: tuple[str, int, str]) -> list[str]:
    """How to read the table, then what it says.

    Args:
        table: of `compare_generators`.
        told: what the features are, their number, and why there is no VAE (empty where there is one).
    """
    described, width, no_vae = told
    n, seeds = int(value_of(table, "IIN", "n")), int(value_of(table, "IIN", "seeds"))
    words = [
        f"FID is the distance between {n:,} samples and as many held-out images in {described} ({width} "
        "features); 0 where both have one mean and covariance, and too large by a share that falls with "
        "the number of images: compare it inside this table alone. Precision is the share of samples among "
        f"the real images, recall the share of these among the samples; ranges are over {seeds} draws.",
        f"Samples of the IIN have FID {_range(table, 'IIN')}, those of a Gaussian with full covariance on "
        f"the same z {_range(table, 'Gaussian')}: {_verdict(table, 'Gaussian')}.",
        f"Reconstructions have {value_of(table, BACK, 'fid'):.3g}, which the decoder alone costs.",
        f"Of the IIN's samples {_shares(table, 'IIN')} of the held-out images; of the Gaussian's "
        f"{_shares(table, 'Gaussian')}.",
    ]
    if VAE in set(table["method"]):
        words.append(
            f"A VAE, fitted once to the same training images, has FID {_range(table, VAE)}: "
            f"{_verdict(table, VAE)}."
        )
    else:
        words.append(f"No VAE stands beside it: {no_vae}.")
    return words


def sheet_alt(names: Sequence[str], table: pd.DataFrame) -> str:
    """What the sheet of samples shows."""
    known = set(table["method"])
    told = (f"{name} (FID {value_of(table, name, 'fid'):.3g})" if name in known else name for name in names)
    return f"Blocks of images side by side: {', '.join(told)}."


def _range(table: pd.DataFrame, method: str) -> str:
    mean, low, high = (value_of(table, method, name) for name in ("fid", "fid_low", "fid_high"))
    return f"{mean:.3g} ({low:.3g}–{high:.3g})"


def _shares(table: pd.DataFrame, method: str) -> str:
    precision, recall = (value_of(table, method, name) for name in ("precision", "recall"))
    return f"{precision:.0%} look real and they cover {recall:.0%}"


def _verdict(table: pd.DataFrame, other: str) -> str:
    if margin(table, "IIN", other) > 0:
        return "the IIN's are nearer to the data, by more than the draws' spread"
    if margin(table, other, "IIN") > 0:
        return f"the {other}'s are nearer to the data, by more than the draws' spread"
    return "no difference beyond the draws' spread"
