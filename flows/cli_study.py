"""`iin init`, `check`, `layers`, `plan`: all that needs no compute but at most one forward pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import console
from flows.options import Json, RootUrl, StudyFile
from flows.settings import local_path, prepare_environment, resolve
from flows.starting import EXAMPLES, write_study

if TYPE_CHECKING:
    from tasks.output import Root


def init(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The study's name.")] = None,
    example: Annotated[
        str, typer.Option("--from", metavar="EXAMPLE", help=f"The example: {', '.join(EXAMPLES)}.")
    ] = "digits",
) -> None:
    """Write a commented study file to start from."""
    written = write_study(Path.cwd(), name, example)
    for path in written:
        console.say(f"wrote {path.name}")
    console.say(f"next: iin check {written[0].name}")


def check(study: StudyFile, root: RootUrl = None, as_json: Json = False) -> None:
    """Validate a study without any compute.

    Ends with 2 and all mistakes, or says what the study needs.
    """
    from flows.checking import check_space
    from tasks.check import checked_plan
    from tasks.study_file import load_study

    url = resolve(root=root).root
    prepare_environment(url)
    plan, warnings = checked_plan(load_study(study), url)
    needed = check_space(plan, url)
    facts = {
        "study": plan.study.name,
        "models": len(plan.models),
        "layers": sum(len(model.layers) for model in plan.models),
        "units": len(plan.units),
        "steps": len(plan.steps()),
        "bytes_on_disk": needed.disk,
        "bytes_of_memory": needed.memory,
        "warnings": [vars(warning) for warning in warnings],
    }
    if as_json:
        console.show_json(facts)
        return
    for warning in warnings:
        console.note(warning)
    console.say(
        f"{plan.study.name} is in order; models: {facts['models']}, layers: {facts['layers']}, "
        f"units: {facts['units']}; about {console.size(needed.disk)} on disk, "
        f"{console.size(needed.memory)} of memory"
    )


def layers(study: StudyFile, as_json: Json = False) -> None:
    """List the modules of a study's models.

    Type, activation, features under each reading, bytes for the whole data set.
    """
    from flows.layers import list_layers
    from tasks.study_file import load_study

    prepare_environment(resolve().root)
    listed = list_layers(load_study(study))
    if as_json:
        console.show_json([row.facts() for row in listed])
        return
    for model in dict.fromkeys(row.model for row in listed):
        console.show_table(
            ["layer", "type", "shape", "features (N)", "bytes", "note"],
            [
                (row.layer, row.type, row.shape_text(), row.features_text(), row.bytes_text(), row.note)
                for row in listed
                if row.model == model
            ],
            title=f"model {model}",
        )
    console.say("flatten is lossless; pool: max cannot be edited, the others edit what they read")


def plan(study: StudyFile, root: RootUrl = None, as_json: Json = False) -> None:
    """Show what a run would do, and why.

    Steps are new, reused or stale; for stale ones the field that changed is named.
    """
    from flows.planning import steps_of, totals
    from tasks.check import checked_plan
    from tasks.study_file import load_study

    url = resolve(root=root).root
    prepare_environment(url)
    loaded = load_study(study)
    if not as_json:
        console.note("reading the models and the data (one forward pass of a few examples) ...")
    planned, _ = checked_plan(loaded, url)
    there = _existing(url)
    steps = steps_of(planned, there)
    summary = totals(planned, steps, there)
    if as_json:
        console.show_json(
            {"study": planned.study.name, "steps": [vars(step) for step in steps], "totals": summary}
        )
        return
    console.show_table(
        ["step", "what", "state", "size", "takes", "why"],
        [
            (step.step, step.label, step.state, step.size_text(), step.seconds_text(), step.why)
            for step in steps
        ],
        title=f"study {planned.study.name}",
    )
    console.say(
        f"{summary['new']} new, {summary['stale']} stale, {summary['reused']} reused; "
        f"{summary['units_to_train']} of {len(planned.units)} units to train, "
        f"{summary['updates']:,} updates; "
        f"about {console.duration(summary['seconds_of_evaluation'])} of one core to evaluate; "
        f"{_experiments(summary)}"
        f"{console.size(summary['bytes_to_write'])} of activations to write; "
        f"about {console.size(summary['bytes_of_memory'])} of memory to train the largest group, of "
        f"{summary['units_of_largest_group']} units"
    )


def _experiments(summary: dict[str, int]) -> str:
    """What the experiments take, as far as it is known; nothing where there are none to be done."""
    seconds, unknown = summary["seconds_of_experiments"], summary["experiments_of_unknown_time"]
    estimated = summary["experiments_estimated"]
    told = f"by estimate where they never ran here ({estimated})" if estimated else "as they took before"
    known = f"about {console.duration(seconds)} for experiments, {told}; " if seconds else ""
    return known + (f"{unknown} experiments that never ran here take an unknown time; " if unknown else "")


def _existing(url: str) -> Root | None:
    """The root, if there is one: looking at a plan makes no folder."""
    from tasks.output import open_root

    path = local_path(url)
    if path is not None and not (path / "iin.json").exists():
        return None
    return open_root(url, create=False)
