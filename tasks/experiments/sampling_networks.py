"""The networks that sampling needs beside the study's own: one for features, a VAE to compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from iin_core.errors import IinError
from iin_core.hooks import model_raised
from iin_core.image_features import ImageFeatures
from iin_core.readings import make_reading
from iin_core.split import module_names
from tasks.claim import claim
from tasks.errors import StudyError
from tasks.experiments.opened import Opened
from tasks.experiments.spec import CodeSpec, SamplingSpec
from tasks.output import Root
from tasks.planned import ModelPlan, Plan, Unit
from tasks.prepare_worker import Fitting, fit_and_seal, open_prepared
from tasks.sources.imported import FAULTS
from tasks.sources.models import fit_declared, model_fingerprint, open_model
from tasks.step import Step
from tasks.study import ModelSpec, SourceSpec

Place = tuple[Path, SourceSpec, str]
"""The study's folder, the source of its data, the key of its rows."""
TWINS = {"digit_autoencoder": "digit_vae"}
"""Built-in autoencoder → the built-in VAE of its size."""


def source_of(code: CodeSpec) -> SourceSpec:
    """The same as a source of a study."""
    found = {"import": code.import_, "arguments": code.arguments, "checkpoint": code.checkpoint}
    return SourceSpec.model_validate(found)


def vae_source(model: ModelSpec, spec: SamplingSpec) -> SourceSpec | str:
    """The source of the VAE, or why there is none."""
    if not isinstance(spec.vae, bool):
        return source_of(spec.vae)
    if not spec.vae:
        return "not asked for: `vae: true` fits one"
    twin = TWINS.get(model.source.builtin or "")
    if twin is None:
        called = model.source.builtin or model.source.import_
        return (
            f"nobody knows how a VAE of the size of {called!r} is made; "
            "give one: `vae: {import: package.module:factory}`"
        )
    return SourceSpec(builtin=twin)


def extra_steps(plan: Plan, target: Unit, spec: SamplingSpec) -> dict[str, Step]:
    """The fit of the VAE, and what the features are made with; both are part of the experiment's key.

    Neither is a step of the plan: the experiment fits the VAE itself, and `iin gc` may take it.

    Raises:
        StudyError: code that cannot be found, or a VAE that does not say how it is fitted.
    """
    steps = {}
    source = vae_source(plan.model(target.model).spec, spec)
    if isinstance(source, SourceSpec):
        steps["VAE"] = _vae_step(plan.rows, source, spec, plan.folder)
    if spec.features is not None:
        network = source_of(spec.features)
        fingerprint = model_fingerprint(open_model(network, plan.folder), network, plan.folder)
        steps["features"] = Step("prepare", 1, {"features": True}, {}, {"model": fingerprint}, "features")
    return steps


def extra_step(opened: Opened, name: str) -> Step:
    """One of `extra_steps`, as the plan has it."""
    found = opened.job.planned.reads[name]
    assert isinstance(found, Step)
    return found


def _vae_step(rows: Step, source: SourceSpec, spec: SamplingSpec, folder: Path) -> Step:
    if fit_declared(source, folder) is None:
        raise StudyError(
            f"The VAE {source.builtin or source.import_!r} does not say how it is fitted.",
            where="experiments: sampling: vae",
            fix="give its factory an attribute `fit`, as a model of the study has",
        )
    model = open_model(source, folder)
    if not callable(getattr(model, "sample", None)):
        raise StudyError(
            f"The VAE {source.builtin or source.import_!r} cannot be sampled.",
            where="experiments: sampling: vae",
            fix="give it a method sample(n, generator) → images (n, channels, height, width)",
        )
    fingerprint = model_fingerprint(model, source, folder)
    return Step("prepare", 1, {"fit": _fit_settings(spec)}, {"rows": rows.key}, {"model": fingerprint}, "VAE")


def _fit_settings(spec: SamplingSpec) -> dict[str, Any]:
    return {} if isinstance(spec.vae, bool) else dict(spec.vae.fit)


def open_vae(root: Root, step: Step, model: ModelPlan, spec: SamplingSpec, place: Place) -> nn.Module:
    """The VAE, fitted now if nobody has; in evaluation mode.

    Args:
        root: where fitted networks lie.
        step: of `extra_steps`.
        model: the autoencoder that it stands beside.
        spec: of the experiment.
        place: the study's folder, its data and the key of its rows.
    """
    source = vae_source(model.spec, spec)
    assert isinstance(source, SourceSpec)
    folder, data, rows_key = place
    with claim(root, [step]) as missing:
        if missing:
            fit_and_seal(root.url, Fitting(step, source, _fit_settings(spec), data, folder, rows_key))
    return open_prepared(root, source, folder, step)


@torch.no_grad()
def vae_samples(vae: nn.Module, n: int, seed: int) -> Tensor:
    """Draw n images from a VAE.

    Raises:
        ModelError: it raised.
    """
    generator = torch.Generator().manual_seed(seed)
    try:
        drawn: Tensor = vae.sample(n, generator)  # type: ignore[operator]
    except IinError:
        raise
    except FAULTS as error:
        raise model_raised(error, "vae", vae) from error
    return drawn


def open_features(spec: SamplingSpec, reader: nn.Module | None, folder: Path) -> ImageFeatures:
    """The network in whose features images are compared: the study's reader, or one that was named.

    Raises:
        StudyError: neither is there.
        ModelError: a layer that the network does not have; the nearest names are shown.
    """
    if spec.features is None:
        if reader is None:
            raise StudyError(
                "There is no network in whose features images could be compared.",
                where="experiments: sampling",
                fix="give the model a `reader`, or `features: {import: package.module:factory, layer: name}`",
            )
        return ImageFeatures(reader)
    network = open_model(source_of(spec.features), folder)
    if spec.features.layer is not None:
        module_names(network, [spec.features.layer])
    return ImageFeatures(network, spec.features.layer, make_reading(spec.features.reading))


def features_of(extract: ImageFeatures, images: Tensor) -> Tensor:
    """Features of images; what the network raises gets its name.

    Raises:
        ModelError: the network cannot take the images, or has no such layer.
    """
    try:
        return extract(images)
    except IinError:
        raise
    except FAULTS as error:
        raise model_raised(error, "features", extract.network) from error
