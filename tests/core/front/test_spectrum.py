"""The covariance of wide rows: exact below, sketched above, and memory that does not grow with the rows."""

import numpy as np
import pytest
import torch

from iin_core.front.scale import fit_scale, spread_rows
from iin_core.front.spectrum import ExactCovariance, SketchedCovariance
from iin_core.row_reader import ArrayReader
from tests.peak_memory import printed_numbers


def rows(n=3000, n_features=120, seed=0):
    generator = torch.Generator().manual_seed(seed)
    loadings = (
        torch.randn(n_features, n_features, generator=generator) * 0.93 ** torch.arange(n_features)[:, None]
    )
    return 0.3 + torch.randn(n, n_features, generator=generator) @ loadings


def test_exact_covariance_is_the_covariance():
    """Blocks of rows add up to the covariance of all of them."""
    z = rows()
    exact = ExactCovariance(120)
    for block in z.split(700):
        exact.add(block)
    spectrum = exact.spectrum()
    rebuilt = spectrum.basis * spectrum.values @ spectrum.basis.T
    torch.testing.assert_close(rebuilt, torch.cov(z.double().T, correction=0), atol=1e-3, rtol=1e-3)


def test_sketch_holds_the_leading_directions():
    """A sketch of forty directions explains what the best thirty do, within a hundredth."""
    z = rows()
    sketch = SketchedCovariance(120, 40)
    for block in z.split(500):
        sketch.add(block)
    spectrum = sketch.spectrum()
    covariance = torch.cov(z.double().T, correction=0)
    best = torch.linalg.eigvalsh(covariance).flip(0)
    leading = spectrum.basis[:, :30]
    held = float(torch.trace(leading.T @ covariance @ leading) / best[:30].sum())
    assert 0.99 < held <= 1 + 1e-9
    torch.testing.assert_close(spectrum.mean, z.double().mean(0), atol=1e-4, rtol=0)
    assert spectrum.rest * 80 == pytest.approx(float(best.sum() - spectrum.values.sum()), rel=1e-3)


def test_solving_inverts_the_model():
    """`solve` is the inverse of the covariance that the spectrum stands for, with its ridge."""
    sketch = SketchedCovariance(120, 20)
    sketch.add(rows())
    spectrum = sketch.spectrum()
    basis = spectrum.basis
    outside = torch.eye(120, dtype=torch.float64) - basis @ basis.T
    model = basis * spectrum.values @ basis.T + spectrum.rest * outside
    columns = torch.randn(120, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    solved = spectrum.solve(columns, 0.1)
    torch.testing.assert_close(model @ solved + 0.1 * solved, columns, atol=1e-4, rtol=0)
    assert spectrum.mean_variance == pytest.approx(float(model.trace()) / 120)


def test_scale_looks_past_outlier_rows():
    """A twentieth of wild rows moves no feature's scale, and scaled rows end at eight deviations."""
    z = torch.randn(5000, 6, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 7)
    wild = z.clone()
    wild[::33] *= 1e4
    plain, robust = fit_scale(ArrayReader(z.numpy())), fit_scale(ArrayReader(wild.numpy()))
    torch.testing.assert_close(plain.scale, torch.arange(1, 7).float(), rtol=0.15, atol=0)
    assert float((robust.scale / plain.scale).log().abs().max()) < 5.3
    assert float(robust.apply(wild).abs().max()) <= 8


def test_rare_and_dead_features_get_a_scale():
    """A feature that seldom moves, and one that never does in the sample, are not divided by nothing."""
    z = torch.randn(400, 4, generator=torch.Generator().manual_seed(0))
    z[:, 1] = 0
    z[:, 2] = (torch.arange(400) % 100 == 0).float()
    scale = fit_scale(ArrayReader(z.numpy())).scale
    assert bool((scale > 0).all())
    assert float(scale[2]) == pytest.approx(0.1 * float(z[:, 2].std(correction=0)))
    assert float(scale[1]) == pytest.approx(float(scale[[0, 2, 3]].median()))


def test_spread_rows_cover_the_whole_file():
    """The sample begins with the first row, ends with the last and is no larger than asked."""
    z = np.arange(10_000, dtype=np.float32)[:, None]
    sample = np.concatenate(list(spread_rows(ArrayReader(z), 1000)))[:, 0]
    assert len(sample) == 1000
    assert sample[0] == 0
    assert sample[-1] == 9999


def peak_mib(n_features, n_rows):
    """MiB that fitting a front takes above what was there before, in a process of its own."""
    script = f"""
import numpy as np, torch
from iin_core.front import fit_front, shared_by
from iin_core.spec import FlowSpec, PairSpec
torch.set_num_threads(1)
class Rows:
    n_rows, n_features = {n_rows}, {n_features}
    def read(self, start, stop):
        return np.random.default_rng(start).standard_normal((stop - start, {n_features}), dtype=np.float32)
label = np.arange({n_rows}) % 10
before = peak()
front = fit_front(Rows(), FlowSpec(front_dims=256), shared_by({{"c": label}}, {{"c": PairSpec()}}))
assert front.forward.shape == ({n_features}, 256) and bool(front.forward.isfinite().all())
print(peak() - before)
"""
    [grown] = printed_numbers(script)
    return grown


def test_memory_is_bounded_at_4096_features():
    """A layer of 4,096 features is fitted in less than 512 MiB."""
    assert peak_mib(4096, 6144) < 512


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows_at_16384_features():
    """A layer of 16,384 features is fitted in less than 640 MiB; its 12,000 rows would take 750 MiB."""
    assert peak_mib(16_384, 12_000) < 640
