"""Estimate the dimensions of the concept sets of one layer on a worker."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from iin_core.blocks import RESIDUAL, Blocks
from iin_core.dimensions import given_dimensions, shared_score, softmax_dimensions
from iin_core.front import fit_front
from iin_core.sampling import make_sampler
from tasks.layer_rows import LayerRows, load_layer_rows
from tasks.output import open_root
from tasks.plan import Unit


def estimate_and_seal(root_url: str, rows_key: str, units: Sequence[Unit]) -> None:
    """Seal the dimensions of units of one layer.

    Raises:
        InputError: a concept has no pairs, or the dimensions do not fit.
    """
    root = open_root(root_url, create=False)
    rows = load_layer_rows(root, rows_key, units[0].layer.extract.key).of("train")
    for unit in units:
        begun = time.perf_counter()
        document = _dimensions(rows, unit)
        with root.begin(unit.dimensions) as attempt:
            (attempt.path / "dimensions.json").write_text(json.dumps(document, indent=1) + "\n")
            attempt.seal(document, times={"estimate": time.perf_counter() - begun})


def _dimensions(rows: LayerRows, unit: Unit) -> dict[str, Any]:
    names = list(unit.factors)
    n_dims = fit_front(rows.z, unit.flow).n_dims
    blocks = Blocks({RESIDUAL: 1, **dict.fromkeys(names, 1)})
    sampler = make_sampler(rows.columns(unit.factors), unit.factors, rows.source, blocks)
    scores = {name: shared_score(rows.z, pairs) for name, pairs in zip(names, sampler.sources, strict=True)}
    if unit.dims is None:
        estimated = softmax_dimensions(scores, n_dims)
        return {"estimator": "softmax", "dims": estimated.dims, "scores": estimated.scores}
    given = given_dimensions({name: unit.dims[name] for name in names}, n_dims)
    return {"estimator": "given", "dims": given, "scores": {RESIDUAL: 1.0, **scores}}
