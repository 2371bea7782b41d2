"""The front of a wide layer: what it keeps, what it leaves, and what does not change it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iin_core.errors import InputError
from iin_core.front import fit_front, shared_by
from iin_core.jobs import noise_behind
from iin_core.pairs import Pairs
from iin_core.row_reader import ArrayReader
from iin_core.spec import FlowSpec, PairSpec

N, D = 48, 16
SPEC = FlowSpec(front_dims=D)


def layer(n=4000, seed=0, hidden=0.05):
    """Rows of rank 20 and noise, and a label that moves them along one direction of low variance."""
    generator = torch.Generator().manual_seed(seed)
    loadings = torch.randn(20, N, generator=generator)
    quiet = torch.linalg.svd(loadings).Vh[-1]
    label = torch.randint(2, (n,), generator=generator)
    z = torch.randn(n, 20, generator=generator) @ loadings + hidden * torch.randn(n, N, generator=generator)
    return z + 4 * hidden * (2.0 * label - 1)[:, None] * quiet, label.numpy(), quiet


def label_front(z, label, spec=SPEC):
    return fit_front(z, spec, shared_by({"c": label}, {"c": PairSpec()}))


def separation(rows, label):
    """Distance of the two classes' means in deviations along the best linear direction."""
    a, b = rows[label == 0].double(), rows[label == 1].double()
    gap, within = a.mean(0) - b.mean(0), (torch.cov(a.T) + torch.cov(b.T)) / 2
    return float((gap @ torch.linalg.lstsq(within, gap[:, None]).solution[:, 0]).clamp_min(0).sqrt())


def test_keeps_an_even_number_of_white_coordinates():
    """As many coordinates as asked, white, with an exact way back and the share that they explain."""
    z, label, _ = layer()
    front = label_front(z, label)
    x = front.apply(z)
    assert front.forward.shape == (N, D)
    torch.testing.assert_close(front.forward.T @ front.backward.T, torch.eye(D), atol=1e-4, rtol=0)
    torch.testing.assert_close(front.apply(front.invert(x)), x, atol=1e-3, rtol=1e-3)
    assert 0.5 < front.explained < 1
    assert front.log_det == pytest.approx(
        -float(torch.linalg.slogdet(front.backward @ front.backward.T)[1]) / 2, rel=1e-4
    )


def test_row_without_an_edit_is_the_same_bit_for_bit():
    """With the row at hand the way back is exact also where the front keeps only a part."""
    z, label, _ = layer()
    front = label_front(z, label)
    assert torch.equal(front.invert(front.apply(z), like=z), z)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 3))
def test_an_edit_leaves_the_remainder(seed, size):
    """An edit moves z along the kept directions only: no coordinate of the remainder moves."""
    z, label, _ = layer(n=600)
    front = label_front(z, label)
    edited = front.apply(z) + size * torch.randn(600, D, generator=torch.Generator().manual_seed(seed))
    moved = front.invert(edited, like=z)
    torch.testing.assert_close(front.apply(moved), edited, atol=1e-3, rtol=1e-3)
    before, after = front.remainder_coordinates(z), front.remainder_coordinates(moved)
    torch.testing.assert_close(after, before, atol=2e-4 * size * float(before.std() + 1), rtol=0)


def test_features_that_do_not_vary_are_never_touched():
    """A dead feature stays as it is bit for bit, whatever is edited."""
    z, label, _ = layer(n=600)
    z[:, 5] = 7.3
    front = label_front(z, label)
    moved = front.invert(front.apply(z) + 1, like=z)
    assert torch.equal(moved[:, 5], z[:, 5])


def test_low_variance_concept_survives_and_plain_pca_drops_it():
    """The direction along which a concept moves z is kept though its variance is the least of all."""
    z, label, _ = layer()
    front = label_front(z, label)
    centred = z - z.mean(0)
    pca = centred @ torch.linalg.eigh(torch.cov(z.T)).eigenvectors[:, -D:]
    assert separation(front.apply(z), label) > 3
    assert separation(pca, label) < 0.5
    assert separation(fit_front(z, SPEC).apply(z), label) < 0.5
    assert separation(front.remainder_coordinates(z), label) < 0.1
    assert separation(fit_front(z, SPEC).remainder_coordinates(z), label) > 0.5


def test_numeric_and_missing_values_survive_too():
    """So does the direction of a number that only half of the rows have."""
    z, _, quiet = layer()
    value = np.random.default_rng(0).normal(size=len(z))
    z = z + 0.3 * torch.tensor(value, dtype=torch.float32)[:, None] * quiet
    known = np.where(np.arange(len(z)) % 2 == 0, value, np.nan)
    front = fit_front(z, SPEC, shared_by({"v": known}, {"v": PairSpec(kind="numeric")}))
    assert readable(front.apply(z), value) > 0.98 * readable(z, value) > 0.6
    assert readable(fit_front(z, SPEC).apply(z), value) < 0.2
    assert readable(front.remainder_coordinates(z), value) < 0.05


def readable(rows, value):
    """The share of a number's variance that a linear map of the rows explains."""
    target = torch.tensor(value, dtype=torch.float64)[:, None]
    design = torch.cat((rows.double(), torch.ones(len(rows), 1, dtype=torch.float64)), 1)
    rest = target - design @ torch.linalg.lstsq(design, target).solution
    return 1 - float(rest.var() / target.var())


@pytest.mark.parametrize("differs", [False, True])
def test_pair_tables_are_enough(differs):
    """A table of pairs that share a concept, or differ in nothing else, keeps its direction as well."""
    generator = torch.Generator().manual_seed(1)
    z, label, quiet = layer(n=4000)
    label = torch.from_numpy(label)
    if differs:
        other = z[:2000] - 0.4 * (2.0 * label[:2000] - 1)[:, None] * quiet
        other += 0.01 * torch.randn(other.shape, generator=generator)
        z = torch.cat((z[:2000], other))
        table = Pairs(np.arange(2000), np.arange(2000, 4000), differs="c")
        label = torch.cat((label[:2000], 1 - label[:2000]))
    else:
        places = [torch.nonzero(label == k).flatten() for k in (0, 1)]
        a = torch.cat([side[: len(side) // 2] for side in places])
        b = torch.cat([side[len(side) // 2 :][: len(side) // 2] for side in places])
        table = Pairs(a.numpy(), b.numpy(), shares="c")
    front = fit_front(z, SPEC, shared_by({}, {}, [table]))
    assert separation(front.apply(z), label.numpy()) > 3


def test_outlier_features_do_not_own_the_front():
    """Three features of huge variance change neither what is kept nor what is explained by much."""
    z, label, _ = layer()
    loud = z.clone()
    loud[:, :3] *= 1000
    loud[::50, :3] *= 30
    kept, kept_loud = label_front(z, label), label_front(loud, label)
    shape = np.linalg.svd(
        np.linalg.qr(kept.apply(z).numpy())[0].T @ np.linalg.qr(kept_loud.apply(loud).numpy())[0]
    )[1]
    assert np.median(shape) > 0.98
    assert abs(kept.explained - kept_loud.explained) < 0.05
    pca = torch.linalg.eigvalsh(torch.cov(loud.T))
    assert float(pca[-3:].sum() / pca.sum()) > 0.999


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_permuting_and_scaling_features_changes_nothing(seed):
    """Other units and another order of the features give the same coordinates, up to a turn."""
    rng = np.random.default_rng(seed)
    z, label, _ = layer(n=800)
    order, scale, shift = rng.permutation(N), np.exp(rng.normal(0, 2, N)), rng.normal(0, 10, N)
    other = torch.tensor(z.numpy().astype(np.float64)[:, order] * scale + shift).float()
    x, y = label_front(z, label).apply(z), label_front(other, label).apply(other)
    x, y = x - x.mean(0), y - y.mean(0)
    turn = torch.linalg.lstsq(x, y).solution
    torch.testing.assert_close(x @ turn, y, atol=0.05, rtol=0)


def test_directions_without_variance_are_left_out():
    """Of a layer of low rank only what varies reaches the flow, and nothing is left over."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(500, 7, generator=generator) @ torch.randn(7, N, generator=generator)
    front = fit_front(z, SPEC)
    assert front.n_dims == 6
    assert front.rest is not None
    assert front.rest.shape[1] == 1


def test_constant_wide_layer_is_refused():
    """A layer that gives the same row for everything cannot be studied."""
    with pytest.raises(InputError, match="vary in 0 directions"):
        fit_front(torch.ones(20, N), SPEC)


def test_noise_does_not_drown_a_quiet_concept():
    """Noise of a fifth of each feature leaves the classes apart that a wide layer's front has kept."""
    z, label, _ = layer()
    front = label_front(z, label)
    noise = 0.2 * noise_behind(front, z.std(0))
    epsilon = torch.randn(len(z), D, generator=torch.Generator().manual_seed(0))
    assert separation(front.apply(z) + epsilon @ noise, label) > 1.5
    assert float((epsilon @ noise).std(0).max()) <= 0.85
    raw = front.forward.T * z.std(0).square() @ front.forward
    assert 0.2 * float(torch.linalg.eigvalsh(raw)[-1].sqrt()) > 3


def test_reader_gives_what_rows_in_memory_give(tmp_path):
    """Rows of a memory-mapped file, read as float16, give the front of the same rows in memory."""
    z, label, _ = layer(n=3000)
    np.save(tmp_path / "rows.npy", z.half().numpy())
    stored = np.load(tmp_path / "rows.npy", mmap_mode="r")
    shared = shared_by({"c": label}, {"c": PairSpec()})
    streamed = fit_front(ArrayReader(stored), SPEC, shared)
    whole = fit_front(z.half().float(), SPEC, shared)
    torch.testing.assert_close(streamed.forward, whole.forward)
    assert streamed.explained == pytest.approx(whole.explained)
    assert math.isfinite(streamed.log_det)
