"""Calibration: blocks' moments no longer depend on other concepts, and T stays a bijection."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from iin_core.blocks import Blocks
from iin_core.calibration import CellRows, calibrate, calibrated, quantile_cells
from iin_core.clusters import clusters
from iin_core.fitting import fit
from iin_core.flow import NormalizingFlow, build_flow
from iin_core.interpreter_file import load, save
from iin_core.jobs import Job, Trained
from iin_core.sampling import make_sampler
from iin_core.spec import FlowSpec, TrainingSpec
from iin_core.training import train

BLOCKS = Blocks({"residual": 4, "shape": 4, "size": 2})


def rows(n: int, seed: int, leak: float = 1.0) -> CellRows:
    """z̃ whose residual is shifted and scaled by shape, and whose shape's block is shifted by size."""
    generator = torch.Generator().manual_seed(seed)
    shape, size = (torch.randint(count, (n,), generator=generator) for count in (3, 2))
    z = 0.1 * torch.randn(n, BLOCKS.n_dims, generator=generator)
    z[:, BLOCKS["shape"]] += torch.nn.functional.one_hot(shape, 4)
    z[:, BLOCKS["size"]] += torch.nn.functional.one_hot(size, 2)
    z[:, BLOCKS["shape"]] += 0.1 * leak * size[:, None]
    residual = torch.randn(n, 4, generator=generator)
    z[:, BLOCKS["residual"]] = residual * (1 + leak * shape[:, None]) + leak * shape[:, None]
    return CellRows(z, {"shape": shape, "size": size})


def spread(x: Tensor, cell: Tensor) -> tuple[float, float]:
    """How far the cells' means and log-deviations lie apart."""
    parts = [x[cell == value] for value in cell.unique().tolist()]
    means = torch.stack([part.mean(0) for part in parts])
    deviations = torch.stack([part.std(0).log() for part in parts])
    return float(means.std(0).max()), float(deviations.std(0).max())


def moved(flow: NormalizingFlow, own: CellRows) -> Tensor:
    """The rows behind a flow."""
    return flow(own.z_tilde[None])[0][0]


def test_moments_of_unseen_rows_no_longer_depend_on_other_concepts() -> None:
    """Means and deviations by class come together in the residual and in the concepts' blocks."""
    flow = calibrated(NormalizingFlow([]), BLOCKS, rows(4000, 0), rows(1000, 1))
    unseen = rows(4000, 2)
    z = moved(flow, unseen)
    assert max(spread(unseen.z_tilde[:, BLOCKS["residual"]], unseen.cells["shape"])) > 0.5
    assert max(spread(z[:, BLOCKS["residual"]], unseen.cells["shape"])) < 0.1
    within = unseen.cells["shape"] == 1
    assert spread(z[within][:, BLOCKS["shape"]], unseen.cells["size"][within])[0] < 0.03


def test_the_residual_comes_out_white() -> None:
    """Unseen rows of the residual have mean 0 and covariance I."""
    flow = calibrated(NormalizingFlow([]), BLOCKS, rows(4000, 0), rows(1000, 1))
    residual = moved(flow, rows(4000, 2))[:, BLOCKS["residual"]]
    assert torch.allclose(residual.T.cov(), torch.eye(4), atol=0.1)


def test_concepts_stay_in_their_blocks() -> None:
    """The classes' means in their own block do not move."""
    own = rows(4000, 0)
    z = moved(calibrated(NormalizingFlow([]), BLOCKS, own, rows(1000, 1)), own)
    for value in range(3):
        members = own.cells["shape"] == value
        before, after = (x[members][:, BLOCKS["shape"]].mean(0) for x in (own.z_tilde, z))
        assert torch.allclose(before, after, atol=0.05)


def test_the_flow_stays_a_bijection_with_the_right_log_determinant() -> None:
    """T⁻¹(T(x)) = x, and log|det| is that of the Jacobian."""
    flow = calibrated(NormalizingFlow([]), BLOCKS, rows(2000, 0), rows(500, 1))
    x = rows(500, 3).z_tilde[None]
    z, log_det = flow(x)
    assert torch.allclose(flow.inverse(z), x, atol=1e-4)
    jacobian = torch.autograd.functional.jacobian(lambda row: flow(row[None, None])[0][0, 0], x[0, 0])
    assert float(torch.linalg.slogdet(jacobian).logabsdet) == pytest.approx(float(log_det[0, 0]), abs=1e-3)


def test_what_predicts_unseen_rows_no_better_is_left_out() -> None:
    """Codes whose blocks are independent keep all but the whitening of the residual."""
    flow = calibrated(NormalizingFlow([]), BLOCKS, rows(300, 0, leak=0.0), rows(3000, 1, leak=0.0))
    own = rows(1000, 2, leak=0.0)
    z = moved(flow, own)
    assert torch.allclose(z[:, BLOCKS["shape"]], own.z_tilde[:, BLOCKS["shape"]], atol=0.1)


def test_half_of_a_block_that_mistakes_its_own_label_moves_nothing() -> None:
    """Tight classes that one half of their block cannot tell apart stay where they are, to the last bit."""
    generator = torch.Generator().manual_seed(0)
    blocks = Blocks({"residual": 2, "shape": 2, "size": 2})
    shape, size = (torch.randint(3, (2000,), generator=generator) for _ in range(2))
    z = 0.05 * torch.randn(2000, 6, generator=generator)
    z[:, 2] += shape
    z[:, 2] *= 1 + 0.5 * size
    z[:, 4] += size
    cells, labels = {"shape": shape, "size": size}, frozenset({"shape", "size"})
    own, check = CellRows(z[:1500], {n: c[:1500] for n, c in cells.items()}, labels), CellRows(z[1500:], {})
    told = moved(calibrated(NormalizingFlow([]), blocks, own, check), own)
    free = moved(calibrated(NormalizingFlow([]), blocks, replace(own, labelled=frozenset()), check), own)
    first = blocks["shape"].start
    assert torch.equal(told[:, first], own.z_tilde[:, first])
    assert not torch.allclose(free[:, first], own.z_tilde[:, first], atol=0.01)


def test_numbers_are_cut_into_cells_of_equal_size() -> None:
    """Normal scores fall into cells of equal size; missing ones into none."""
    quantiles = (torch.arange(800, dtype=torch.float64) + 0.5) / 800
    scores = torch.special.ndtri(quantiles)
    scores[0] = float("nan")
    cells = quantile_cells(scores)
    assert cells[0] == -1
    assert torch.bincount(cells[1:]).tolist() == [99, *[100] * 7]


def test_clusters_are_found_without_labels() -> None:
    """Rows around four far points fall into four clusters, the same ones each time."""
    generator = torch.Generator().manual_seed(0)
    of_row = torch.randint(4, (400,), generator=generator)
    x = 10 * torch.eye(4)[of_row] + 0.1 * torch.randn(400, 4, generator=generator)
    found = clusters(x, 4)
    assert len(torch.unique(4 * of_row + found)) == 4
    assert torch.equal(found, clusters(x, 4))
    assert int(clusters(torch.ones(5, 2), 4).max()) == 0


def test_a_flow_without_concepts_is_whitened() -> None:
    """An unsupervised IIN has one block, which comes out white."""
    blocks = Blocks({"residual": 4})
    x = torch.randn(3000, 4, generator=torch.Generator().manual_seed(0)) @ torch.diag(torch.arange(1.0, 5.0))
    flow = calibrated(NormalizingFlow([]), blocks, CellRows(x[:2000], {}), CellRows(x[2000:], {}))
    assert torch.allclose(flow(x[None])[0][0].T.cov(), torch.eye(4), atol=0.1)


def test_a_calibrated_interpreter_is_saved_and_loaded(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """What `save` wrote `load` reads: codes, log-densities and edits are the same."""
    generator = np.random.default_rng(0)
    label = generator.integers(3, size=400)
    z = generator.normal(size=(400, 8)).astype(np.float32) + label[:, None]
    training = TrainingSpec(updates=20, batch=32)
    interpreter = fit(z, {"label": label}, training=training, flow=FlowSpec(couplings=1, hidden=8))
    save(interpreter, tmp_path)
    again = load(tmp_path)
    assert any(type(t).__name__ == "ConditionalAffine" for t in again.flow.transforms)
    assert torch.equal(again.encode(z), interpreter.encode(z))
    assert torch.equal(again.log_prob(z), interpreter.log_prob(z))
    assert torch.equal(again.swap(z[:9], z[9:18], "label"), interpreter.swap(z[:9], z[9:18], "label"))


def test_training_without_calibration_leaves_the_flow_alone() -> None:
    """`calibrate: false`, as in the published training, adds nothing behind the flow."""
    x = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    blocks = Blocks({"residual": 4})
    job = Job(x, x, torch.eye(4), make_sampler({}, {}, np.arange(100), blocks), blocks, 0)
    spec = TrainingSpec(updates=2, batch=8, calibrate=False)
    flow_spec = FlowSpec(couplings=1, hidden=4)
    [plain] = train([job], flow_spec, spec)
    [more] = train([job], flow_spec, spec.model_copy(update={"calibrate": True}))
    assert not TrainingSpec.published().calibrate
    assert len(plain.flow.transforms) == len(build_flow(flow_spec, [blocks], [0]).transforms)
    assert len(more.flow.transforms) == len(plain.flow.transforms) + 1
    failed = Trained(plain.flow, plain.curves, _failure(), 2, plain.cost)
    assert calibrate(failed, job) is failed


def _failure():  # type: ignore[no-untyped-def]
    from iin_core.errors import DivergedError

    return DivergedError("it did")
