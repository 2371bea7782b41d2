"""Control and leakage of IINs beside other methods, on held-out sources of coloured digits.

    .venv/bin/python -m benchmarks.quality [--methods ours-0 lda …] [--picture docs/images/quality.png]

Fits each method once for both first stages, reads the held-out sources, prints the table and draws
leak against joint. What was done is kept in build/quality, so a run that is stopped goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.coloured_layers import CACHE, CONCEPTS, LAYERS, Stage, load_stage
from benchmarks.quality_codes import Codes, codes, heldout_pairs, methods
from benchmarks.quality_table import draw, print_table
from iin_core.blocks import RESIDUAL, Blocks
from iin_core.metrics import (
    FitRows,
    Leakage,
    grouped_information,
    grouped_scores,
    interchange,
    leakages,
    reading_accuracy,
)
from iin_core.spec import EvaluationSpec

FAMILIES = ("mlp", "knn", "qda", "forest", "rbf")
TRAIN_ROWS = 4_000
PARTS = 4
"""Of the held-out sources, for information told by probes that are fitted on three quarters of them."""
_RESIDUAL_ALONE = "residual alone"


def measure(method: Codes, stage: Stage) -> dict[str, Any]:
    """All numbers of one method on one stage, with intervals over sources where they have one."""
    return {
        "cpu": method.cpu,
        "dims": method.blocks.dims,
        **_control(method, stage),
        **_cross_fit(method, stage),
        **_train_fit(method, stage),
        **_information(method, stage),
        "residual_std": {split: _deviation(method, stage, split) for split in ("train", "heldout")},
    }


def _control(method: Codes, stage: Stage) -> dict[str, Any]:
    base, donor = heldout_pairs(stage)
    labels = {name: stage.table[name].to_numpy() for name in CONCEPTS}
    source = stage.table["source"].to_numpy()
    says = {block: stage.read(torch.from_numpy(z)) for block, z in method.swapped.items()}
    rows = stage.rows("heldout")
    plain = stage.read(stage.z[rows])
    found: dict[str, Any] = {}
    for reader in plain:
        predicted = {name: says[name][reader] for name in CONCEPTS}
        joint = interchange(predicted, labels, base, donor, source).joint
        assert joint is not None  # both concepts are read
        kept = [says[RESIDUAL][reader][name] == labels[name][base] for name in CONCEPTS]
        found[reader] = {
            "joint": [joint.value, joint.low, joint.high],
            "ceiling": reading_accuracy(plain[reader], labels, rows),
            "residual_swap": float(np.all(kept, 0).mean()),
        }
    return found


def _cross_fit(method: Codes, stage: Stage) -> dict[str, Any]:
    labels, source, z = _heldout(method, stage)
    found = leakages({"code": (z, method.blocks), "all": (z, None)}, labels, source, _spec("mlp"), shuffles=0)
    code, whole = found["code"], found["all"]
    alone = Blocks({RESIDUAL: method.blocks.dims[RESIDUAL]})
    part = {_RESIDUAL_ALONE: (z[:, method.blocks[RESIDUAL]], alone)}
    more = leakages(part, {"digit": labels["digit"]}, source, _spec(*FAMILIES[1:]), shuffles=0)
    families = {cell.probe: cell for cell in more[_RESIDUAL_ALONE].cells}
    families["mlp"] = next(c for c in code.cells if (c.block, c.concept) == (RESIDUAL, "digit"))
    return {
        "cross_fit": _cells(code),
        "families": {name: _shown(families[name].accuracy) for name in FAMILIES},
        "worst_under_shuffling": code.worst_excess_under_shuffling("mlp"),
        "gmig": grouped_information(code.v_information("mlp")).mig,
        "v_of_all": [cell.v_information for cell in whole.cells],
    }


def _information(method: Codes, stage: Stage) -> dict[str, Any]:
    """Grouped MIG as `_cross_fit` has it, by probes fitted on more of the held-out sources."""
    labels, source, z = _heldout(method, stage)
    spec = _spec("mlp").model_copy(update={"folds": PARTS})
    found = leakages({"code": (z, method.blocks), "all": (z, None)}, labels, source, spec, shuffles=0)
    mig = grouped_scores(found["code"], "mlp").mig
    return {
        "gmig_of_parts": [mig.value, mig.low, mig.high],
        "v_of_all_of_parts": [cell.v_information for cell in found["all"].cells],
    }


def _heldout(
    method: Codes, stage: Stage
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64], NDArray[np.float32]]:
    """Labels of the concepts that have a block, sources, and codes of the held-out rows."""
    rows = stage.rows("heldout")
    named = [name for name in stage.table.columns if name in method.blocks]
    labels = {name: stage.table[name].to_numpy()[rows] for name in named}
    return labels, stage.table["source"].to_numpy()[rows], method.z_tilde[rows]


def _train_fit(method: Codes, stage: Stage) -> dict[str, Any]:
    fitting, rows = stage.rows("train"), stage.rows("heldout")
    source = stage.table["source"].to_numpy()
    few = np.random.default_rng(0).permutation(np.unique(source[fitting]))[: TRAIN_ROWS // 10]
    fitting = fitting[np.isin(source[fitting], few)]
    labels = {name: stage.table[name].to_numpy() for name in CONCEPTS}
    fit_on = FitRows(
        {"code": method.z_tilde[fitting]},
        {name: values[fitting] for name, values in labels.items()},
        source[fitting],
    )
    read = {name: values[rows] for name, values in labels.items()}
    own = {"code": (method.z_tilde[rows], method.blocks)}
    found = leakages(own, read, source[rows], _spec("mlp"), fit_on=fit_on, shuffles=0)
    return {"train_fit": _cells(found["code"])}


def _spec(*probes: str) -> EvaluationSpec:
    return EvaluationSpec.model_validate({"probes": probes})


def _cells(found: Leakage) -> dict[str, list[float | None]]:
    return {f"{cell.block} > {cell.concept}": _shown(cell.accuracy) for cell in found.cells if not cell.own}


def _shown(score: Any) -> list[float | None]:
    return [score.value, score.low, score.high, score.control_high]


def _deviation(method: Codes, stage: Stage, split: str) -> float:
    return float(method.z_tilde[stage.rows(split)][:, method.blocks[RESIDUAL]].std())


def results(names: Sequence[str], layers: Sequence[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """(method, layer) → numbers, measured where they are not kept yet."""
    found = {}
    for layer in layers:
        stage = load_stage(layer)
        for name in names:
            path = CACHE / "scores" / f"{name}-{layer}.json"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(measure(codes(name, layer, stage), stage), indent=1))
            found[name, layer] = json.loads(path.read_text())
    return found


def main() -> None:
    """Print the table and draw the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", nargs="*", default=list(methods()))
    parser.add_argument("--layers", nargs="*", default=list(LAYERS))
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = results(arguments.methods, arguments.layers)
    print_table(found)
    if arguments.picture is not None:
        draw(found, arguments.picture)


if __name__ == "__main__":
    main()
