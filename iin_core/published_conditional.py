"""Conditional flows that others published, in the layouts of CompVis/net2net and CompVis/invariances.

Both hold ``sub_layers.{i}.{norm_layer,coupling,shuffle}`` of a flow on z̄ and an ``embedder`` of z, but their
embedders differ. Normalisations inside an embedder are folded into the layer in front of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from iin_core.conditional_flow import ConditionalFlow
from iin_core.embedding import Embedding, SpatialEmbedding
from iin_core.front import fit_front
from iin_core.invariance import ConditionalInterpreter
from iin_core.published_tensors import PublishedTensors, read_actnorm, read_nets, read_permutation
from iin_core.spec import FlowSpec
from iin_core.transforms.conditional_coupling import ConditionalCoupling
from iin_core.transforms.conditioner import SLOPE
from iin_core.transforms.leaky import Leaky

NET2NET, INVARIANCES = "CompVis/net2net", "CompVis/invariances"
CONDITIONAL = re.compile(r"(flow\.)?sub_layers\.\d+\.coupling\.")
_BATCH_NORM_EPSILON = 1e-5
_SLOPE_BETWEEN = 0.2
"""Of the leaky ReLU inside the embedders of CompVis/invariances."""

Linear = tuple[Tensor, Tensor]
Activation = Literal["none", "leaky"]
LogDet = Literal["published", "exact"]


def read_conditional(
    state: Mapping[str, Tensor],
    path: str | Path,
    *,
    activation: Activation = "none",
    log_det: LogDet = "published",
) -> ConditionalInterpreter:
    """Make a conditional interpreter of a state dict; see `iin_core.published.load_published`."""
    prefix = "flow." if any(name.startswith("flow.sub_layers.") for name in state) else ""
    if any(name.startswith(f"{prefix}embedder.main.") for name in state):
        layout, embedder = NET2NET, f"{prefix}embedder"
        own = {name: tensor for name, tensor in state.items() if name.startswith(prefix)}
    else:
        layout, embedder, own = INVARIANCES, "embedder", dict(state)
    tensors = PublishedTensors(own, path, layout)
    embedding = _read_embedding(tensors, embedder)
    between = _read_between(tensors, f"{prefix}conditioning_layers", embedding.n_out)
    leaky = None if activation == "none" else Leaky(counted=log_det == "exact")
    n_dims = tensors.look(f"{prefix}sub_layers.0.norm_layer.loc").numel()
    transforms = _read_transforms(tensors, f"{prefix}sub_layers", (n_dims, embedding.n_out), leaky)
    tensors.refuse_left_over()
    front = fit_front(torch.zeros(2, n_dims), FlowSpec(front="none"))
    others = Counter(name.split(".")[0] for name in state if name not in own)
    meta = {
        "published": layout,
        "checkpoint": Path(path).name,
        "activation": activation,
        "log_det": log_det,
        "left_out": dict(others),
    }
    flow = ConditionalFlow(embedding, transforms, between)
    return ConditionalInterpreter(front, None, flow, torch.zeros(n_dims), meta)


def _read_transforms(
    tensors: PublishedTensors, place: str, widths: tuple[int, int], leaky: Leaky | None
) -> list[nn.Module]:
    """The flow's transforms; widths are those of z̄ and of the embedding."""
    transforms: list[nn.Module] = []
    (n_dims, n_given), n_half = widths, widths[0] // 2
    for i in tensors.parts(place):
        transforms.append(read_actnorm(tensors, f"{place}.{i}.norm_layer", n_dims))
        if leaky is not None:
            transforms.append(leaky)
        state, shape = read_nets(tensors, f"{place}.{i}.coupling", n_half + n_given, n_half)
        coupling = ConditionalCoupling(n_dims, n_given, shape, [torch.Generator()])
        coupling.load_state_dict(state)
        transforms.append(coupling)
        transforms.append(read_permutation(tensors, f"{place}.{i}.shuffle", n_dims))
    return transforms


def _read_between(tensors: PublishedTensors, place: str, width: int) -> list[Linear]:
    """The maps of the embedding from one coupling to the next.

    The public code has a second way to use the same tensors, each on the embedding itself, but hands that
    one a matrix where its layer wants maps, and stops: a trained checkpoint is of this way.
    """
    read = []
    for i in tensors.parts(place):
        weight = tensors.take(f"{place}.{i}.weight", width, width, 1, 1).view(width, width)
        read.append((weight.T[None], tensors.take(f"{place}.{i}.bias", width)[None, None]))
    return read


def _read_embedding(tensors: PublishedTensors, place: str) -> Embedding | SpatialEmbedding:
    if tensors.parts(f"{place}.main"):
        return _perceptron(_read_layers(tensors, f"{place}.main"), SLOPE)
    if tensors.parts(f"{place}.net"):
        return _perceptron(_read_layers(tensors, f"{place}.net"), _SLOPE_BETWEEN)
    if tensors.parts(f"{place}.feature_layers"):
        return _read_spatial(tensors, place)
    raise tensors.unfit(f"there is no {place!r}, or one of another kind")


def _perceptron(layers: list[Linear], slope: float) -> Embedding:
    widths = [layers[0][0].shape[1], *(len(weight) for weight, _ in layers)]
    embedding = Embedding(widths, [torch.Generator()], slope)
    state = {f"weights.{i}": weight.T[None] for i, (weight, _) in enumerate(layers)}
    state |= {f"biases.{i}": bias[None, None] for i, (_, bias) in enumerate(layers)}
    embedding.load_state_dict(state)
    return embedding


def _read_layers(tensors: PublishedTensors, place: str) -> list[Linear]:
    """Linear layers, or 1 × 1 convolutions, each with the normalisation behind it."""
    layers: list[Linear] = []
    for i in tensors.parts(place):
        name = f"{place}.{i}"
        if f"{name}.loc" in tensors or f"{name}.running_mean" in tensors:
            layers[-1] = _normalised(tensors, name, layers[-1])
            continue
        shape = tuple(tensors.look(f"{name}.weight").shape)
        n_out, n_in = shape[0], len(layers[-1][0]) if layers else shape[1]
        weight = tensors.take(f"{name}.weight", n_out, n_in, *((1, 1) if len(shape) == 4 else ()))
        layers.append((weight.view(n_out, n_in), tensors.take(f"{name}.bias", n_out)))
    return layers


def _normalised(tensors: PublishedTensors, place: str, layer: Linear) -> Linear:
    """A layer with its normalisation: of activations, or of batches as it is when nothing is trained."""
    weight, bias = (part.double() for part in layer)
    n_out = len(weight)
    if f"{place}.loc" in tensors:
        norm = read_actnorm(tensors, place, n_out)
        scale, shift = norm.scale.detach().double().flatten(), norm.loc.detach().double().flatten()
        bias = scale * (bias + shift)
    else:
        names = ("weight", "bias", "running_mean", "running_var")
        gain, offset, mean, variance = (tensors.take(f"{place}.{name}", n_out).double() for name in names)
        tensors.take(f"{place}.num_batches_tracked")
        scale = gain / (variance + _BATCH_NORM_EPSILON).sqrt()
        bias = scale * (bias - mean) + offset
    return (weight * scale.view(-1, *[1] * (weight.ndim - 1))).float(), bias.float()


def _read_spatial(tensors: PublishedTensors, place: str) -> SpatialEmbedding:
    """Convolutions that halve the maps, each with its normalisation, and a dense one over what is left."""
    convolutions: list[Linear] = []
    n_in = tensors.look(f"{place}.feature_layers.0.sub_layers.0.weight").shape[1]
    n_channels = n_in
    for i in tensors.parts(f"{place}.feature_layers"):
        name = f"{place}.feature_layers.{i}.sub_layers"
        n_out = len(tensors.look(f"{name}.0.weight"))
        weight = tensors.take(f"{name}.0.weight", n_out, n_in, 4, 4)
        convolutions.append(_normalised(tensors, f"{name}.1", (weight, torch.zeros(n_out))))
        n_in = n_out
    name = f"{place}.dense_encode.sub_layers.0"
    n_out, _, kernel, _ = tensors.look(f"{name}.weight").shape
    weight = tensors.take(f"{name}.weight", n_out, n_in, kernel, kernel)
    convolutions.append((weight, tensors.take(f"{name}.bias", n_out)))
    size = kernel * 2 ** (len(convolutions) - 1)
    widths = [len(weight) for weight, _ in convolutions]
    embedding = SpatialEmbedding((n_channels, size, size), widths, kernel, _SLOPE_BETWEEN)
    state = {f"weights.{i}": weight[None] for i, (weight, _) in enumerate(convolutions)}
    state |= {f"biases.{i}": bias[None] for i, (_, bias) in enumerate(convolutions)}
    embedding.load_state_dict(state)
    return embedding
