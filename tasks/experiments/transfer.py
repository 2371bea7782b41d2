"""Class transfer: the class of one image given to another, all else kept (paper, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from iin_core.errors import InputError
from iin_core.metrics import Score
from iin_core.priors import ClassPrior, Label
from tasks.evaluation.interchanges import swap_delta
from tasks.experiments.context import UnitContext
from tasks.experiments.drawn_rows import drawn_rows
from tasks.experiments.found import Drawn, Found, Undrawn
from tasks.experiments.members import members
from tasks.experiments.seen import WHO, Judged, Rows, Seen, class_of, judge, see
from tasks.experiments.spec import TransferSpec
from tasks.experiments.told import listed, percent, shares
from tasks.experiments.transfer_figures import draw_confusion, draw_grid

COLUMNS = ("concept", "own", "asked", "reader", "read", "n")
"""Of the table: how often a reader says `read` of rows of the class `own` that were given the class
`asked`."""
KINDS = ("cause", "isolate", "joint")
_HOW_TO_READ = (
    "The block of a concept's class is taken from {origin} and put into an image of another class; the "
    "residual and all other concepts stay the image's own. A reader should say the class that was asked for."
)
_ORIGINS = {"image": "another image", "prior": "a draw of the class's prior"}


@dataclass(frozen=True)
class Transfers:
    """Pairs of a row and a class that it is given.

    Args:
        concept: whose classes.
        labels: C of them.
        base: (n,) held-out rows.
        donor: (n,) held-out rows of the class that is asked for, of other sources.
        own, asked: (n,) positions in `labels`.
        n_grid: so many of the first are the grid, C × C, line by line: own classes down, asked across.
    """

    concept: str
    labels: tuple[Label, ...]
    base: Rows
    donor: Rows
    own: Rows
    asked: Rows
    n_grid: int


def run(context: UnitContext, spec: TransferSpec) -> Found:
    """Give rows of every class every other class, for each concept with labels.

    Raises:
        InputError: no concept has two classes with two held-out sources each; what is decoded is no image.
    """
    words = [_HOW_TO_READ.format(origin=_ORIGINS[spec.draw])]
    scores: dict[str, Score] = {}
    counts: list[pd.DataFrame] = []
    pairs: list[pd.DataFrame] = []
    drawn: list[Drawn | Undrawn] = []
    for concept in context.material.labelled:
        labels, left_out = _classes(context, spec, concept)
        words += left_out
        if len(labels) < 2:
            words.append(f"{concept} has fewer than two classes that can be transferred.")
            continue
        transfers = pair_up(context, spec, concept, labels)
        pairs.append(_pairs(context, spec, transfers))
        seen = _seen(context, spec, transfers)
        drawn += draw_grid(context, transfers, seen)
        for judged in _judged(context, transfers, seen):
            kinds = {k: s for k, s in judged.success.scores.items() if k in KINDS}
            scores |= {f"transfer/{concept}_{judged.reader}_{k}": s for k, s in kinds.items()}
            if judged.success.cause is not None:
                table = count(transfers, judged)
                counts.append(table)
                words += _sentences(concept, judged, table)
                drawn += draw_confusion(context, transfers, judged.reader, table)
    if not drawn and not scores:
        raise InputError(
            " ".join(words[1:]),
            where="transfer",
            fix="hold back more rows (`data: split: heldout`), or take `transfer` out for these concepts",
        )
    table = pd.concat(counts) if counts else pd.DataFrame(columns=list(COLUMNS))
    why = {} if scores else {"transfer/cause": "no reader or head says a concept of what the model returns"}
    tables = {"transfer": table, "transfer_rows": pd.concat(pairs)}
    return Found(scores, tables, drawn, words, why=why)


def _classes(context: UnitContext, spec: TransferSpec, concept: str) -> tuple[tuple[Label, ...], list[str]]:
    """The classes to be transferred, the most frequent ones, and sentences on those left out."""
    prior = context.interpreter.priors[concept]
    column = context.material.columns[concept]
    held, trained = (members(table, column) for table in (context.material.table, _training(context)))
    known = prior.labels if isinstance(prior, ClassPrior) else tuple(held)
    single = [label for label, n in held.items() if n == 1 or trained.get(label) == 1]
    strange = [label for label in held if label not in known]
    absent = [label for label in known if label not in held]
    fit = [label for label in held if label not in {*single, *strange}]
    chosen = sorted(fit, key=lambda label: -held[label])[: spec.classes]
    rest = [label for label in fit if label not in chosen]
    told = {
        "which a single source shows on one side of the split": single,
        "which no training row has": [label for label in strange if label not in single],
        "which no held-out row has": absent,
        f"beyond the {spec.classes} most frequent classes (`classes`)": rest,
    }
    said = [f"Left out: {concept} {listed(labels)}, {why}." for why, labels in told.items() if labels]
    return tuple(label for label in fit if label in chosen), said


def _training(context: UnitContext) -> pd.DataFrame:
    return context.rows.of("train").table


def pair_up(context: UnitContext, spec: TransferSpec, concept: str, labels: tuple[Label, ...]) -> Transfers:
    """A grid of every class in every class, then as many pairs of each two different classes."""
    rng = np.random.default_rng(spec.seed)
    values = context.material.table[context.material.columns[concept]].to_numpy()
    rows = [np.flatnonzero(values == label) for label in labels]
    source, size = context.material.source, len(labels)
    first = [int(rng.choice(of_class)) for of_class in rows]
    own, asked = np.divmod(np.arange(size * size), size)
    base = [first[i] for i in own]
    each = max(1, spec.pairs // (size * (size - 1)))
    different = np.flatnonzero(own != asked)
    own = np.concatenate([own, np.repeat(own[different], each)])
    asked = np.concatenate([asked, np.repeat(asked[different], each)])
    base += [int(rng.choice(rows[i])) for i in own[size * size :]]
    donor = [int(rng.choice(rows[j][source[rows[j]] != source[b]])) for b, j in zip(base, asked, strict=True)]
    return Transfers(concept, labels, np.array(base), np.array(donor), own, asked, size * size)


def _pairs(context: UnitContext, spec: TransferSpec, transfers: Transfers) -> pd.DataFrame:
    """The rows behind the grid; a draw of the prior has no donor."""
    drawn = {"base": transfers.base, "donor": transfers.donor}
    if spec.draw == "prior":
        del drawn["donor"]
    asked = np.array(transfers.labels, dtype=object)[transfers.asked]
    table = drawn_rows(context.material, **drawn).assign(concept=transfers.concept, asked=asked)
    return table.iloc[transfers.n_grid :]


def _seen(context: UnitContext, spec: TransferSpec, transfers: Transfers) -> Seen:
    material = context.material
    pairs = (transfers.base, transfers.donor)
    if spec.draw == "image":
        delta = swap_delta(material.methods["iin"], material.z, pairs, transfers.concept)
    else:
        delta = _drawn(context, spec, transfers)
    return see(context.network, material.rows[transfers.base], delta, shown=transfers.n_grid)


def _drawn(context: UnitContext, spec: TransferSpec, transfers: Transfers) -> Tensor:
    z = context.material.z[transfers.base]
    delta = torch.zeros_like(z)
    for j, label in enumerate(transfers.labels):
        rows = torch.from_numpy(np.flatnonzero(transfers.asked == j))
        moved = context.interpreter.resample(z[rows], transfers.concept, spec.seed + j, to=label)
        delta[rows] = moved - z[rows]
    return delta


def _judged(context: UnitContext, transfers: Transfers, seen: Seen) -> list[Judged]:
    """What readers say of the pairs behind the grid."""
    after = slice(transfers.n_grid, None)
    said = {who: {c: values[after] for c, values in found.items()} for who, found in seen.said.items()}
    index = [class_of(context.network, transfers.concept, label) for label in transfers.labels]
    wanted = {who: np.array([at[who] for at in index])[transfers.asked[after]] for who in index[0]}
    asked = (transfers.concept, transfers.base[after], wanted)
    return judge(context.network, context.material, Seen(said, None, {}), asked, context.job.spec)


def count(transfers: Transfers, judged: Judged) -> pd.DataFrame:
    """How often each class was read of each pair of classes."""
    labels = np.array(transfers.labels, dtype=object)
    classes = np.array(judged.classes[transfers.concept], dtype=object)
    kept = judged.kept + transfers.n_grid
    table = pd.DataFrame(
        {
            "own": labels[transfers.own[kept]],
            "asked": labels[transfers.asked[kept]],
            "read": classes[judged.said[transfers.concept]],
        }
    )
    counted = table.groupby(["own", "asked", "read"], sort=False).size().reset_index(name="n")
    return counted.assign(concept=transfers.concept, reader=judged.reader)[list(COLUMNS)]


def _sentences(concept: str, judged: Judged, table: pd.DataFrame) -> Iterator[str]:
    scores, who = judged.success, WHO[judged.reader]
    assert scores.cause is not None
    kept = shares(scores.kept)
    told = (
        f"Given another {concept}, {who} says that one in {percent(scores.cause)} of {scores.cause.n:,} cases"
    )
    yield f"{told}, and still says {kept}." if kept else f"{told}."
    right = table[table["asked"] == table["read"]].groupby("asked")["n"].sum()
    share = (
        right.reindex(table["asked"].unique(), fill_value=0) / table.groupby("asked")["n"].sum()
    ).sort_values()
    worst = share.index[0]
    wrong = table[(table["asked"] == worst) & (table["read"] != worst)].groupby("read")["n"].sum()
    if len(wrong):
        yield (
            f"The {concept} that is reached least often is {worst}, in {100 * share.iloc[0]:.1f} %; "
            f"where it is missed, {who} says {wrong.idxmax()} most often."
        )
