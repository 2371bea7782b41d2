"""The steps of a study in this process: the workers' own functions, called one after another, without Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from iin_core.errors import IinError
from iin_core.interpreter import Interpreter
from tasks.calls import Call, Cluster, Failure, OnDone, ignore
from tasks.dimensions import estimate
from tasks.evaluate import evaluate
from tasks.experiment import experiment
from tasks.experiments.sealing import Sealed, read_found
from tasks.extract import extract
from tasks.layer_rows import LayerRows, load_layer_rows
from tasks.output import Root, open_root
from tasks.plan import Plan, Unit, make_plan
from tasks.prepare import prepare
from tasks.rows import make_rows
from tasks.study import ResourceSpec
from tasks.study_file import LoadedStudy
from tasks.train_worker import train_and_seal


class InProcess:
    """Stands where a `Cluster` does."""

    def run(
        self,
        function: Callable[..., Any],
        calls: Sequence[Call],
        *,
        resource: ResourceSpec,
        on_done: OnDone = ignore,
    ) -> list[Failure]:
        """Run a function once for each call, here."""
        failures = []
        for call in calls:
            try:
                value = function(*call.args)
            except IinError as error:
                failures.append(Failure(call, error))
            else:
                on_done(call, value)
        return failures

    def run_actors(
        self,
        kind: type,
        init: tuple[Any, ...],
        calls: Sequence[Call],
        *,
        resource: ResourceSpec,
        on_done: OnDone = ignore,
    ) -> list[Failure]:
        """The same with one instance of a class."""
        return self.run(kind(*init), calls, resource=resource, on_done=on_done)


Made = Callable[[LayerRows, Unit], Interpreter]


def run_here(loaded: LoadedStudy, folder: Path, made: Made | None = None) -> tuple[Plan, Root]:
    """Do all steps of a study in this process, experiments included; the report is left out.

    Args:
        loaded: the study.
        folder: of the root.
        made: gives each unit's IIN; when left out they are trained.
    """
    plan, root = make_plan(loaded), open_root(str(folder))
    here = cast("Cluster", InProcess())
    make_rows(plan, root)
    for step in (prepare, extract, estimate):
        step(plan, root, here)
    for unit in plan.units:
        if made is not None:
            seal_interpreter(plan, root, unit, made)
            continue
        for failed in train_and_seal(str(folder), plan.rows.key, [unit], (False, 60.0)):
            raise failed.error
    evaluate(plan, root, here, lambda *_: None)
    experiment(plan, root, here)
    return plan, root


def seal_interpreter(plan: Plan, root: Root, unit: Unit, made: Made) -> None:
    """Seal an IIN that was not trained as a unit's."""
    rows = load_layer_rows(root, plan.rows.key, unit.layer.extract.key)
    with root.begin(unit.train) as attempt:
        made(rows, unit).save(str(attempt.path / "interpreter"))
        (attempt.path / "curves.csv").write_text("update,loss,nll_train,nll_validation\n0,1.0,1.0,1.0\n")
        attempt.seal({"updates": 0}, times={})


def found_here(loaded: LoadedStudy, folder: Path, made: Made | None = None) -> dict[str, Sealed]:
    """What each experiment of a study with one unit for each found, by name."""
    plan, root = run_here(loaded, folder, made)
    return {
        planned.name: read_found(root.open("experiments", planned.step.key)) for planned in plan.experiments
    }
