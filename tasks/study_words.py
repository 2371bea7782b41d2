"""What is wrong with a field of a study, in words for the person who wrote it."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from iin_core.errors import nearest
from iin_core.spec import Spec
from tasks.study_lines import Loc


class Words(NamedTuple):
    """What is wrong, and what to do."""

    what: str
    fix: str


_EXAMPLES = {
    "SourceSpec": "name a built-in, or {import: package.module:factory}",
    "ReadingSpec": "write flatten, {pool: mean}, {token: cls, last, mean or each}, {token: {at: column}} "
    "or {position: each}",
    "LayerSpec": "write flatten, {pool: mean}, {token: cls, last, mean or each}, {token: {at: column}} "
    "or {position: each}",
    "DataSpec": "name a built-in data set, or {import: package.module:factory}",
    "PairSpec": "write label, numeric, {kind: label, column: name, rho: 0.9}, pairs "
    "or {kind: pairs, file: x.csv}",
    "ConceptSetSpec": "name concepts and their kind: {digit: label, size: numeric}, or {} for none",
    "ModelSpec": "give it a source and layers: {source: {import: package.module:factory}, layers: [name]}",
    "HeadSpec": "name the concept that the output classifies: head: digit",
    "ExperimentsSpec": "name experiments, [layers], or give each its settings: {layers: {model: net}}",
}
_NUMBER_WORDS = {
    "greater_than": ("gt", "larger than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "smaller than"),
    "less_than_equal": ("le", "at most"),
}
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of fields",
    "model_attributes_type": "a mapping of fields",
}
_PATTERNS = {
    "import": "write `package.module:name`, for example torchvision.models:resnet18",
    "name": "use letters, digits, - and _, at most 80, starting with a letter or digit",
}


def explain(detail: Mapping[str, Any], model: type[Spec], loc: Loc) -> Words:
    """Words for one of pydantic's errors.

    Args:
        detail: an entry of ``ValidationError.errors()``.
        model: the schema that was validated.
        loc: where, from `model`.
    """
    name = _field_name(loc)
    if detail["type"] in _NUMBER_WORDS:
        return _bound(detail, name)
    if detail["type"] in _WANTED:
        return _wanted(detail, model, loc)
    special = _SPECIAL.get(detail["type"])
    if special is not None:
        return special(detail, model, loc)
    return Words(f"The field {name} is not valid: {detail['msg']}.", "see docs/study-file.md")


def fields_at(model: Any, loc: Loc) -> list[str]:
    """The names that a mapping of fields at `loc` may have; empty where any name is allowed."""
    spec = spec_at(model, loc)
    if spec is None:
        return []
    return [info.alias or name for name, info in spec.model_fields.items()]


def spec_at(annotation: Any, loc: Loc) -> type[Spec] | None:
    """The schema of the value at `loc` below `annotation`."""
    annotation = _bare(annotation)
    is_spec = isinstance(annotation, type) and issubclass(annotation, Spec)
    if not loc:
        return annotation if is_spec else None
    if is_spec:
        for name, info in annotation.model_fields.items():
            if loc[0] in (name, info.alias):
                return spec_at(info.annotation, loc[1:])
        return None
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return spec_at(arguments[1], loc[1:])
    return spec_at(arguments[0], loc[1:]) if get_origin(annotation) is tuple else None


def _bare(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (types.UnionType, typing.Union):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _bare(kinds[0])
    return annotation


def _field_name(loc: Loc) -> str:
    names = [step for step in loc if isinstance(step, str)]
    return repr(names[-1]) if names else "here"


def _shown(value: Any) -> str:
    text = "nothing" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    if isinstance(value, dict):
        text = "a mapping"
    if isinstance(value, (list, tuple)):
        text = "a list"
    return text if len(text) <= 60 else text[:57] + "..."


def _bound(detail: Mapping[str, Any], name: str) -> Words:
    key, words = _NUMBER_WORDS[detail["type"]]
    limit = detail["ctx"][key]
    return Words(f"The field {name} is {_shown(detail['input'])}.", f"give a number {words} {limit}")


def _wanted(detail: Mapping[str, Any], model: type[Spec], loc: Loc) -> Words:
    value, wanted = detail["input"], _WANTED[detail["type"]]
    what = f"The field {_field_name(loc)} is {_shown(value)}, but {wanted} is needed."
    spec = spec_at(model, loc)
    if spec is not None and spec.__name__ in _EXAMPLES:
        return Words(what, _EXAMPLES[spec.__name__])
    if value is None:
        return Words(what, "write a value after the colon, or take the field out to get its default")
    if wanted == "text" and isinstance(value, (int, float)):
        shown = str(value).lower() if isinstance(value, bool) else value
        return Words(what, f'put it in quotes if you mean the text: "{shown}"')
    if spec is not None:
        return Words(what, f"write fields below it: {', '.join(fields_at(model, loc))}")
    return Words(what, f"write {wanted}")


def _unknown(detail: Mapping[str, Any], model: type[Spec], loc: Loc) -> Words:
    known = fields_at(model, loc[:-1])
    close = nearest(str(loc[-1]), known)
    if loc[:-1] == ("experiments",):
        return Words(
            f"There is no experiment {_field_name(loc)}.", f"nearest: {close} (all: {', '.join(known)})"
        )
    return Words(
        f"The field {_field_name(loc)} is not known here.", f"nearest: {close} (all: {', '.join(known)})"
    )


def _missing(detail: Mapping[str, Any], model: type[Spec], loc: Loc) -> Words:
    spec = spec_at(model, loc)
    fix = _EXAMPLES.get(spec.__name__ if spec else "", "add it")
    if loc == ("models",):
        fix = "name the models, or give `model:` and `layers:` for a single one"
    if loc == ("concepts",):
        fix = "name a set of concepts: {concepts: {digit+colour: {digit: label, colour: label}}}"
    if loc == ("iin",):
        fix = "write `iin: 1`, the version of the study format"
    return Words(f"The field {_field_name(loc)} is missing.", fix)


def _literal(detail: Mapping[str, Any], model: type[Spec], loc: Loc) -> Words:
    known = re.findall(r"'([^']*)'", detail["ctx"]["expected"]) or [detail["ctx"]["expected"]]
    what = f"The field {_field_name(loc)} cannot be {_shown(detail['input'])}."
    if loc == ("iin",):
        return Words(what, "this version reads study format 1: write `iin: 1`, or install a newer iin")
    if loc[-1:] in (("dimensions",), ("estimator",)):
        what = f"The field 'dimensions' cannot be {_shown(detail['input'])}."
        by_hand = "overrides: [{concepts: digit+colour, dimensions: {digit: 8, colour: 4}}]"
        return Words(what, f"write {', '.join(known)}, or give dimensions by hand with {by_hand}")
    if len(known) == 1:
        return Words(what, f"write {known[0].lower()}")
    close = nearest(str(detail["input"]), known, n=1)
    return Words(what, f"nearest: {close} (all: {', '.join(known)})")


def _pattern(detail: Mapping[str, Any], model: type[Spec], loc: Loc) -> Words:
    value = _shown(detail["input"])
    fix = _PATTERNS.get(str(loc[-1]), "use printable characters without slashes")
    return Words(f"The field {_field_name(loc)} cannot be {value}.", fix)


def _own(detail: Mapping[str, Any], model: type[Spec], loc: Loc) -> Words:
    text = str(detail["ctx"]["error"])
    spec = spec_at(model, loc)
    fix = _EXAMPLES.get(spec.__name__ if spec else "", "change it so that this holds")
    where = f"{_field_name(loc)}: " if loc else ""
    return Words(f"{where}{text}.", fix)


def _too_short(detail: Mapping[str, Any], model: type[Spec], loc: Loc) -> Words:
    spec = spec_at(model, (*loc, "any"))
    fix = _EXAMPLES.get(spec.__name__ if spec else "", "give at least one entry, or take the field out")
    return Words(f"The field {_field_name(loc)} is empty.", fix)


def _too_long(detail: Mapping[str, Any], model: type[Spec], loc: Loc) -> Words:
    limit = detail["ctx"]["max_length"]
    return Words(f"The field {_field_name(loc)} is too long.", f"give at most {limit}")


def _not_finite(detail: Mapping[str, Any], model: type[Spec], loc: Loc) -> Words:
    return Words(f"The field {_field_name(loc)} is not a finite number.", "write a finite number")


_SPECIAL: dict[str, Callable[[Mapping[str, Any], type[Spec], Loc], Words]] = {
    "extra_forbidden": _unknown,
    "missing": _missing,
    "literal_error": _literal,
    "string_pattern_mismatch": _pattern,
    "value_error": _own,
    "too_short": _too_short,
    "string_too_short": _too_short,
    "too_long": _too_long,
    "string_too_long": _too_long,
    "finite_number": _not_finite,
}
