"""What is watched of a model's output: its heads, what reads it, and what a study names or computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor

from iin_core.errors import IinError, ModelError
from tasks.errors import StudyError
from tasks.evaluation.network import Network
from tasks.evaluation.output_parts import parts_of
from tasks.experiments.response_words import BY_READER
from tasks.experiments.spec import WatchSpec
from tasks.sources.imported import FAULTS, raised, resolve

_FIX = (
    "let the model return a tensor, or a mapping or tuple of such with a row for each example, or name a head"
)
_SUM = 1e-3
"""How far from 1 the probabilities of a row may add up, in half precision too."""


@dataclass(frozen=True)
class Part:
    """One thing that a model returns, and whether it is logits or something that has distances."""

    name: str
    kind: Literal["class", "value"]
    values: Tensor


@dataclass(frozen=True)
class Watched:
    """What a study says of the output beside heads and readers.

    Args:
        function: what the model returns → what is watched; None: as it is.
        path: how the study names it.
        logits: the parts of that which are logits.
    """

    function: Callable[[Any], Any] | None = None
    path: str = ""
    logits: tuple[str | int, ...] = ()

    def of(self, output: Any) -> Any:
        """What is watched of one output.

        Raises:
            StudyError: the function raises, with the user's own file and line.
        """
        if self.function is None:
            return output
        try:
            return self.function(output)
        except IinError:
            raise
        except FAULTS as error:
            fix = "make the call work in Python first: it is given what the model returns for one batch"
            raise raised(error, repr(self.path), fix) from error


def opened(spec: WatchSpec, folder: Path) -> Watched:
    """What a study says of the output, its function found.

    Raises:
        StudyError: there is no such function.
    """
    if spec.output is None:
        return Watched(logits=spec.logits)
    function = resolve(spec.output, folder)
    if not callable(function):
        raise StudyError(
            f"{spec.output!r} is a {type(function).__name__} and cannot be called.",
            where=f"import path {spec.output!r}",
            fix="name a function that takes what the model returns",
        )
    return Watched(function, spec.output, spec.logits)


def parts(network: Network, output: Any, n: int, how: Watched | None = None) -> list[Part]:
    """What is watched of a model's output: each head's logits, a reader's, and what is no logits itself.

    Args:
        network: with all that reads its output.
        output: of one forward pass.
        n: examples of that pass.
        how: what the study says of the output itself.

    Raises:
        ModelError: an output with nothing that has numbers, or parts named that are no logits.
    """
    how = how or Watched()
    found = []
    for reader in network.readers:
        for concept, logits in reader.read(output).items():
            if logits.ndim == 2 and logits.shape[1] > 1:
                name = concept if reader.name == "head" else f"{concept}{BY_READER}"
                found.append(Part(name, "class", as_logits(logits)))
    asked = bool(how.function or how.logits)
    if asked or network.decodes or not any(part.name in _heads(network) for part in found):
        plain = "image" if network.decodes and how.function is None else "output"
        mine = how.of(output)
        found += own_parts(parts_of(mine) or {plain: mine}, n, how.logits, {part.name for part in found})
    if not found:
        raise ModelError(
            f"The model's output, a {type(output).__name__}, has no logits and no numbers to be watched.",
            where="response",
            fix=_FIX,
        )
    return found


def own_parts(
    named: Mapping[Any, Any], n: int, logits: tuple[str | int, ...], taken: set[str]
) -> Iterator[Part]:
    """The parts of an output with numbers, for n examples; those named in `logits` have classes.

    Raises:
        ModelError: `logits` names a part that is not there, or that has no classes.
    """
    missing = [part for part in logits if part not in named]
    if missing:
        raise ModelError(
            f"What is watched of the output has no part {missing[0]!r}.",
            where="experiments: response: logits",
            fix=f"name one of {', '.join(map(repr, named))}",
        )
    for key, value in named.items():
        name = key if isinstance(key, str) and key not in taken else f"output {key}"
        if key in logits:
            yield Part(name, "class", _classes(value, key, n))
        elif isinstance(value, Tensor) and value.is_floating_point() and value.shape[:1] == (n,):
            yield Part(name, "value", value.float())


def as_logits(values: Tensor) -> Tensor:
    """Logits (n, classes) as they are; probabilities, which add up to 1 in every row, as their logarithms.

    Many networks end in a softmax. A second one would make every answer nearly uniform.
    """
    values = values.float()
    total = values.sum(-1)
    if bool((values >= 0).all()) and bool(((total - 1).abs() < _SUM).all()):
        return values.clamp_min(torch.finfo(torch.float32).tiny).log()
    return values


def _classes(value: Any, part: str | int, n: int) -> Tensor:
    if isinstance(value, Tensor) and value.is_floating_point() and value.shape[:1] == (n,):
        if value.ndim == 2 and value.shape[1] > 1:
            return as_logits(value)
        if value.numel() == n:  # the logit of the second of two classes
            one = value.reshape(n, 1).float()
            return torch.cat([torch.zeros_like(one), one], 1)
    shape = f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
    raise ModelError(
        f"Part {part!r} of what is watched is {shape}: no logits of {n} examples.",
        where="experiments: response: logits",
        fix="name parts of the shape (n, classes), or give `output`, a function that makes such",
    )


def watch(
    network: Network,
    rows: NDArray[Any],
    delta: Callable[[slice], Tensor] | None = None,
    how: Watched | None = None,
) -> Iterator[tuple[slice, list[Part]]]:
    """What is watched of the model's output for some rows, batch by batch, see `Network.outputs`."""
    for i, output in enumerate(network.outputs(rows, delta)):
        start = i * network.batch
        place = slice(start, min(start + network.batch, len(rows)))
        yield place, parts(network, output, place.stop - place.start, how)


def _heads(network: Network) -> set[str]:
    return {concept for reader in network.readers if reader.name == "head" for concept in reader.classes}
