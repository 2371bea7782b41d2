"""Two first stages on coloured digits, for `quality`: a layer shaped by the concepts, and a plain bottleneck.

Real digits in ten colours at random brightness; sources split 60/15/25 into training, validation
and held-out ones. Encoder, decoder, heads and the reader of pixels see training sources only.

    .venv/bin/python -m benchmarks.coloured_layers       fits what is not in the cache
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from iin_core.rows import assign_splits

CACHE = Path("build/quality")
LAYERS = ("mt", "ae")
CONCEPTS = ("digit", "colour")
N_DIMS, N_CLASSES, SIZE = 64, 10, 32
_PALETTE = (
    (1.0, 0.1, 0.1), (0.1, 1.0, 0.1), (0.15, 0.15, 1.0), (1.0, 1.0, 0.1), (1.0, 0.1, 1.0),
    (0.1, 1.0, 1.0), (1.0, 0.5, 0.1), (0.5, 0.1, 1.0), (0.5, 1.0, 0.6), (1.0, 1.0, 1.0),
)  # fmt: skip
_DARKEST = 0.5
_BATCH, _EPOCHS, _RATE = 128, 15, 2e-3


@dataclass(frozen=True)
class Stage:
    """A first stage with the activations of every row.

    Attributes:
        z: (n, 64).
        table: source, split, digit, colour, brightness of each row.
        decoder: z to images.
        head: z to logits of digit and colour side by side, (n, 20).
        reader: images to such logits; it never saw z.
    """

    z: Tensor
    table: pd.DataFrame
    decoder: nn.Module
    head: nn.Module
    reader: nn.Module

    def rows(self, split: str) -> NDArray[np.int64]:
        """The rows of one side of the split."""
        return np.flatnonzero(self.table["split"].to_numpy() == split)

    @torch.no_grad()
    def read(self, z: Tensor) -> dict[str, dict[str, NDArray[np.int64]]]:
        """Reader ("head", "pixels") → concept → what it says of the activations z, (n, 64)."""
        logits = {
            "head": self.head(z),
            "pixels": torch.cat([self.reader(self.decoder(part)) for part in z.split(500)]),
        }
        return {
            name: {
                concept: part.argmax(1).numpy()
                for concept, part in zip(CONCEPTS, both.split(N_CLASSES, 1), strict=True)
            }
            for name, both in logits.items()
        }


def images(seed: int = 0) -> tuple[Tensor, pd.DataFrame]:
    """Images (17,970, 3, 32, 32) in [0, 1] and their table, by source and then colour."""
    from sklearn.datasets import load_digits

    originals = load_digits()
    small = torch.from_numpy(originals.images / 16.0)[:, None]
    shapes = functional.interpolate(small, size=(SIZE, SIZE), mode="bicubic", align_corners=False)
    n = len(shapes)
    source, colour = np.repeat(np.arange(n), N_CLASSES), np.tile(np.arange(N_CLASSES), n)
    brightness = np.random.default_rng(seed).uniform(_DARKEST, 1.0, len(source))
    tint = torch.from_numpy(np.array(_PALETTE)[colour] * brightness[:, None])
    table = pd.DataFrame(
        {
            "source": source,
            "split": assign_splits(source, shares=(0.6, 0.15, 0.25), seed=seed),
            "digit": originals.target[source].astype(np.int64),
            "colour": colour,
            "brightness": brightness,
        }
    )
    return (shapes.clamp(0, 1)[source] * tint[:, :, None, None]).float(), table


def load_stage(layer: str, seed: int = 0) -> Stage:
    """A first stage from the cache; it is fitted where it is not there.

    Args:
        layer: "mt", whose head shapes z, or "ae", whose z sees the reconstruction alone.
        seed: of the split, the brightnesses and the weights.
    """
    encoder, decoder, head, reader = _encoder(N_DIMS), _decoder(), _head(), _encoder(2 * N_CLASSES)
    pixels, table = images(seed)
    known = np.flatnonzero(table["split"].to_numpy() == "train")
    x = pixels[known]
    labels = {name: torch.from_numpy(table[name].to_numpy()[known]) for name in CONCEPTS}
    _cached(
        f"reader-{seed}",
        reader,
        lambda: _fit(reader, lambda at: _read_loss(reader(x[at]), labels, at), len(x)),
    )
    both = nn.ModuleList([encoder, decoder, head])
    _cached(f"{layer}-{seed}", both, lambda: _fit_stage(layer, both, x, labels))
    with torch.no_grad():
        z = torch.cat([encoder(part) for part in pixels.split(1000)])
    return Stage(z, table, decoder, head, reader)


def _fit_stage(layer: str, stage: nn.ModuleList, x: Tensor, labels: dict[str, Tensor]) -> None:
    encoder, decoder, head = stage

    def loss(at: Tensor) -> Tensor:
        z = encoder(x[at])
        blur = (decoder(z) - x[at]).square().sum((1, 2, 3)).mean()
        return blur + _read_loss(head(z), labels, at) if layer == "mt" else blur

    _fit(stage, loss, len(x))
    if layer == "ae":
        with torch.no_grad():
            z = torch.cat([encoder(part) for part in x.split(1000)])
        _fit(head, lambda at: _read_loss(head(z[at]), labels, at), len(x))


def _read_loss(logits: Tensor, labels: dict[str, Tensor], at: Tensor) -> Tensor:
    parts = zip(logits.split(N_CLASSES, 1), labels.values(), strict=True)
    return torch.stack([functional.cross_entropy(part, label[at]) for part, label in parts]).sum()


def _fit(module: nn.Module, loss: Callable[[Tensor], Tensor], n_rows: int) -> None:
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=0.01, fused=True)
    per_epoch = n_rows // _BATCH
    updates = _EPOCHS * per_epoch
    for update in range(updates):
        if update % per_epoch == 0:
            order = torch.randperm(n_rows)
        rate = min(1.0, 10 * (update + 1) / updates) * 0.5 * (1 + math.cos(math.pi * update / updates))
        optimizer.param_groups[0]["lr"] = _RATE * rate
        start = update % per_epoch * _BATCH
        optimizer.zero_grad()
        loss(order[start : start + _BATCH]).backward()
        optimizer.step()


def _cached(name: str, module: nn.Module, fit: Callable[[], None]) -> None:
    path = CACHE / f"{name}.pt"
    if not path.exists():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for part in module.modules():
                reset = getattr(part, "reset_parameters", None)
                if callable(reset):
                    reset()
            fit()
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(module.state_dict(), path)
    module.load_state_dict(torch.load(path, weights_only=True))
    module.eval().requires_grad_(False)


def _encoder(n_out: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 24, 4, 2, 1), nn.ReLU(), nn.Conv2d(24, 48, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(48, 96, 4, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(96 * 16, n_out),
    )  # fmt: skip


def _decoder() -> nn.Module:
    return nn.Sequential(
        nn.Linear(N_DIMS, 96 * 16), nn.ReLU(), nn.Unflatten(1, (96, 4, 4)),
        nn.ConvTranspose2d(96, 48, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(48, 24, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(24, 3, 4, 2, 1), nn.Sigmoid(),
    )  # fmt: skip


def _head() -> nn.Module:
    return nn.Sequential(nn.Linear(N_DIMS, 128), nn.ReLU(), nn.Linear(128, 2 * N_CLASSES))


def main() -> None:
    """Fit both first stages and say what their readers reach."""
    torch.set_num_threads(1)
    for layer in LAYERS:
        stage = load_stage(layer)
        for split in ("train", "validation", "heldout"):
            rows = stage.rows(split)
            for reader, says in stage.read(stage.z[rows]).items():
                right = [says[name] == stage.table[name].to_numpy()[rows] for name in CONCEPTS]
                print(
                    layer,
                    split,
                    reader,
                    *(f"{r.mean():.4f}" for r in right),
                    f"{np.all(right, 0).mean():.4f}",
                )


if __name__ == "__main__":
    main()
