"""The short ways of writing a study, made long, so that the schema itself stays strict.

Every function takes a node as written and returns the node that the schema expects; what it does
not recognise it leaves as it is, for the schema to refuse with the person's own field path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from iin_core.spec import FlowSpec, Spec, TrainingSpec
from tasks.study_lines import Node, Scalar

PUBLISHED = "published"
SOURCE_FIELDS = ("builtin", "import", "arguments", "checkpoint")
MODEL_FIELDS = ("layers", "head", "decoder", "reader", "fit", "checkpoints")


def expand(root: Node) -> Node:
    """The whole study in its long form."""
    root = _one_model(root)
    root = _at(root, "data", _data)
    root = _each(root, "models", _model)
    root = _each(root, "concepts", _concept_set)
    root = _settings(root)
    root = _at(root, "experiments", _experiments)
    root = _at(root, "overrides", _overrides)
    return _at(root, "seeds", _listed)


def _scalar(like: Node, value: Scalar) -> Node:
    return Node(value, like.line, like.field)


def _mapping(like: Node, **children: Node) -> Node:
    return Node(children, like.line, like.field)


def _at(node: Node, key: str, change: Callable[[Node], Node]) -> Node:
    if not isinstance(node.value, dict) or key not in node.value:
        return node
    return replace(node, value={**node.value, key: change(node.value[key])})


def _each(node: Node, key: str, change: Callable[[Node], Node]) -> Node:
    def change_all(section: Node) -> Node:
        if not isinstance(section.value, dict):
            return section
        return replace(section, value={name: change(child) for name, child in section.value.items()})

    return _at(node, key, change_all)


def _listed(node: Node) -> Node:
    """`0` → `[0]`."""
    return node if isinstance(node.value, (tuple, dict)) else replace(node, value=(node,))


def _one_model(root: Node) -> Node:
    """`model:` with `layers:` and so on at the top → `models: {model: …}`."""
    top = root.value
    if not isinstance(top, dict) or "model" not in top or "models" in top:
        return root
    model = _with_source(top["model"])
    fields = {key: top[key] for key in MODEL_FIELDS if key in top}
    if isinstance(model.value, dict):
        model = replace(model, value={**fields, **model.value})
    rest = {key: child for key, child in top.items() if key not in ("model", *MODEL_FIELDS)}
    return replace(root, value={**rest, "models": _mapping(model, model=model)})


def _source(node: Node) -> Node:
    """`name` → `{builtin: name}`; `package.module:factory` → `{import: …}`."""
    if not isinstance(node.value, str):
        return node
    return _mapping(node, **{"import" if ":" in node.value else "builtin": node})


def _with_source(node: Node) -> Node:
    """A source alone, or source fields beside others → `{source: {…}, …}`."""
    if isinstance(node.value, str):
        return _mapping(node, source=_source(node))
    if not isinstance(node.value, dict):
        return node
    if "source" in node.value:
        return _at(node, "source", _source)
    inner = {key: child for key, child in node.value.items() if key in SOURCE_FIELDS}
    outer = {key: child for key, child in node.value.items() if key not in SOURCE_FIELDS}
    return replace(node, value={"source": replace(node, value=inner), **outer}) if inner else node


def _data(node: Node) -> Node:
    return _with_source(node)


def _model(node: Node) -> Node:
    node = _with_source(node)
    node = _at(node, "layers", _layers)
    node = _at(node, "head", _head)
    return _at(node, "reader", lambda reader: _at(_with_source(reader), "probe", _listed))


def _layers(node: Node) -> Node:
    """`[a, b]` → `{a: {}, b: {}}`; each value a reading → `{reading: …}`."""
    if isinstance(node.value, tuple) and all(isinstance(child.value, str) for child in node.value):
        return replace(node, value={str(child.value): _mapping(child) for child in node.value})
    if isinstance(node.value, dict):
        return replace(node, value={name: _layer(child) for name, child in node.value.items()})
    return node


def _layer(node: Node) -> Node:
    if node.value is None:
        return _mapping(node)
    if isinstance(node.value, dict):
        if "reading" in node.value:
            return _at(node, "reading", _reading)
        return _mapping(node, reading=node) if node.value else node
    return _mapping(node, reading=_reading(node))


def _reading(node: Node) -> Node:
    return _mapping(node, flatten=_scalar(node, True)) if node.value == "flatten" else node


def _head(node: Node) -> Node:
    """`digit`, `[digit, …]` or `{digit: output key, …}` → the list of heads."""
    if isinstance(node.value, tuple):
        return replace(node, value=tuple(_one_head(child) for child in node.value))
    if not isinstance(node.value, dict) or "concept" in node.value:
        return replace(node, value=(_one_head(node),))
    heads = []
    for concept, child in node.value.items():
        rest = (
            child.value if isinstance(child.value, dict) else {} if child.value is None else {"output": child}
        )
        heads.append(_mapping(child, concept=_scalar(child, concept), **rest))
    return replace(node, value=tuple(heads))


def _one_head(node: Node) -> Node:
    return _mapping(node, concept=node) if isinstance(node.value, str) else node


def _concept_set(node: Node) -> Node:
    """`{digit: label}` or `[digit]` → `{factors: {digit: {kind: label}}}`."""
    if node.value is None:
        return _mapping(node)
    if isinstance(node.value, str):
        node = _listed(node)
    if isinstance(node.value, tuple):
        if not all(isinstance(child.value, str) for child in node.value):
            return node
        factors = {str(child.value): _mapping(child) for child in node.value}
        return _mapping(node, factors=replace(node, value=factors))
    if not isinstance(node.value, dict):
        return node
    inner = node.value.get("factors")
    if inner is not None and len(node.value) == 1 and isinstance(inner.value, dict):
        return _at(node, "factors", _factors)
    return _mapping(node, factors=_factors(node))


def _factors(node: Node) -> Node:
    if not isinstance(node.value, dict):
        return node
    return replace(node, value={name: _factor(child) for name, child in node.value.items()})


def _factor(node: Node) -> Node:
    if node.value is None:
        return _mapping(node)
    return _mapping(node, kind=node) if isinstance(node.value, str) else _at(node, "given", _listed)


def _settings(node: Node) -> Node:
    """The words of a study, or of one of its overrides, for whole groups of settings."""
    node = _at(node, "evaluation", _evaluation)
    for key, spec in (("training", TrainingSpec.published()), ("flow", FlowSpec.published())):
        node = _at(node, key, partial(_published, spec))
    return node


def _published(spec: Spec, node: Node) -> Node:
    """`published` → every setting as in the paper's reference implementation."""
    return _written(node, spec.model_dump(mode="json")) if node.value == PUBLISHED else node


def _written(like: Node, value: Any) -> Node:
    """Plain values as nodes that stand where `like` stands."""
    if isinstance(value, dict):
        return _mapping(like, **{name: _written(like, child) for name, child in value.items()})
    if isinstance(value, list):
        return replace(like, value=tuple(_written(like, child) for child in value))
    return _scalar(like, value)


def _evaluation(node: Node) -> Node:
    """`full` → `{level: full}`."""
    return _mapping(node, level=node) if isinstance(node.value, str) else node


def _experiments(node: Node) -> Node:
    """`response`, `[response, {walks: …}]` → `{response: {}, walks: …}`; a name alone has its defaults."""
    if isinstance(node.value, str):
        node = _listed(node)
    if isinstance(node.value, tuple):
        entries: dict[str, Node] = {}
        for child in node.value:
            if isinstance(child.value, str):
                entries[child.value] = _mapping(child)
            elif isinstance(child.value, dict):
                entries |= child.value
            else:
                return node
        node = replace(node, value=entries)
    if not isinstance(node.value, dict):
        return node
    asked = {name: _mapping(child) if child.value is None else child for name, child in node.value.items()}
    return replace(node, value=asked)


def asked_twice(root: Node) -> Iterator[tuple[str, Node]]:
    """The experiments that a list of them, as it is written, names again, and where."""
    section = root.get("experiments")
    seen: set[str] = set()
    for child in section.value if section is not None and isinstance(section.value, tuple) else ():
        names = {child.value: child} if isinstance(child.value, str) else child.value
        for name, node in names.items() if isinstance(names, dict) else ():
            if name in seen:
                yield name, node
            seen.add(name)


def _overrides(node: Node) -> Node:
    if not isinstance(node.value, tuple):
        return node
    return replace(node, value=tuple(_estimator(_settings(child)) for child in node.value))


def _estimator(override: Node) -> Node:
    """`dimensions: rank` → `estimator: rank`; a mapping is dimensions by hand."""
    if not isinstance(override.value, dict) or "dimensions" not in override.value:
        return override
    rest = {key: child for key, child in override.value.items() if key != "dimensions"}
    given = override.value["dimensions"]
    return replace(override, value={**rest, "estimator": given}) if isinstance(given.value, str) else override
