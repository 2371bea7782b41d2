"""All that can be known of a study without compute, every mistake at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import pandas as pd

from iin_core.errors import IinError
from iin_core.spec import PairSpec
from tasks.check_concepts import check_concepts
from tasks.check_gates import experiment_gate_problems, gate_problems, interval_problems
from tasks.check_output import output_problems
from tasks.check_width import few_rows, too_few_rows
from tasks.conditions import study_data
from tasks.errors import DamagedOutput, EnvironmentProblem, StudyError
from tasks.experiments.checking import experiment_cautions, experiment_problems
from tasks.output import ROOT_FILE, open_root
from tasks.plan import Plan, assemble, filled
from tasks.probe import ProbedModel, at, build_model, probe_model
from tasks.rows import split_table
from tasks.sources.data import Data
from tasks.study_file import LoadedStudy, each, together

T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """Something that a person should know before compute is spent.

    Args:
        level: an error keeps the study from running, a warning does not.
        what, where, fix: as in `IinError`.
        exit_code: of an error.
    """

    level: Literal["error", "warning"]
    what: str
    where: str = ""
    fix: str = ""
    exit_code: int = 2

    def __str__(self) -> str:
        lines = [f"{self.level}: {self.what}"]
        lines += [f"  where: {self.where}"] if self.where else []
        lines += [f"  to do: {self.fix}"] if self.fix else []
        return "\n".join(lines)


def check_study(loaded: LoadedStudy, root_url: str | None = None) -> list[Finding]:
    """Find whatever is wrong, or worth knowing, before any step.

    Args:
        loaded: the study.
        root_url: where outputs will lie; None leaves it unchecked.

    Returns:
        Errors first, then warnings; empty for a study in order.
    """
    _, errors, warnings = _examine(loaded, root_url)
    found = [Finding("error", e.what, e.where, e.fix, e.exit_code) for e in errors]
    return list(dict.fromkeys([*found, *warnings]))


def checked_plan(loaded: LoadedStudy, root_url: str | None = None) -> tuple[Plan, list[Finding]]:
    """The plan of a study without errors, and the warnings.

    The same as `check_study` and `make_plan`, with models and data opened once.

    Raises:
        StudyError: all that is wrong with the study.
        EnvironmentProblem, DamagedOutput: the study is right, but the root cannot be used.
    """
    plan, errors, warnings = _examine(loaded, root_url)
    wrong = [error for error in errors if not isinstance(error, EnvironmentProblem | DamagedOutput)]
    if wrong:
        raise together(wrong, where=loaded.path.name)
    if errors or plan is None:
        raise errors[0]
    return plan, warnings


def _examine(loaded: LoadedStudy, root_url: str | None) -> tuple[Plan | None, list[IinError], list[Finding]]:
    errors: list[IinError] = [*gate_problems(loaded), *_secrets(loaded)]
    warnings: list[Finding] = []
    data = _tried(errors, _open, loaded)
    plan = None
    if data is None:
        for name in loaded.study.models:
            _tried(errors, build_model, loaded, name)
    else:
        probed = _probe(loaded, data, errors)
        if len(probed) == len(loaded.study.models):
            plan = _tried(errors, assemble, loaded, data, probed)
        if plan is not None:
            errors += experiment_problems(loaded, plan)
            errors += experiment_gate_problems(loaded, plan)
            errors += interval_problems(loaded, plan)
            cautions = experiment_cautions(loaded, plan)
            warnings += [Finding("warning", found.what, found.where, found.fix) for found in cautions]
        for name, model in probed.items():
            errors += output_problems(loaded, name, model.built, data)
        table = _check_rows(loaded, data, errors, warnings)
        if plan is not None and table is not None:
            errors += too_few_rows(loaded, plan, int((table["split"] == "train").sum()))
            few = few_rows(plan, int((table["split"] == "heldout").sum()))
            warnings += [Finding("warning", few.what, loaded.where("data"), few.fix)] if few else []
    if root_url is not None:
        errors += _root_problems(root_url)
    return plan, [*{str(e): e for e in errors}.values()], warnings


def _tried(errors: list[IinError], do: Callable[..., T], *arguments: Any) -> T | None:
    try:
        return do(*arguments)
    except IinError as error:
        errors += each(error)
        return None


def _open(loaded: LoadedStudy) -> Data:
    with at(loaded, "data", "source"):
        data = study_data(loaded.study, loaded.folder)
        data.fingerprint()
    return data


def _probe(loaded: LoadedStudy, data: Data, errors: list[IinError]) -> dict[str, ProbedModel]:
    probed = {}
    for name in loaded.study.models:
        found = _tried(errors, probe_model, loaded, name, data)
        if found is not None:
            probed[name] = found
    return probed


def _check_rows(
    loaded: LoadedStudy, data: Data, errors: list[IinError], warnings: list[Finding]
) -> pd.DataFrame | None:
    table = _tried(errors, _split, loaded, data)
    if table is None:
        return None
    for name, entry in loaded.study.concepts.items():
        found = check_concepts(loaded, name, filled(entry.factors), table)
        errors += found.errors
        where = loaded.where("concepts", name)
        warnings += [Finding("warning", caution.what, where, caution.fix) for caution in found.cautions]
    errors += _disagreeing(loaded)
    return table


def _split(loaded: LoadedStudy, data: Data) -> pd.DataFrame:
    with at(loaded, "data", "split"):
        return split_table(data, loaded.study.data.split)


def _disagreeing(loaded: LoadedStudy) -> Iterator[StudyError]:
    """Two sets may share a concept, but not mean different columns by one name."""
    seen: dict[str, tuple[str, PairSpec]] = {}
    for concepts, entry in loaded.study.concepts.items():
        for name, spec in filled(entry.factors).items():
            first, other = seen.setdefault(name, (concepts, spec))
            if (other.kind, other.column, other.file) != (spec.kind, spec.column, spec.file):
                yield StudyError(
                    f"The concept {name!r} is {_meant(other)} in {first!r}, and {_meant(spec)} in "
                    f"{concepts!r}.",
                    where=loaded.where("concepts", concepts, "factors", name),
                    fix="give one of them another name",
                )


def _meant(spec: PairSpec) -> str:
    return f"pairs of {spec.file!r}" if spec.file is not None else f"{spec.kind} of column {spec.column!r}"


def _secrets(loaded: LoadedStudy) -> Iterator[StudyError]:
    """The text of a study is stored with its results and shown to whoever may read them."""
    if "@" in urlsplit(loaded.study.tracking.uri or "").netloc:
        yield StudyError(
            "The address of the tracking server holds a name or password.",
            where=loaded.where("tracking", "uri"),
            fix="take it out of the study; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
        )


def _root_problems(root_url: str) -> Iterator[IinError]:
    scheme, _, rest = root_url.rpartition("://")
    if scheme not in ("", "file", "local"):
        return  # opening a bucket is the first thing that a run does
    folder = Path(rest).expanduser().absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        yield EnvironmentProblem(
            f"The root {root_url!r} cannot be a folder: {str(there)!r} is a file.",
            where=str(folder),
            fix="give another place with --root or IIN_ROOT",
        )
    elif not os.access(there, os.W_OK | os.X_OK):
        yield EnvironmentProblem(
            f"The root {root_url!r} cannot be written.",
            where=str(there),
            fix="correct its permissions, or give another place with --root or IIN_ROOT",
        )
    elif (folder / ROOT_FILE).exists():
        try:
            open_root(root_url, create=False)
        except (EnvironmentProblem, DamagedOutput) as error:
            yield error
