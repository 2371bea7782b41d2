"""Step extract: the activations of all wanted layers of a model in one forward pass, as Zarr arrays."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from iin_core.errors import IinError
from tasks.activations import BLOCK_ROWS, Layout, create_array, remove_drafts
from tasks.claim import claim
from tasks.cluster import Call, Cluster
from tasks.errors import EnvironmentProblem
from tasks.extract_worker import ExtractJob, Extractor, LayerJob
from tasks.layer_places import FILE as ROW_FILE
from tasks.layer_places import LayerPlaces, layer_places
from tasks.output import Attempt, Output, Root
from tasks.sources.data import open_data
from tasks.study import ResourceSpec

if TYPE_CHECKING:
    from tasks.plan import LayerPlan, ModelPlan, Plan

_log = logging.getLogger("tasks.extract")


def extract(plan: Plan, root: Root, cluster: Cluster) -> list[Output]:
    """Make the activations of every layer of the plan that are not sealed yet.

    A model that cannot be extracted does not keep the others from it. One that is to be fitted and is
    not is left out: that step has reported it.

    Returns:
        The sealed outputs of all other layers, in the plan's order.

    Raises:
        IinError: the first model's error, after all the others are done: `InputError` for rows that
            are not finite, `ModelError` for a layer that cannot be read, `EnvironmentProblem`.
    """
    outputs: list[Output] = []
    errors: list[IinError] = []
    for model in plan.models:
        if model.prepare is not None and root.find(model.prepare) is None:
            continue
        try:
            outputs += _extract_model(plan, model, root, cluster)
        except EnvironmentProblem:
            raise
        except IinError as error:
            _log.error("%s cannot be extracted: %s", model.name, error.what)
            errors.append(error)
    if errors:
        raise errors[0]
    return outputs


def _extract_model(plan: Plan, model: ModelPlan, root: Root, cluster: Cluster) -> list[Output]:
    with claim(root, [layer.extract for layer in model.layers]) as missing:
        layers = [layer for layer in model.layers if layer.extract in missing]
        if layers:
            _run(plan, model, layers, root, cluster)
    return [root.open("activations", layer.extract.key) for layer in model.layers]


def _run(plan: Plan, model: ModelPlan, layers: list[LayerPlan], root: Root, cluster: Cluster) -> None:
    started = time.monotonic()
    with ExitStack() as stack:
        attempts = [stack.enter_context(root.begin(layer.extract)) for layer in layers]
        jobs = tuple(
            _layer_job(plan, layer, attempt) for layer, attempt in zip(layers, attempts, strict=True)
        )
        resource = plan.study.resources.extract
        # Layers whose rows come from the same places share a forward pass.
        for together in _alike(jobs):
            failures = cluster.run_actors(
                Extractor,
                (_job(plan, model, together, root, resource),),
                _calls(model.name, together[0].layout.n_rows),
                resource=resource,
            )
            if failures:
                raise failures[0].error
        data = open_data(plan.study.data.source, plan.folder) if _has_places(layers) else None
        for layer, attempt, job in zip(layers, attempts, jobs, strict=True):
            places = layer_places(layer.reading, layer.shape, layer.n_calls, data) if data else None
            _seal(layer, attempt, job.layout, places, time.monotonic() - started)


def _layer_job(plan: Plan, layer: LayerPlan, attempt: Attempt) -> LayerJob:
    layout = Layout(layer.rows_of(plan.n_rows), layer.n)
    create_array(attempt.path, layout)
    return LayerJob(layer.layer, layer.reading, attempt.path, layout, layer.shape, layer.n_calls)


def _alike(jobs: tuple[LayerJob, ...]) -> list[tuple[LayerJob, ...]]:
    groups: dict[object, list[LayerJob]] = {}
    for job in jobs:
        groups.setdefault(job.places_key, []).append(job)
    return [tuple(group) for group in groups.values()]


def _has_places(layers: list[LayerPlan]) -> bool:
    return any(layer.reading.is_several for layer in layers)


def _job(
    plan: Plan, model: ModelPlan, layers: tuple[LayerJob, ...], root: Root, resource: ResourceSpec
) -> ExtractJob:
    return ExtractJob(
        model=model.spec.source,
        data=plan.study.data.source,
        folder=plan.folder,
        root=root.url,
        prepared=model.prepare,
        layers=layers,
        batch=plan.study.resources.batch,
        n_rows=plan.n_rows,
        device="cuda" if resource.gpus > 0 else "cpu",
    )


def _calls(model: str, n_rows: int) -> list[Call]:
    blocks = range(0, n_rows, BLOCK_ROWS)
    return [Call(f"extract {model}", (start, min(start + BLOCK_ROWS, n_rows))) for start in blocks]


def _seal(
    layer: LayerPlan, attempt: Attempt, layout: Layout, places: LayerPlaces | None, seconds: float
) -> None:
    remove_drafts(attempt.path)
    for shard in range(layout.n_shards):
        file = attempt.path / layout.file(shard)
        assert file.exists(), f"nobody wrote {file}"
    table = None if places is None else places.table()
    if table is not None:
        with (attempt.path / ROW_FILE).open("wb") as opened:
            pq.write_table(pa.Table.from_pandas(table, preserve_index=False), opened)
    attempt.seal(
        {
            "layer": layer.layer,
            "reading": layer.reading.name,
            "shape": list(layer.shape),
            "n_rows": layout.n_rows,
            "n": layout.n,
            **({} if table is None else {"row": list(table.columns)}),
        },
        times={"extract": seconds},
    )
