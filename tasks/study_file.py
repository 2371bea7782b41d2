"""Reading a study file: every mistake in it at once, each with line, field and what to write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from iin_core.errors import IinError
from iin_core.spec import Spec
from tasks.errors import StudyError
from tasks.study import Study
from tasks.study_checkpoints import with_checkpoints
from tasks.study_lines import Loc, Node, locate, plain, read_nodes
from tasks.study_shorthand import asked_twice, expand
from tasks.study_words import explain

S = TypeVar("S", bound=Spec)


@dataclass(frozen=True)
class LoadedStudy:
    """A valid study with the text it was read from."""

    study: Study
    path: Path
    folder: Path
    """Where relative paths and import paths of the study start."""
    text: str
    root: Node = field(repr=False)

    def where(self, *loc: str | int) -> str:
        """`file:line field` of a field of the long form, or of the nearest thing written around it."""
        return place(self.path.name, self.root, loc)


def load_study(path: str | Path) -> LoadedStudy:
    """Read and validate a study file.

    Raises:
        StudyError: the file cannot be read or holds mistakes; all of them are listed.
    """
    path = Path(path)
    data = _read(path)
    written = read_nodes(data, path.name)
    _refuse_twice(written, path.name)
    root = with_checkpoints(expand(written), path.resolve().parent, path.name)
    study = _validated(root, path.name)
    problems = [*_override_problems(study, root, path.name)]
    if problems:
        raise together(problems, where=path.name)
    return LoadedStudy(study, path, path.resolve().parent, data.decode("utf-8-sig"), root)


def place(name: str, root: Node, loc: Loc) -> str:
    """`file:line field` of the deepest node that exists along `loc`."""
    node, _ = locate(root, loc)
    return f"{name}:{node.line} {node.field}".rstrip()


class Mistakes(StudyError):
    """Several mistakes at once."""

    parts: tuple[IinError, ...] = ()


def together(problems: Sequence[IinError], *, where: str) -> StudyError:
    """One error that lists several; a single one stays itself."""
    parts = [part for problem in problems for part in each(problem)]
    if len(parts) == 1 and isinstance(parts[0], StudyError):
        return parts[0]
    entries = []
    for i, problem in enumerate(parts, start=1):
        lines = [f"{i}. {problem.what}"]
        lines += [f"   where: {problem.where}"] if problem.where else []
        lines += [f"   to do: {problem.fix}"] if problem.fix else []
        entries.append("\n".join(lines))
    what = f"The study has {len(parts)} mistakes.\n" + "\n".join(entries)
    mistakes = Mistakes(what, where=where, fix="correct all of them, then run `iin check` again")
    mistakes.parts = tuple(parts)
    return mistakes


def each(problem: IinError) -> tuple[IinError, ...]:
    """The single errors that an error of `together` lists; any other is its own."""
    return problem.parts if isinstance(problem, Mistakes) and problem.parts else (problem,)


def _refuse_twice(written: Node, name: str) -> None:
    for entry, again in asked_twice(written):
        raise StudyError(
            f"The experiment {entry!r} is asked for twice.",
            where=f"{name}:{again.line} {again.field}",
            fix="keep one of them; to do it on several models, layers or concepts use globs",
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise StudyError(
            f"There is no study file {str(path)!r}.",
            where=str(path),
            fix="`iin init` writes one to start from",
        ) from None
    except IsADirectoryError:
        raise StudyError(
            f"{str(path)!r} is a folder, not a study file.",
            where=str(path),
            fix=f"name the file in it, for example {str(path / 'study.yaml')!r}",
        ) from None
    except OSError as error:
        raise StudyError(
            f"The study file cannot be read: {error.strerror}.", where=str(path), fix="check its permissions"
        ) from error


def _validated(root: Node, name: str) -> Study:
    # Through JSON: strict validation of Python objects would refuse lists where tuples are meant.
    try:
        return Study.model_validate_json(json.dumps(plain(root)))
    except ValidationError as error:
        problems = sorted(_problems(error, Study, root, name), key=_line)
        raise together(problems, where=name) from None


def _line(problem: StudyError) -> int:
    return int(problem.where.split(" ")[0].rpartition(":")[2])


def _problems(
    error: ValidationError, model: type[Spec], root: Node, name: str, at: Loc = ()
) -> Iterator[StudyError]:
    details = error.errors(include_url=False)
    for detail in details:
        loc: Loc = tuple(detail["loc"])
        inside = [other for other in details if other["loc"][: len(loc)] == loc != other["loc"]]
        if detail["type"] == "too_short" and inside:
            continue  # pydantic counts only the entries that are right; the wrong ones are told of
        if loc[-1:] == ("[key]",):
            loc = loc[:-1]
        words = explain(detail, model, loc)
        yield StudyError(words.what, where=place(name, root, (*at, *loc)), fix=words.fix)


def _override_problems(study: Study, root: Node, name: str) -> Iterator[StudyError]:
    """The settings of overrides are partial, so each is checked merged into the study's own."""
    for i, override in enumerate(study.overrides):
        parts: tuple[tuple[str, Spec, dict[str, Any]], ...] = (
            ("training", study.training, override.training),
            ("flow", study.flow, override.flow),
            ("evaluation", study.evaluation, override.evaluation),
        )
        for key, spec, changes in parts:
            try:
                merged(spec, changes)
            except ValidationError as error:
                yield from _problems(error, type(spec), root, name, at=("overrides", i, key))


def merged(spec: S, changes: dict[str, Any]) -> S:
    """`spec` with some fields changed, validated as if it had been written so."""
    return type(spec).model_validate_json(json.dumps({**spec.model_dump(by_alias=True), **changes}))
