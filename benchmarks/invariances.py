"""What the demo's classifier discards, layer by layer, and a layer of which that is known.

    .venv/bin/python -m benchmarks.invariances [ROOT] [--layers conv1,fc]

Read are the activations that the study `digits` left in ROOT. Beside the classifier's layers stands
one whose answer is known: the brightest channel of the image, 8 × 8. Every colour of the demo has a
channel of 1, so that it is the stroke times its brightness and has nothing of the colour. Writes the
two figures of docs/experiments/invariances.md.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from iin_core.conditional_spec import conditional_training
from iin_core.examples import DigitAutoencoder, coloured_digits
from iin_core.figures.invariances import invariances_over_depth
from iin_core.figures.strips import Heads, film_strip
from iin_core.invariance import ConditionalInterpreter, fit_invariance
from iin_core.metrics.invariance import concept_space, independence, readable
from iin_core.spec import EvaluationSpec
from iin_core.tensor_file import read_tensor_file
from iin_core.varied_rows import varied_rows
from tasks.output import open_root
from tasks.results import OpenStudy, open_study

IMAGES = Path("docs/images")
TABLE = Path("build/invariances.csv")
GREY, UPDATES, SHOWN, SAMPLES = "brightest channel", 800, 5, 8
SPEC = EvaluationSpec(probes=("mlp",), bootstrap=50, permutations=40)


def main() -> None:
    """Measure every layer, print the numbers, draw the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root", nargs="?", default="iin-data")
    parser.add_argument("--layers", default="conv1,conv2,conv3,fc")
    asked = parser.parse_args()
    study = open_study(asked.root, "digits")
    z_bar = torch.from_numpy(np.array(study.activations("bottleneck")))
    tables = []
    for index, name in enumerate([*asked.layers.split(","), GREY]):
        z = _grey() if name == GREY else torch.from_numpy(np.array(study.activations(name)))
        t = _fitted(study, z_bar, z)
        table = _measured(study, t, z_bar, z, name).assign(model="classifier", layer=name, index=index)
        tables.append(table)
        if name == asked.layers.split(",")[-1]:
            _draw_samples(study, t, (z_bar, z), _autoencoder(asked.root))
        TABLE.parent.mkdir(exist_ok=True)
        pd.concat(tables).to_csv(TABLE, index=False)
    IMAGES.mkdir(exist_ok=True)
    invariances_over_depth(
        IMAGES / "invariances.svg", pd.concat(tables), title="What the classifier's layers discard"
    )


def _grey() -> Tensor:
    """(n, 64)."""
    images, _ = coloured_digits()
    return nn.functional.avg_pool2d(torch.from_numpy(images).amax(1), 4).flatten(1)


def _fitted(study: OpenStudy, z_bar: Tensor, z: Tensor) -> ConditionalInterpreter:
    fit = np.array(study.rows["split"] != "heldout")
    rows, source = torch.from_numpy(fit), study.rows["source"].to_numpy()[fit]
    begun = time.process_time()
    t = fit_invariance(z_bar[rows], z[rows], source=source, training=conditional_training(UPDATES))
    print(f"{time.process_time() - begun:.0f} s of CPU, NLL {t.meta['nll_validation']:.3f}", flush=True)
    return t


def _measured(
    study: OpenStudy, t: ConditionalInterpreter, z_bar: Tensor, z: Tensor, name: str
) -> pd.DataFrame:
    held = study.rows["split"].to_numpy() == "heldout"
    rows, table = torch.from_numpy(held), study.rows[held].reset_index(drop=True)
    code, layer, source = t.noisy(z_bar[rows]), z[rows], table["source"].to_numpy()
    assert t.given is not None
    codes = {
        "z": t.given.apply(layer),
        "embedding": t.embed(layer),
        "v": t.encode(code, given=layer),
        "z_bar": code,
    }
    concepts = {name: table[name].to_numpy() for name in ("digit", "colour")}
    found = readable(codes, concepts, source, SPEC)
    tests = independence(codes["v"], codes["z"], source, SPEC)
    print(name)
    print(found.pivot_table(index="code", columns="concept", values="accuracy").round(3).to_string())
    for test in (tests.distance_correlation, tests.hsic):
        print(f"  {test.score.value:.4f}, 95 % of exchanges {test.control_high:.4f}, p {test.p_value:.3f}")
    print(f"  {tests.nats.nats.value:.3f} nats, p {tests.nats.p_value:.3f}")
    space = study.interpreter("bottleneck", "digit+colour", 0)
    for block, kept in concept_space(t, space, code, layer, source, spec=SPEC).items():
        print(f"  {block}: explained {kept.explained.value:.3f}", kept.agreement, flush=True)
    return found


def _autoencoder(root: str) -> DigitAutoencoder:
    model = DigitAutoencoder().eval()
    for output in open_root(root, create=False).outputs("prepare"):
        weights = read_tensor_file(str(output.file("model.safetensors")))
        if "bottleneck.weight" in weights:
            model.load_state_dict(weights)
    return model


@torch.no_grad()
def _draw_samples(
    study: OpenStudy, t: ConditionalInterpreter, codes: tuple[Tensor, Tensor], model: DigitAutoencoder
) -> None:
    held = np.flatnonzero(study.rows["split"] == "heldout")
    table = study.rows.iloc[held]
    few = held[varied_rows({"digit": table["digit"], "colour": table["colour"]}, table["source"], SHOWN, 1)]
    z_bar, z = (part[torch.from_numpy(few)] for part in codes)
    drawn = torch.cat([z_bar[:, None], t.sample(given=z, n=SAMPLES, seed=0)], 1)
    frames = model.decoder(drawn.flatten(0, 1)).sigmoid().unflatten(0, (SHOWN, -1))
    heads = Heads(steps=["code", *map(str, range(1, SAMPLES + 1))], across="codes that look the same to fc →")
    images, _ = coloured_digits()
    film_strip(
        IMAGES / "invariances_samples.png", images[few], frames, heads, title="What the last layer cannot see"
    )


if __name__ == "__main__":
    main()
