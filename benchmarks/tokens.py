"""A transformer over depth: what layers tell of tense, number and topic, and what edits do behind them.

    .venv/bin/python -m benchmarks.tokens [--updates 300] [--layers 0 1 …]

reads the sentence encoder all-MiniLM-L6-v2 on the sentences of `iin_core.examples.sentences`, fits an IIN on
the mean of the tokens at each layer, and writes build/tokens/{depth,edits}.csv and docs/images/tokens.png.
All probes are linear, fitted on training sources and read on held-out ones.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from iin_core import Interpreter, fit
from iin_core.examples.sentence_encoder import mini_lm
from iin_core.examples.sentences import sentences
from iin_core.metrics import interchange_pairs
from iin_core.readings import Token
from iin_core.rows import assign_splits
from iin_core.spec import FlowSpec, TrainingSpec
from iin_core.split import capture, run_edited

CONCEPTS = ("tense", "number", "topic")
LAYERS = ("embeddings", *(f"encoder.layer.{i}" for i in range(6)))
READING = Token("mean")
FOLDER, FIGURE = Path("build/tokens"), Path("docs/images/tokens.png")
SHARES = (0.60, 0.15, 0.25)
_AT_ONCE = 180


@dataclass(frozen=True)
class Read:
    """The sentences, the model, and what all its layers say of them.

    Attributes:
        model: the encoder.
        inputs: of all sentences.
        table: of them, with `split`.
        z: layer → (n, 384), by `token: mean`.
        output: (n, 384), the sentences' vectors.
    """

    model: nn.Module
    inputs: Mapping[str, Tensor]
    table: pd.DataFrame
    z: Mapping[str, Tensor]
    output: Tensor

    def rows(self, split: str) -> NDArray[np.int64]:
        """The rows of one side."""
        return np.flatnonzero(self.table["split"].to_numpy() == split)

    def batch(self, rows: NDArray[np.int64]) -> dict[str, Tensor]:
        """The model's inputs of some rows."""
        return _batch(self.inputs, rows)


@torch.no_grad()
def read_all(model: nn.Module | None = None, layers: Sequence[str] = LAYERS) -> Read:
    """Run the encoder over all sentences once."""
    encoder = model or mini_lm()
    arrays, table = sentences()
    inputs = {name: torch.from_numpy(values) for name, values in arrays.items()}
    parts: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    outputs = []
    for rows in _parts(len(table)):
        batch = _batch(inputs, rows)
        for layer, found in capture(encoder, batch, dict.fromkeys(layers, READING)).items():
            parts[layer].append(found)
        outputs.append(encoder(**batch))
    z = {layer: torch.cat(found) for layer, found in parts.items()}
    split = assign_splits(table["source"], shares=SHARES, seed=0)
    return Read(encoder, inputs, table.assign(split=split), z, torch.cat(outputs))


def fit_layer(read: Read, layer: str, updates: int, front_dims: int | None = None) -> Interpreter:
    """An IIN of the three concepts on all rows that are not held out."""
    rows = np.sort(np.r_[read.rows("train"), read.rows("validation")])
    concepts = {name: read.table[name].to_numpy()[rows] for name in CONCEPTS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that rows are few is said in docs/experiments/tokens.md
        return fit(
            read.z[layer][torch.from_numpy(rows)],
            concepts,
            dims="rank",
            source=read.table["source"].to_numpy()[rows],
            flow=FlowSpec(couplings=2, residual_couplings=2, front_dims=front_dims),
            training=TrainingSpec(updates=updates),
        )


def depth_rows(read: Read, layer: str, interpreter: Interpreter) -> list[dict[str, Any]]:
    """Held-out macro-F1 of each concept: of the layer, of the concept's block, of all other blocks."""
    code, blocks = interpreter.encode(read.z[layer]), interpreter.blocks
    found = []
    for concept in CONCEPTS:
        others = torch.cat([code[:, blocks[name]] for name in blocks if name != concept], 1)
        of = {"layer": read.z[layer], "block": code[:, blocks[concept]], "others": others}
        for name, rows in of.items():
            score = macro_f1(read, rows, concept)
            chance = 1 / read.table[concept].nunique()
            found.append(
                {"layer": layer, "concept": concept, "of": name, "macro_f1": score, "chance": chance}
            )
    return found


def macro_f1(read: Read, rows: Tensor, concept: str) -> float:
    """Of a linear probe, on held-out sources."""
    from sklearn.metrics import f1_score

    held = read.rows("heldout")
    said = _probe(read, rows, concept).predict(rows[held].numpy())
    return float(f1_score(read.table[concept].to_numpy()[held], said, average="macro"))


def edit_rows(read: Read, layer: str, interpreter: Interpreter, n: int) -> list[dict[str, Any]]:
    """What a probe of the output says after a concept of a donor was re-inserted at a layer.

    Pairs differ in source and in all three concepts. The control moves a row as far in a random direction.
    """
    held = read.rows("heldout")
    table = read.table.iloc[held]
    base, donor = interchange_pairs(
        {name: table[name].to_numpy() for name in ("source", *CONCEPTS)}, n, seed=0
    )
    base, donor = held[base], held[donor]
    probes = {concept: _probe(read, read.output, concept) for concept in CONCEPTS}
    before = {name: probe.predict(read.output[base].numpy()) for name, probe in probes.items()}
    found = []
    for concept in CONCEPTS:
        z, wanted = read.z[layer], read.table[concept].to_numpy()[donor]
        delta = interpreter.swap(z[base], z[donor], concept) - z[base]
        noise = torch.randn(delta.shape, generator=torch.Generator().manual_seed(0))
        random = noise / noise.norm(dim=1, keepdim=True) * delta.norm(dim=1, keepdim=True)
        output = edited_outputs(read, layer, base, delta)
        said = {name: probe.predict(output.numpy()) for name, probe in probes.items()}
        control = probes[concept].predict(edited_outputs(read, layer, base, random).numpy())
        kept = [said[name] == before[name] for name in CONCEPTS if name != concept]
        found.append(
            {
                "layer": layer,
                "concept": concept,
                "changed": float((said[concept] == wanted).mean()),
                "others_kept": float(np.mean(np.all(kept, axis=0))),
                "control": float((control == wanted).mean()),
                "donors": float((probes[concept].predict(read.output[donor].numpy()) == wanted).mean()),
                "pairs": n,
            }
        )
    return found


def edited_outputs(read: Read, layer: str, rows: NDArray[np.int64], delta: Tensor) -> Tensor:
    """The sentences' vectors while the rows of a layer are moved, (n, 384)."""
    parts = [
        run_edited(read.model, read.batch(rows[part]), {layer: (READING, delta[torch.from_numpy(part)])})
        for part in _parts(len(rows))
    ]
    return torch.cat(parts)


def _probe(read: Read, rows: Tensor, concept: str) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train = read.rows("train")
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    return probe.fit(rows[train].numpy(), read.table[concept].to_numpy()[train])


def _batch(inputs: Mapping[str, Tensor], rows: NDArray[np.int64]) -> dict[str, Tensor]:
    return {name: values[torch.from_numpy(rows)] for name, values in inputs.items()}


def _parts(n: int) -> list[NDArray[np.int64]]:
    return [np.arange(start, min(start + _AT_ONCE, n)) for start in range(0, n, _AT_ONCE)]


def draw(depth: pd.DataFrame, edits: pd.DataFrame, path: Path) -> None:
    """What layers tell over depth, and what edits change, a column a concept."""
    import matplotlib.pyplot as plt

    names = [layer.removeprefix("encoder.") for layer in dict.fromkeys(depth["layer"])]
    figure, axes = plt.subplots(2, len(CONCEPTS), figsize=(11.5, 5.2), sharex=True, sharey=True)
    for i, concept in enumerate(CONCEPTS):
        told = depth[depth["concept"] == concept]
        for of, label in (("layer", "whole layer"), ("block", "its block"), ("others", "all other blocks")):
            axes[0, i].plot(names, told.loc[told["of"] == of, "macro_f1"], marker="o", ms=3, label=label)
        axes[0, i].axhline(told["chance"].iloc[0], color="0.6", ls=":", label="chance")
        axes[0, i].set_title(concept)
        moved = edits[edits["concept"] == concept]
        for key, label in (
            ("changed", "says the donor's"),
            ("others_kept", "others stay"),
            ("control", "random direction"),
        ):
            axes[1, i].plot(names, moved[key], marker="o", ms=3, label=label)
        axes[1, i].tick_params(axis="x", rotation=60)
    axes[0, 0].set_ylabel("held-out macro-F1")
    axes[1, 0].set_ylabel("share of edits")
    for row in axes:
        row[-1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
        row[0].set_ylim(0, 1.03)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Measure, write the tables and the figure, and print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=300)
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--front", type=int)
    parser.add_argument("--layers", type=int, nargs="+", default=range(len(LAYERS)))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    read = read_all()
    depth, edits = [], []
    for layer in (LAYERS[i] for i in arguments.layers):
        interpreter = fit_layer(read, layer, arguments.updates, arguments.front)
        depth += depth_rows(read, layer, interpreter)
        edits += edit_rows(read, layer, interpreter, arguments.pairs)
        print(layer, dict(interpreter.blocks.dims), flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    tables = {"depth": pd.DataFrame(depth), "edits": pd.DataFrame(edits)}
    for name, table in tables.items():
        table.to_csv(FOLDER / f"{name}.csv", index=False)
        print(table.round(3).to_string(index=False))
    draw(tables["depth"], tables["edits"], FIGURE)


if __name__ == "__main__":
    main()
