"""Reading the arguments of data sources that the package brings along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from iin_core.errors import nearest
from iin_core.spec import Spec
from tasks.errors import StudyError

WHERE = "data.source.arguments"
AnySpec = TypeVar("AnySpec", bound=Spec)


def read_spec(kind: type[AnySpec], arguments: Mapping[str, Any], name: str, page: str = "data.md") -> AnySpec:
    """The arguments of a source, all of them.

    Args:
        kind: what they make.
        arguments: as the study has them.
        name: of the source.
        page: of the docs that shows them.

    Raises:
        StudyError: one is missing, unknown or of another kind.
    """
    try:
        return kind.model_validate(dict(arguments))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        known = list(kind.model_fields)
        near = f"nearest: {nearest(place, known)}; " if first["type"] == "extra_forbidden" else ""
        raise StudyError(
            f"The arguments of `{name}` are not right: {first['msg'].removeprefix('Value error, ')}.",
            where=f"{WHERE}{f'.{place}' if place else ''}",
            fix=f"{near}they are {', '.join(known)}; docs/{page} shows them",
        ) from error
