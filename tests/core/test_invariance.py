"""The conditional interpreter: v holds what a layer discards, and nothing of what it tells."""

import numpy as np
import pytest
import torch

from iin_core.conditional_spec import ConditionalFlowSpec, conditional_training
from iin_core.errors import CheckpointError, InputError
from iin_core.examples import coloured_digits
from iin_core.invariance import ConditionalInterpreter, fit_invariance
from iin_core.metrics.invariance import readable
from iin_core.spec import EvaluationSpec
from tests.core.invariance_world import world

FLOW = ConditionalFlowSpec(couplings=2, hidden=32, embedding=8, embedding_hidden=32)
TRAINING = conditional_training().model_copy(update={"updates": 60})


@pytest.fixture(scope="module")
def rows():
    return world(400, seed=0)


@pytest.fixture(scope="module")
def fitted(rows):
    return fit_invariance(rows.z_bar, rows.z, seed=1, flow=FLOW, training=TRAINING)


def test_codes_come_back_and_samples_have_their_shape(rows, fitted):
    """decode undoes encode given the same z; sample draws n codes for each row, reproducibly."""
    v = fitted.encode(rows.z_bar, given=rows.z)
    assert v.shape == (400, fitted.n_dims)
    back = fitted.decode(v, given=rows.z)
    torch.testing.assert_close(back, torch.from_numpy(rows.z_bar), atol=1e-4, rtol=1e-4)
    drawn = fitted.sample(given=rows.z[:5], n=7, seed=3)
    assert drawn.shape == (5, 7, 6)
    assert torch.equal(drawn, fitted.sample(given=rows.z[:5], n=7, seed=3))
    assert not torch.equal(drawn, fitted.sample(given=rows.z[:5], n=7, seed=4))


def test_the_density_is_that_of_v_and_the_determinant(rows, fitted):
    """log p(z̄ | z) = log N(v) + log|det|, and the mean NLL is below that of a row exchanged at random."""
    v, log_det = fitted.encode_with_log_det(rows.z_bar, given=rows.z)
    normal = torch.distributions.Normal(0, 1).log_prob(v).sum(1)
    torch.testing.assert_close(fitted.log_prob(rows.z_bar, given=rows.z), normal + log_det)
    own = fitted.nll_per_dim(rows.z_bar, given=rows.z).mean()
    assert own < fitted.nll_per_dim(rows.z_bar, given=rows.z[::-1].copy()).mean() - 0.2


def test_noise_is_that_of_the_training(rows, fitted):
    """Each feature gets its share of its own deviation, the same for a seed."""
    noisy = fitted.noisy(np.repeat(rows.z_bar[:1], 4000, 0), seed=2)
    expected = 0.1 * torch.from_numpy(rows.z_bar).std(0)
    torch.testing.assert_close(noisy.std(0), expected, rtol=0.1, atol=0)
    assert torch.equal(fitted.noisy(rows.z_bar, seed=2), fitted.noisy(rows.z_bar, seed=2))


def test_the_same_seed_gives_the_same_interpreter(rows, fitted, tmp_path):
    """Bit for bit; and so does what was saved and loaded."""
    again = fit_invariance(rows.z_bar, rows.z, seed=1, flow=FLOW, training=TRAINING)
    v = fitted.encode(rows.z_bar, given=rows.z)
    assert torch.equal(again.encode(rows.z_bar, given=rows.z), v)
    fitted.save(tmp_path / "t")
    loaded = ConditionalInterpreter.load(tmp_path / "t")
    assert torch.equal(loaded.encode(rows.z_bar, given=rows.z), v)
    assert loaded.meta == fitted.meta


def test_activations_come_in_the_layers_own_shape(rows):
    """A layer (n, C, H, W) is the same as its flattened rows."""
    maps = rows.z.reshape(400, 5, 2, 1)
    few = TRAINING.model_copy(update={"updates": 2})
    one = fit_invariance(rows.z_bar, maps, flow=FLOW, training=few)
    other = fit_invariance(rows.z_bar, rows.z, flow=FLOW, training=few)
    assert torch.equal(one.encode(rows.z_bar, given=maps), other.encode(rows.z_bar, given=rows.z))


def test_what_is_held_back_is_whole_sources(rows):
    """The validation sources in `meta` are 15 % of the sources."""
    source = np.repeat(np.arange(100), 4)
    few = TRAINING.model_copy(update={"updates": 2})
    fitted = fit_invariance(rows.z_bar, rows.z, source=source, flow=FLOW, training=few)
    assert len(fitted.meta["validation_sources"]) == 15
    assert {"nll_train", "nll_validation"} <= fitted.meta.keys()


def test_rows_that_do_not_belong_together_are_refused(rows, fitted):
    """Numbers of rows, widths, values that are not finite, and a single source are said in words."""
    with pytest.raises(InputError, match="There are 400 codes, 399 activations and 400 sources"):
        fit_invariance(rows.z_bar, rows.z[1:])
    bad = rows.z.copy()
    bad[3, 2] = np.nan
    with pytest.raises(InputError, match="1 rows of z are not finite"):
        fit_invariance(rows.z_bar, bad)
    with pytest.raises(InputError, match="All rows come from one source"):
        fit_invariance(rows.z_bar, rows.z, source=np.zeros(400))
    with pytest.raises(InputError, match=r"Rows of z have the shape \(n, 10\), these have \(400, 6\)"):
        fitted.encode(rows.z_bar, given=rows.z_bar)
    with pytest.raises(InputError, match="There are 400 codes and 3 activations"):
        fitted.encode(rows.z_bar, given=rows.z[:3])


def test_a_folder_that_holds_none_is_said(tmp_path, fitted):
    """A missing, a cut and a newer file each have their words."""
    with pytest.raises(CheckpointError, match="does not hold a conditional interpreter"):
        ConditionalInterpreter.load(tmp_path)
    fitted.save(tmp_path)
    path = tmp_path / "invariance.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"iin_invariance": 1', '"iin_invariance": 9'), encoding="utf-8")
    with pytest.raises(CheckpointError, match="has format 9; this version reads up to 1"):
        ConditionalInterpreter.load(tmp_path)
    path.write_text(text[:100], encoding="utf-8")
    with pytest.raises(CheckpointError, match="do not fit together"):
        ConditionalInterpreter.load(tmp_path)


def test_what_a_front_leaves_out_is_saved(rows, tmp_path):
    """Of a code wider than the flow the remainder's coordinates come back as they were."""
    generator = torch.Generator().manual_seed(0)
    z_bar = torch.randn(400, 12, generator=generator) * torch.linspace(2, 0.5, 12)
    narrow = FLOW.model_copy(update={"front_dims": 6})
    fitted = fit_invariance(z_bar, rows.z, flow=narrow, training=conditional_training(10))
    fitted.save(tmp_path)
    back = ConditionalInterpreter.load(tmp_path)
    left_out = fitted.front.remainder_coordinates(z_bar)
    assert left_out.shape[1] > 0
    assert torch.equal(back.front.remainder_coordinates(z_bar), left_out)


@pytest.mark.slow
def test_a_layer_that_is_blind_to_colour_leaves_all_of_it_to_v():
    """On real digits in six colours: the brightest channel has no colour, and all of the digit."""
    images, table = coloured_digits()
    rows = torch.from_numpy(images).flatten(1)
    held = np.array(table["source"] % 4 == 0)
    train, source = ~held, np.array(table["source"])
    # A linear autoencoder: the code is that of the leading principal directions.
    with torch.random.fork_rng():
        torch.manual_seed(0)
        _, _, directions = torch.pca_lowrank(rows[torch.from_numpy(train)], q=32, niter=4)
    z_bar = rows @ directions
    z = torch.nn.functional.avg_pool2d(torch.from_numpy(images).amax(1), 4).flatten(1)
    at, of = torch.from_numpy(held), torch.from_numpy(train)
    t = fit_invariance(z_bar[of], z[of], source=source[train], training=conditional_training(800))
    code = t.noisy(z_bar[at])
    codes = {"v": t.encode(code, given=z[at]), "z": z[at], "z_bar": code}
    concepts = {name: np.array(table[name])[held] for name in ("digit", "colour")}
    spec = EvaluationSpec(probes=("mlp",), bootstrap=20, permutations=40)
    found = readable(codes, concepts, source[held], spec).set_index(["code", "concept"])
    assert found.loc[("z", "colour"), "accuracy"] <= found.loc[("z", "colour"), "control_high"] + 0.02
    ceiling = found.loc[("z_bar", "colour"), "accuracy"]
    assert ceiling > 0.95
    assert abs(found.loc[("v", "colour"), "accuracy"] - ceiling) <= 0.05
    assert found.loc[("v", "digit"), "accuracy"] <= 0.1 + 0.1
