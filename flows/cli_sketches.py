"""`iin preview`: a look at what sketches make of images, before anything is trained."""

from __future__ import annotations

from typing import Annotated

import typer

from flows import console
from flows.options import Json, RootUrl, StudyFile
from flows.settings import prepare_environment, resolve


def preview(
    study: StudyFile,
    root: RootUrl = None,
    images: Annotated[int, typer.Option("--images", min=1, max=40, help="How many images are shown.")] = 10,
    as_json: Json = False,
) -> None:
    """Show what a study's sketches make of its images.

    Redraws a few images and writes a page, before anything is trained.
    """
    from tasks.output import open_root
    from tasks.preview import preview_facts, write_preview
    from tasks.study_file import load_study

    url = resolve(root=root).root
    prepare_environment(url)
    made = write_preview(load_study(study), open_root(url), images)
    if as_json:
        console.show_json(preview_facts(made))
        return
    for caution in made.cautions:
        console.note(f"caution: {caution}")
    console.say(str(made.path))
