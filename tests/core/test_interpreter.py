"""Interpreters: exact ways there and back, edits that change one factor, files without code."""

import json

import numpy as np
import pytest
import torch

from iin_core import FlowSpec, Interpreter, TrainingSpec, fit
from iin_core.errors import CheckpointError, InputError
from iin_core.priors import ValuePrior

FLOW = FlowSpec(couplings=3, hidden=24)
TRAINING = TrainingSpec(updates=300, batch=64)
RNG = np.random.default_rng(0)
SHAPE = RNG.integers(0, 4, 600)
SIZE = RNG.random(600)
Z = np.tanh(RNG.normal(size=(4, 6))[SHAPE] @ RNG.normal(size=(6, 12)) + RNG.normal(size=(600, 12)) * 0.3)
Z[:, 3] += SIZE
NAMES = np.array(["disc", "ring", "star", "box"])[SHAPE]


@pytest.fixture(scope="module")
def interpreter():
    return fit(Z, {"shape": NAMES, "size": SIZE}, flow=FLOW, training=TRAINING)


@pytest.fixture(scope="module")
def narrow():
    """An interpreter whose front keeps 6 of 12 coordinates."""
    return fit(Z, {"shape": NAMES}, flow=FLOW.model_copy(update={"front_dims": 6}), training=TRAINING)


def test_decode_undoes_encode(interpreter):
    """T⁻¹(T(z)) is z to float32."""
    z = torch.tensor(Z).float()
    torch.testing.assert_close(interpreter.decode(interpreter.encode(Z)), z, atol=1e-4, rtol=1e-4)


def test_decode_is_exact_with_the_row_at_hand(narrow):
    """Behind a narrow front `like` brings back what the front leaves out."""
    z = torch.tensor(Z).float()
    z_tilde = narrow.encode(Z)
    assert z_tilde.shape == (600, 6)
    torch.testing.assert_close(narrow.decode(z_tilde, like=Z), z, atol=1e-4, rtol=1e-4)
    assert float((narrow.decode(z_tilde) - z).abs().max()) > 0.1


@pytest.mark.parametrize("which", ["interpreter", "narrow"])
def test_swapping_a_row_with_itself_changes_nothing(which, request):
    """A swap with the row's own factor gives back the row bit for bit."""
    chosen = request.getfixturevalue(which)
    assert torch.equal(chosen.swap(Z, Z, "shape"), torch.tensor(Z).float())


def test_swap_changes_the_factor_and_nothing_else(interpreter):
    """After a swap the code has the donor's block, and the base's in all the others."""
    base, donor = Z[:50], Z[50:100]
    swapped = interpreter.encode(interpreter.swap(base, donor, "shape"))
    for name, place in interpreter.blocks.items():
        expected = interpreter.encode(donor if name == "shape" else base)[:, place]
        torch.testing.assert_close(swapped[:, place], expected, atol=2e-3, rtol=2e-3)


def test_swapping_everything_gives_the_donor(interpreter):
    """With all blocks from the donor the result is the donor."""
    swapped = interpreter.swap(Z[:50], Z[50:100], list(interpreter.blocks))
    torch.testing.assert_close(swapped, torch.tensor(Z[50:100]).float(), atol=1e-4, rtol=1e-4)


def test_an_edit_has_a_strength(interpreter):
    """Half the strength goes half of the way in z̃, no strength changes nothing, the rest stays in both."""
    z_tilde, place = interpreter.encode(Z[:50]), interpreter.blocks["shape"]
    half, whole = (
        interpreter.encode(interpreter.edit(Z[:50], "shape", to="ring", strength=s)) for s in (0.5, 1)
    )
    torch.testing.assert_close((whole - z_tilde)[:, place], 2 * (half - z_tilde)[:, place], atol=5e-3, rtol=0)
    rest = [i for i in range(12) if i not in range(place.start, place.stop)]
    torch.testing.assert_close(half[:, rest], z_tilde[:, rest], atol=2e-3, rtol=2e-3)
    unmoved = interpreter.edit(Z[:50], "shape", to="ring", strength=0.0)
    assert torch.equal(unmoved, torch.tensor(Z[:50]).float())


def test_a_factor_is_drawn_from_one_class(interpreter):
    """Drawn with `to` the block lies in that class, whatever the row's own; a number has no classes."""
    drawn = interpreter.resample(Z[:200], "shape", to="star")
    prior = interpreter.priors["shape"]
    codes = interpreter.encode(drawn)[:, interpreter.blocks["shape"]]
    nearest = torch.cdist(codes / prior.std, prior.means / prior.std).argmin(1)
    assert (nearest == prior.labels.index("star")).float().mean() > 0.9
    with pytest.raises(InputError, match="'size' has no classes"):
        interpreter.resample(Z[:5], "size", to=0.3)


def test_edit_sets_a_label_and_a_value(interpreter):
    """After an edit the block lies in the class, or reads the value, that was asked for."""
    prior = interpreter.priors["shape"]
    edited = interpreter.encode(interpreter.edit(Z[:50], "shape", to="ring"))[:, interpreter.blocks["shape"]]
    nearest = torch.cdist(edited / prior.std, prior.means / prior.std).argmin(1)
    assert (nearest == prior.labels.index("ring")).float().mean() > 0.9
    size = interpreter.priors["size"]
    codes = interpreter.encode(interpreter.edit(Z[:50], "size", to=0.3))[:, interpreter.blocks["size"]]
    torch.testing.assert_close(codes @ size.weight + size.bias, torch.full((50,), 0.3), atol=1e-2, rtol=0)


def test_resampling_keeps_the_other_blocks(interpreter):
    """Resampling draws one block anew, the same for the same seed."""
    one, again = (interpreter.resample(Z[:50], "shape", seed=3) for _ in range(2))
    assert torch.equal(one, again)
    assert not torch.equal(one, interpreter.resample(Z[:50], "shape", seed=4))
    before, after = interpreter.encode(Z[:50]), interpreter.encode(one)
    place = interpreter.blocks["residual"]
    torch.testing.assert_close(after[:, place], before[:, place], atol=2e-3, rtol=2e-3)


def test_samples_are_likely(interpreter):
    """Samples are about as likely as the data under the interpreter's own density."""
    samples = interpreter.sample(500, seed=1)
    assert samples.shape == (500, 12)
    gap = interpreter.log_prob(samples).mean() - interpreter.log_prob(Z).mean()
    assert abs(float(gap)) < 6


def test_density_counts_the_front(interpreter):
    """The log-determinant is that of the whole map from z to z̃, the front included."""
    z = torch.tensor(Z[:3]).double()
    flow = interpreter.flow.double()
    front = interpreter.front
    for i in range(3):
        jacobian = torch.autograd.functional.jacobian(
            lambda row: flow(((row - front.mean) @ front.forward.double())[None, None])[0][0, 0], z[i]
        )
        expected = torch.linalg.slogdet(jacobian)[1]
        interpreter.flow.float()
        _, log_det = interpreter.encode_with_log_det(Z[i : i + 1])
        assert float(log_det[0]) == pytest.approx(float(expected), abs=1e-3)
        flow.double()
    interpreter.flow.float()


def test_gradients_reach_the_activation(interpreter):
    """Encoding and editing are differentiable in z, and leave the network's own weights alone."""
    z = torch.tensor(Z[:5]).float().requires_grad_()
    interpreter.edit(z, "shape", to="box").square().sum().backward()
    assert z.grad is not None
    assert float(z.grad.abs().min()) > 0
    assert not any(parameter.requires_grad for parameter in interpreter.flow.parameters())


def test_saved_and_loaded_is_the_same(interpreter, tmp_path):
    """A loaded interpreter encodes, scores and samples bit for bit as the saved one."""
    interpreter.save(tmp_path / "a")
    loaded = Interpreter.load(tmp_path / "a")
    assert torch.equal(loaded.encode(Z), interpreter.encode(Z))
    assert torch.equal(loaded.log_prob(Z), interpreter.log_prob(Z))
    assert torch.equal(loaded.sample(10), interpreter.sample(10))
    assert loaded.labels == interpreter.labels == {"shape": ["box", "disc", "ring", "star"]}
    assert loaded.meta == interpreter.meta
    loaded.save(tmp_path / "b")
    for name in ("interpreter.json", "interpreter.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_files_that_do_not_fit_are_refused(interpreter, tmp_path):
    """A folder without an interpreter, of a newer version, or cut short is refused with the reason."""
    with pytest.raises(CheckpointError, match="does not hold an interpreter"):
        Interpreter.load(tmp_path)
    interpreter.save(tmp_path)
    document = json.loads((tmp_path / "interpreter.json").read_text())
    (tmp_path / "interpreter.json").write_text(json.dumps({**document, "iin_interpreter": 99}))
    with pytest.raises(CheckpointError, match="format 99"):
        Interpreter.load(tmp_path)
    interpreter.save(tmp_path)
    tensors = tmp_path / "interpreter.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="do not fit together"):
        Interpreter.load(tmp_path)


def test_wrong_rows_and_names_are_refused(interpreter):
    """Rows of another width and unknown factors are refused, with the shape and the names."""
    with pytest.raises(InputError, match=r"shape \(n, 12\), these have \(600, 11\)"):
        interpreter.encode(Z[:, :11])
    with pytest.raises(InputError, match="no factor 'shpe'") as caught:
        interpreter.swap(Z, Z, "shpe")
    assert "shape" in caught.value.fix


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_refused_by_their_place(interpreter, bad):
    """Rows, donors and codes: none comes out as NaN without a word."""
    rows = Z[:5].copy()
    rows[3, 7] = rows[4, 2] = bad
    for call in (
        lambda: interpreter.encode(rows),
        lambda: interpreter.decode(rows),
        lambda: interpreter.decode(interpreter.encode(Z[:5]), like=rows),
        lambda: interpreter.swap(Z[:5], rows, "shape"),
        lambda: interpreter.swap(rows, Z[:5], "shape"),
    ):
        with pytest.raises(InputError, match="2 of 5 rows hold numbers that are not finite") as caught:
            call()
        assert f"{bad} in row 3, column 7" in caught.value.where


@pytest.mark.parametrize("to", ["big", "0.5", np.nan])
def test_a_number_is_set_to_a_number(interpreter, to):
    """Words are refused, with what the readout says of an average row."""
    (name,) = (name for name, prior in interpreter.priors.items() if isinstance(prior, ValuePrior))
    with pytest.raises(InputError, match="given by a number cannot be set to") as caught:
        interpreter.edit(Z[:5], name, to=to)
    assert f"says {interpreter.priors[name].bias:.3g}" in caught.value.fix


@pytest.mark.parametrize("which", ["interpreter", "narrow"])
def test_a_walk_moves_one_factor_from_the_row_itself(which, request):
    """It begins with the row bit for bit; every code along it keeps all other blocks."""
    chosen = request.getfixturevalue(which)
    walk = chosen.walk(Z[:20], "shape", 6, seed=1)
    assert walk.z.shape == (7, 20, 12)
    assert torch.equal(walk.z[0], torch.tensor(Z[:20]).float())
    codes = chosen.encode(walk.z[-1])
    before = chosen.encode(Z[:20])
    for name, place in chosen.blocks.items():
        expected = walk.blocks[-1] if name == "shape" else before[:, place]
        torch.testing.assert_close(codes[:, place], expected, atol=5e-3, rtol=5e-3)
    assert torch.equal(chosen.walk(Z[:20], "shape", 6, seed=1).z, walk.z)
    with pytest.raises(InputError, match="no factor 'hue'"):
        chosen.walk(Z[:2], "hue", 3)


@pytest.mark.parametrize("space", ["code", "activation"])
@pytest.mark.parametrize("which", ["interpreter", "narrow"])
def test_a_line_ends_in_both_rows_and_is_straight_where_it_was_asked_to_be(which, space, request):
    """Log-densities along it are those of the rows; the middle is the mean of codes or of rows."""
    chosen = request.getfixturevalue(which)
    line = chosen.interpolate(Z[:10], Z[10:20], 5, space)
    ends = torch.tensor(np.stack([Z[:10], Z[10:20]])).float()
    torch.testing.assert_close(line.z[[0, -1]], ends, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(line.log_prob[0], chosen.log_prob(Z[:10]), atol=0.05, rtol=1e-3)
    torch.testing.assert_close(line.nll_per_dim[2], chosen.nll_per_dim(line.z[2]), atol=1e-4, rtol=1e-4)
    if space == "activation":
        torch.testing.assert_close(line.z[2], ends.mean(0), atol=1e-5, rtol=1e-5)
    else:
        middle = (chosen.encode(Z[:10]) + chosen.encode(Z[10:20])) / 2
        torch.testing.assert_close(chosen.encode(line.z[2]), middle, atol=5e-3, rtol=5e-3)


def test_a_line_without_ends_is_refused(interpreter):
    """One point is no line, and rows come in pairs."""
    with pytest.raises(InputError, match="A line of 1 points"):
        interpreter.interpolate(Z[:3], Z[3:6], 1)
    with pytest.raises(InputError, match="between 3 and 2 rows"):
        interpreter.interpolate(Z[:3], Z[3:5], 4)


def test_swaps_draws_and_saves_that_cannot_be_are_refused_in_words(interpreter, tmp_path):
    """Unequal numbers of rows, no draw at all, and a file where the folder is to be."""
    with pytest.raises(InputError, match="as many base rows as source rows; there are 3 and 2"):
        interpreter.swap(Z[:3], Z[3:5], next(iter(interpreter.blocks)))
    with pytest.raises(InputError, match="0 activations cannot be drawn"):
        interpreter.sample(0)
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="a file of that name is there"):
        interpreter.save(tmp_path / "taken")
