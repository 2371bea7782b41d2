"""How large a page becomes, whatever the study holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from iin_core.metrics.score import Score
from tasks.experiments.found import Drawn, Found
from tasks.output import open_root
from tasks.planned import PlannedExperiment
from tasks.report.experiment_facts import ExperimentFacts
from tasks.report.facts import StudyFacts, UnitFacts, read_facts
from tasks.report.page import MOST, render
from tests.tasks.html_page import Page
from tests.tasks.report_experiments_world import experiments_world

pytestmark = pytest.mark.slow

N_LAYERS, SETS, SEEDS = 12, ("digit+colour", "digit", "brightness"), (0, 1, 2)
PER_UNIT = 8
"""Experiments of each unit: as many as a study can ask for."""


def _noise(label, folder) -> Found:
    """Three pictures that nothing makes smaller, of 50 kB as those of experiments are, and their table."""
    from PIL import Image

    random = np.random.default_rng(0)
    for i in range(3):
        pixels = random.integers(0, 256, (128, 128, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    table = pd.DataFrame(random.normal(size=(100, 6)), columns=list("abcdef"))
    drawn = [Drawn(f"{i}.png", "A picture of noise.", "Noise.", table="t") for i in range(3)]
    return Found({"a": Score(0.5)}, {"t": table}, drawn, ["How to read it.", "It is noise."])


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Iterator[StudyFacts]:
    """12 layers × 3 concept sets × 3 seeds, each with the figures, tables and experiments of a usual unit."""
    root = open_root(str(tmp_path_factory.mktemp("root")))
    with experiments_world(root, tmp_path_factory.mktemp("drawn"), _noise) as world:
        yield _grown(read_facts(world.plan, root))


def _grown(small: StudyFacts) -> StudyFacts:
    found = next(entry for entry in small.experiments if entry.planned.unit is not None)
    model = small.plan.models[0]
    layers = tuple(
        dataclasses.replace(
            model.layers[0],
            layer=f"layer{i}",
            index=i,
            extract=dataclasses.replace(model.layers[0].extract, label=f"{i:02d} layer{i}"),
        )
        for i in range(1, N_LAYERS + 1)
    )
    units = tuple(_units(small, layers))
    plan = dataclasses.replace(
        small.plan,
        models=(dataclasses.replace(model, layers=layers),),
        units=tuple(facts.unit for facts in units),
        experiments=(),
    )
    experiments = tuple(_of(found, facts) for facts in units for _ in range(PER_UNIT))
    return dataclasses.replace(small, plan=plan, units=units, experiments=experiments)


def _units(small: StudyFacts, layers) -> Iterator[UnitFacts]:
    for layer in layers:
        for concepts in SETS:
            like = next(facts for facts in small.units if facts.unit.concepts == concepts)
            for seed in SEEDS:
                headline = (layer.index, concepts, seed) == (7, SETS[0], 0)
                budget = "full" if headline else "short"
                settings = dataclasses.replace(
                    like.unit.settings, layer=layer, seed=seed, headline=headline, budget=budget
                )
                yield dataclasses.replace(like, unit=dataclasses.replace(like.unit, settings=settings))


def _of(found: ExperimentFacts, facts: UnitFacts) -> ExperimentFacts:
    planned: PlannedExperiment = dataclasses.replace(found.planned, unit=facts.unit)
    return dataclasses.replace(found, planned=planned)


def test_a_large_study_stays_below_its_bytes_and_says_what_it_left_out(large) -> None:
    """The headline unit is whole, every unit is there with its numbers, and each that was cut says so."""
    text = render(large)
    assert 0.9 * MOST < len(text.encode()) <= MOST <= 12_000_000
    page = Page(text)
    units = page.all("details", "unit")
    assert len(units) == len(large.units) == N_LAYERS * len(SETS) * len(SEEDS)
    cut = [unit for unit in units if any(unit in e.above for e in page.all("p", "cut"))]
    whole = [unit for unit in units if unit not in cut]
    of = zip(units, large.units, strict=True)
    headline = next(unit for unit, facts in of if facts.unit.headline)
    assert headline in whole
    assert sum(headline in e.above for e in page.all("figure")) == 2 + 3 * PER_UNIT
    said = f"this page shows {len(cut)} units without all of their figures"
    assert said in " ".join(page.all("main")[0].text.split())
    assert all("swaps work" in unit.text or "NLL" in unit.text for unit in units)
    # Figures and short tables of every unit come before the experiments of any.
    assert all(sum(unit in e.above for e in page.all("figure")) >= 2 for unit in units)


def test_what_cannot_be_left_out_is_small(large) -> None:
    """With no room at all a study of a hundred units is below 2 MB."""
    bare = len(render(large, most=0).encode())
    assert bare < 2_000_000, bare
