"""Edited activations in a running model: f(x) with one factor of a layer changed.

Hooks act at once, in the user's own forward pass; nothing is deferred. Without an edit a pass keeps
every bit; an edit that a pass did not apply is an error; gradients flow through the edit to earlier
layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, TypeVar, cast

from torch import nn

from iin_core.edited_layer import EditedLayer, Editor
from iin_core.errors import InputError, nearest
from iin_core.hooks import Inputs, hooked, named_inputs
from iin_core.readings import Reading, as_reading
from iin_core.spec import ReadingSpec
from iin_core.split import capture, module_names

T = TypeVar("T")
ReadingLike = Reading | ReadingSpec | Mapping[str, Any] | str | None


class Edits:
    """The edits of the attached layers: each holds for every pass until `clear`.

    Edits of one layer follow each other in the order in which they were given. `layer` picks one of
    several attached layers; left out, all of them are edited.
    """

    def __init__(
        self, model: nn.Module, layers: Sequence[EditedLayer], beside: Mapping[str, Any] | None = None
    ) -> None:
        self._model = model
        self._beside = dict(beside or {})
        self._seen: dict[str, Any] = {}
        self._layers = {layer.name: layer for layer in layers}
        self._paused = False
        self._in_a_pass = False

    def swap(
        self,
        source: Inputs,
        factor: str | Sequence[str],
        *,
        layer: str | None = None,
        beside: Mapping[str, Any] | None = None,
    ) -> None:
        """Give each example the factor of its donor: example i of a pass gets that of source i.

        The donors' activations are read at once, in one unedited pass in evaluation mode.

        Args:
            source: inputs of the model, as many as the examples of the passes to edit.
            factor: one factor or several.
            layer: one of the attached layers, instead of all.
            beside: what readings look at beside these inputs, such as the column of `token: {at: column}`.

        Raises:
            InputError: an unknown factor or layer, or activations that do not fit the interpreter.
        """
        factors = [factor] if isinstance(factor, str) else list(factor)
        chosen = self._chosen(layer, factors)
        self._paused = True
        try:
            donors = capture(self._model, source, {one.name: one for one in chosen}, beside)
        finally:
            self._paused = False
        for one in chosen:
            one.append_swap(donors[one.name], factors)

    def resample(self, factor: str, seed: int = 0, *, layer: str | None = None) -> None:
        """Draw the factor anew from its prior; every pass gets the draws of the same seed.

        Raises:
            InputError: an unknown factor or layer.
        """
        for one in self._chosen(layer, [factor]):
            one.append(partial(one.interpreter.resample, factor=factor, seed=seed))

    def edit(self, factor: str, to: Any, *, layer: str | None = None) -> None:
        """Set a concept to a label or a number.

        Raises:
            InputError: an unknown factor or layer. An unknown label is refused when a pass applies it.
        """
        for one in self._chosen(layer, [factor]):
            one.append(partial(one.interpreter.edit, factor=factor, to=to))

    def clear(self) -> None:
        """Forget all edits; the next passes are the model's own."""
        for one in self._layers.values():
            one.clear()

    def _chosen(self, layer: str | None, factors: Sequence[str]) -> list[EditedLayer]:
        if layer is not None and layer not in self._layers:
            known = list(self._layers)
            raise InputError(f"Layer {layer!r} is not attached.", fix=f"attached: {nearest(layer, known)}")
        chosen = [one for one in self._layers.values() if layer in (None, one.name)]
        for one in chosen:
            for factor in factors:
                if factor not in one.interpreter.blocks:
                    raise InputError(
                        f"The interpreter of layer {one.name!r} has no factor {factor!r}.",
                        fix=f"its factors: {', '.join(one.interpreter.blocks)}",
                    )
        return chosen

    def _hook(self, layer: EditedLayer) -> Callable[..., Any]:
        def insert(module: nn.Module, _: Any, activation: Any) -> Any:
            if self._paused or not layer.edits or not layer.is_its_call():
                return None
            edited = layer.apply(module, activation, {**self._seen, **self._beside})
            # Outside a pass of the whole model each call of a submodule is a pass of its own.
            layer.in_this_pass = self._in_a_pass
            if not self._in_a_pass:
                layer.begin()
            return edited

        return insert

    def _begin_pass(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._in_a_pass = not self._paused
        self._seen = named_inputs(model, args, kwargs)
        for layer in self._layers.values():
            layer.begin()

    def _end_pass(self, *_: Any) -> None:
        self._in_a_pass = False
        self._seen = {}
        for layer in self._layers.values():
            missed = bool(layer.edits) and not layer.in_this_pass and not self._paused
            layer.begin()
            layer.refuse_unapplied(missed, "the pass did not call the layer")


@contextmanager
def attached(
    interpreters: Editor | Sequence[Editor],
    model: nn.Module,
    layers: str | Sequence[str],
    readings: ReadingLike | Sequence[ReadingLike] = None,
    beside: Mapping[str, Any] | None = None,
) -> Iterator[Edits]:
    """Attach interpreters to layers of a model for a while; what is yielded sets the edits.

    The change T⁻¹(z̃′) − T⁻¹(z̃) of the rows is computed in float32 and added to the activation by
    the layer's reading. The model runs in the mode that it is in.

    Args:
        interpreters: one for each layer, or one for all.
        model: the network f; afterwards it is as before.
        layers: module names.
        readings: one for each layer, or one for all; left out, the one that the interpreter names in
            ``meta["reading"]``, else flatten.
        beside: what readings look at beside the inputs of the passes, such as the column of
            `token: {at: column}`.

    Raises:
        ModelError: no such module, or the context ends with an edit that no pass applied.
        InputError: numbers of layers and interpreters that differ, or a reading without a way back.
    """
    placed = _placed(interpreters, model, [layers] if isinstance(layers, str) else list(layers), readings)
    edits = Edits(model, placed, beside)
    with ExitStack() as stack:
        stack.callback(model.register_forward_pre_hook(edits._begin_pass, with_kwargs=True).remove)
        stack.enter_context(hooked(model, {one.name: edits._hook(one) for one in placed}))
        stack.callback(model.register_forward_hook(edits._end_pass).remove)
        yield edits
    for one in placed:
        one.refuse_unapplied(one.unapplied, "no pass followed it")


def _placed(
    interpreters: Editor | Sequence[Editor],
    model: nn.Module,
    names: list[str],
    readings: ReadingLike | Sequence[ReadingLike],
) -> list[EditedLayer]:
    each: list[Editor] = _one_each(interpreters, len(names))
    read: list[ReadingLike] = _one_each(readings, len(names))
    if not names or not len(names) == len(each) == len(read) == len(set(names)):
        raise InputError(
            f"{len(each)} interpreters and {len(read)} readings are given for the layers {names}.",
            fix="give one for all layers, or one for each, and each layer once",
        )
    return [_layer(model, *one) for one in zip(names, each, read, strict=True)]


def _one_each(value: T | Sequence[T], n: int) -> list[T]:
    return list(value) if isinstance(value, list | tuple) else [cast(T, value)] * n


def _layer(model: nn.Module, name: str, interpreter: Editor, reading: ReadingLike) -> EditedLayer:
    matching = module_names(model, [name])
    if matching != [name]:
        raise InputError(
            f"{name!r} is a pattern, not one layer.", fix=f"list the layers: {', '.join(matching[:5])}"
        )
    default = getattr(interpreter, "meta", {}).get("reading")
    layer = EditedLayer(name, interpreter, as_reading(default if reading is None else reading))
    if layer.call == "all":
        raise InputError(
            f"The reading {layer.reading.name!r} has rows of several calls: an edit is of one call.",
            where=f"layer {name!r}",
            fix="attach it at one call: reading={..., call: 0}",
        )
    if not layer.reading.editable:
        raise InputError(
            f"The reading {layer.reading.name!r} cannot put an edit back: not applicable, lossy.",
            where=f"layer {name!r}",
            fix="attach an interpreter of rows read by flatten, pool: mean or token",
        )
    return layer
