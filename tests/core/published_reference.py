"""The published network, written down plainly from its description: the oracle for loading checkpoints.

It works on a state dict of the paper repository's layout, in any floating dtype; `random_checkpoint`
makes small ones.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

State = dict[str, Tensor]


def random_checkpoint(
    n_dims: int = 8, n_flows: int = 3, hidden: int = 16, depth: int = 2, seed: int = 0
) -> State:
    """Draw a state dict with the names, shapes and dtypes of the published code.

    As there, a first batch sets each normalisation, so that the codes are of unit variance.
    """
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(256, n_dims, generator=generator)
    state: State = {}
    widths = [n_dims // 2, *[hidden] * (depth + 1), n_dims // 2]
    for i in range(n_flows):
        norm, coupling, shuffle = (f"realnvp.flow.{i}.flow.{part}" for part in range(3))
        signs = torch.randint(0, 2, (n_dims,), generator=generator) * 2.0 - 1.0
        state[f"{norm}.loc"] = -z.mean(0).view(1, n_dims, 1, 1)
        state[f"{norm}.scale"] = (signs / z.std(0)).view(1, n_dims, 1, 1)
        state[f"{norm}.initialized"] = torch.tensor(1, dtype=torch.uint8)
        for net in ("s.0", "s.1", "t.0", "t.1"):
            for layer, (n_in, n_out) in enumerate(pairwise(widths)):
                weight = torch.randn(n_out, n_in, generator=generator)
                state[f"{coupling}.{net}.main.{2 * layer}.weight"] = 0.8 * n_in**-0.5 * weight
                state[f"{coupling}.{net}.main.{2 * layer}.bias"] = 0.2 * torch.randn(
                    n_out, generator=generator
                )
        order = torch.randperm(n_dims, generator=generator)
        state[f"{shuffle}.forward_shuffle_idx"] = order
        state[f"{shuffle}.backward_shuffle_idx"] = torch.argsort(order)
        z, _ = _encode_step(state, i, z)
    return state


def encode(state: State, z: Tensor) -> tuple[Tensor, Tensor]:
    """Map z, (n, N), to z̃, (n, N), and log|det|, (n,)."""
    log_det = z.new_zeros(len(z))
    for i in range(_n_flows(state)):
        z, step_log_det = _encode_step(state, i, z)
        log_det = log_det + step_log_det
    return z, log_det


def _encode_step(state: State, i: int, z: Tensor) -> tuple[Tensor, Tensor]:
    norm, coupling, shuffle = (f"realnvp.flow.{i}.flow.{part}" for part in range(3))
    scale, loc = (state[f"{norm}.{name}"].to(z).flatten() for name in ("scale", "loc"))
    z = scale * (z + loc)
    log_det = scale.abs().log().sum()
    first, second = z.chunk(2, 1)
    log_scale = _perceptron(state, f"{coupling}.s.0", first).tanh()
    second = second * log_scale.exp() + _perceptron(state, f"{coupling}.t.0", first)
    log_det = log_det + log_scale.sum(1)
    first, second = second, first
    log_scale = _perceptron(state, f"{coupling}.s.1", first).tanh()
    second = second * log_scale.exp() + _perceptron(state, f"{coupling}.t.1", first)
    log_det = log_det + log_scale.sum(1)
    return torch.cat((first, second), 1)[:, state[f"{shuffle}.forward_shuffle_idx"]], log_det


def decode(state: State, z_tilde: Tensor) -> Tensor:
    """Map z̃, (n, N), back to z."""
    z = z_tilde
    for i in reversed(range(_n_flows(state))):
        norm, coupling, shuffle = (f"realnvp.flow.{i}.flow.{part}" for part in range(3))
        first, second = z[:, state[f"{shuffle}.backward_shuffle_idx"]].chunk(2, 1)
        for j in (1, 0):
            shift = _perceptron(state, f"{coupling}.t.{j}", first)
            second = (second - shift) / _perceptron(state, f"{coupling}.s.{j}", first).tanh().exp()
            if j == 1:
                first, second = second, first
        z = torch.cat((first, second), 1)
        z = z / state[f"{norm}.scale"].to(z).flatten() - state[f"{norm}.loc"].to(z).flatten()
    return z


def _n_flows(state: State) -> int:
    return 1 + max(int(name.split(".")[2]) for name in state)


def _perceptron(state: State, name: str, x: Tensor) -> Tensor:
    layer = 0
    while f"{name}.main.{layer}.weight" in state:
        if layer:
            x = torch.where(x > 0, x, 0.01 * x)
        x = x @ state[f"{name}.main.{layer}.weight"].to(x).T + state[f"{name}.main.{layer}.bias"].to(x)
        layer += 2
    return x
