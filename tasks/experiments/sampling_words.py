"""What is said of samples, with numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from iin_core.generators import margin

VAE = "VAE"
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
    by_name = table.set_index("method")
    described, width, no_vae = told
    n, seeds = int(by_name["n"].iloc[0]), int(by_name.loc["IIN", "seeds"])
    iin, gaussian = by_name.loc["IIN"], by_name.loc["Gaussian"]
    words = [
        f"FID is the distance between {n:,} samples and as many held-out images in {described} ({width} "
        "features); 0 where both have one mean and covariance, and too large by a share that falls with "
        "the number of images: compare it inside this table alone. Precision is the share of samples among "
        f"the real images, recall the share of these among the samples; ranges are over {seeds} draws.",
        f"Samples of the IIN have FID {_range(by_name, 'IIN')}, those of a Gaussian with full covariance on "
        f"the same z {_range(by_name, 'Gaussian')}: {_verdict(table, 'Gaussian')}.",
        f"Reconstructions have {by_name.loc['reconstructions', 'fid']:.3g}, which the decoder alone costs.",
        f"Of the IIN's samples {iin['precision']:.0%} look real and they cover {iin['recall']:.0%} of the "
        f"held-out images; of the Gaussian's {gaussian['precision']:.0%}, covering {gaussian['recall']:.0%}.",
    ]
    if VAE in by_name.index:
        words.append(
            f"A VAE, fitted once to the same training images, has FID {_range(by_name, VAE)}: "
            f"{_verdict(table, VAE)}."
        )
    else:
        words.append(f"No VAE stands beside it: {no_vae}.")
    return words


def sheet_alt(names: Sequence[str], table: pd.DataFrame) -> str:
    """What the sheet of samples shows."""
    fid = table.set_index("method")["fid"]
    told = (f"{name} (FID {fid[name]:.3g})" if name in fid else name for name in names)
    return f"Blocks of images side by side: {', '.join(told)}."


def _range(by_name: pd.DataFrame, method: str) -> str:
    row = by_name.loc[method]
    return f"{row['fid']:.3g} ({row['fid_low']:.3g}–{row['fid_high']:.3g})"


def _verdict(table: pd.DataFrame, other: str) -> str:
    if margin(table, "IIN", other) > 0:
        return "the IIN's are nearer to the data, by more than the draws' spread"
    if margin(table, other, "IIN") > 0:
        return f"the {other}'s are nearer to the data, by more than the draws' spread"
    return "no difference beyond the draws' spread"
