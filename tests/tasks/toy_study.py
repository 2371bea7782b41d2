"""A study small enough for every test, with code of its own beside it."""

from __future__ import annotations

from pathlib import Path

from tests.replaced import replaced

STUDY = """\
iin: 1
name: toy
data: toy_code:data
model: toy_code:net
layers: {b: flatten, a: flatten}
concepts: {both: {digit: label, size: numeric}, digit: [digit], none: {}}
training: {updates: 20}
"""

CODE = '''\
import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    """Calls a before b; the others are the ways in which a module cannot be read."""

    def __init__(self):
        super().__init__()
        self.b = nn.Linear(8, 6)
        self.a = nn.Linear(6, 8)
        self.odd = nn.Linear(6, 3)
        self.unused = nn.Linear(2, 2)
        self.twice = nn.ReLU()
        self.pair = Pair()

    def forward(self, x):
        y = self.b(self.twice(self.a(x)))
        self.twice(y)
        self.pair(y)
        return self.odd(y)


class Pair(nn.Module):
    def forward(self, x):
        return None, x


def net():
    return Net()


def fitted():
    return Net()


fitted.fit = lambda model, data, rows, *, settings, seed: {}


class Reader(nn.Module):
    def forward(self, x):
        return {"digit": x}


def reader():
    return Reader()


def no_module():
    return 3


def raises():
    raise RuntimeError("weights are gone")


def data(n=60, **changes):
    rng = np.random.default_rng(0)
    table = {"digit": np.arange(n) % 3, "size": rng.normal(size=n), "flat": np.ones(n)}
    return rng.normal(size=(n, 6)), {**table, **changes}


def lonely():
    return data(digit=np.r_[9, np.arange(59) % 3])


def leaking():
    return data(source=np.arange(60) // 2, side=["train", "validation", "heldout"] * 20)


def holes():
    inputs, table = data()
    inputs[[4, 7]] = np.nan
    return inputs, table


def twins():
    return data(colour=[f"c{i % 3}" for i in range(60)])
'''


def write_toy(folder: Path, *changes: tuple[str, str], more: str = "") -> Path:
    """Write the study and its code; each change replaces one text of the study by another."""
    (folder / "toy_code.py").write_text(CODE)
    path = folder / "toy.yaml"
    path.write_text(replaced(STUDY, *changes) + more)
    return path
