"""Published checkpoints load and compute what the published network computes."""

from __future__ import annotations

import pytest
import torch

from iin_core.errors import CheckpointError, InputError
from iin_core.interpreter import Interpreter
from iin_core.published import load_published
from tests.core.published_reference import decode, encode, random_checkpoint

BLOCKS = {"digit": 3, "colour": 2, "residual": 3}


def _rows(n_dims=8, n=50, seed=9):
    return torch.randn(n, n_dims, generator=torch.Generator().manual_seed(seed))


def _saved(tmp_path, state, key="model"):
    path = tmp_path / "model-120000.ckpt"
    torch.save({key: state, "optimizer": {"state": {}}, "global_step": 3} if key else state, path)
    return path


@pytest.mark.parametrize(
    ("n_dims", "n_flows", "hidden", "depth"), [(8, 3, 16, 2), (2, 1, 4, 0), (6, 2, 5, 1), (64, 12, 64, 2)]
)
def test_codes_and_determinants_are_those_of_the_published_network(tmp_path, n_dims, n_flows, hidden, depth):
    """z̃ and log|det| agree with the oracle, computed in float64, to 1e-5 of their size."""
    state = random_checkpoint(n_dims, n_flows, hidden, depth)
    blocks = {"concept": n_dims // 2, "residual": n_dims - n_dims // 2}
    interpreter = load_published(_saved(tmp_path, state), blocks)
    z = _rows(n_dims)
    z_tilde, log_det = interpreter.encode_with_log_det(z)
    expected, expected_log_det = encode(state, z.double())
    torch.testing.assert_close(z_tilde.double(), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(log_det.double(), expected_log_det, atol=1e-5, rtol=1e-5)


def test_decoding_is_the_published_inverse(tmp_path):
    """z comes back from z̃ as the oracle gives it."""
    state = random_checkpoint()
    z_tilde = _rows()
    z = load_published(_saved(tmp_path, state), BLOCKS).decode(z_tilde)
    torch.testing.assert_close(z.double(), decode(state, z_tilde.double()), atol=1e-5, rtol=1e-5)


def test_the_oracle_inverts_itself_and_its_determinant_is_that_of_its_jacobian():
    """What the other tests compare with is a bijection with the log-determinant that it claims."""
    state, z = random_checkpoint(6, 2, 5, 1), _rows(6, 3).double()
    z_tilde, log_det = encode(state, z)
    torch.testing.assert_close(decode(state, z_tilde), z)
    for row, value in zip(z, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda x: encode(state, x[None])[0][0], row)
        torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, value)


@pytest.mark.parametrize("key", ["model", "state_dict", None])
def test_the_state_dict_may_be_wrapped_or_bare(tmp_path, key):
    """The model is found under its key beside an optimizer's state, or at the top."""
    interpreter = load_published(_saved(tmp_path, random_checkpoint(), key), BLOCKS)
    assert interpreter.n_features == 8


def test_blocks_keep_the_order_that_is_given(tmp_path):
    """The published residual is the last block; names and sizes are the caller's."""
    interpreter = load_published(_saved(tmp_path, random_checkpoint()), BLOCKS)
    assert dict(interpreter.blocks) == {"digit": slice(0, 3), "colour": slice(3, 5), "residual": slice(5, 8)}
    assert interpreter.meta["published"] == "CompVis/iin"
    z, donors = _rows(seed=1), _rows(seed=2)
    swapped = interpreter.encode(interpreter.swap(z, donors, "digit"))
    torch.testing.assert_close(swapped[:, :3], interpreter.encode(donors)[:, :3], atol=1e-3, rtol=1e-3)


def test_a_loaded_checkpoint_is_saved_and_loaded_as_an_interpreter(tmp_path):
    """A published checkpoint becomes an interpreter's folder without a change of its codes."""
    interpreter = load_published(_saved(tmp_path, random_checkpoint()), BLOCKS)
    interpreter.save(tmp_path / "folder")
    again = Interpreter.load(tmp_path / "folder")
    z = _rows()
    assert torch.equal(again.encode(z), interpreter.encode(z))
    assert dict(again.blocks) == dict(interpreter.blocks)
    assert list(again.blocks) == list(BLOCKS)


def test_blocks_that_do_not_sum_to_n_are_refused(tmp_path):
    """The text says both sums."""
    path = _saved(tmp_path, random_checkpoint())
    with pytest.raises(CheckpointError, match="The blocks sum to 7 dimensions, the checkpoint has 8"):
        load_published(path, {"digit": 4, "residual": 3})
    with pytest.raises(InputError, match="no residual"):
        load_published(path, {"digit": 8})


@pytest.mark.parametrize(
    "name",
    [
        "realnvp.flow.1.flow.0.loc",
        "realnvp.flow.0.flow.0.initialized",
        "realnvp.flow.0.flow.1.s.1.main.2.weight",
        "realnvp.flow.2.flow.1.t.0.main.6.bias",
        "realnvp.flow.2.flow.2.backward_shuffle_idx",
    ],
)
def test_a_missing_tensor_is_named(tmp_path, name):
    """Each tensor is needed."""
    state = random_checkpoint()
    del state[name]
    with pytest.raises(CheckpointError, match=r"does not fit the published network: .* is missing") as error:
        load_published(_saved(tmp_path, state), BLOCKS)
    assert name in str(error.value)


def _with(name, tensor):
    return {**random_checkpoint(), f"realnvp.flow.1.flow.{name}": tensor}


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (_with("0.loc", torch.zeros(1, 6, 1, 1)), r"0\.loc' has shape \(1, 6, 1, 1\), not \(1, 8, 1, 1\)"),
        (_with("0.loc", torch.full((1, 8, 1, 1), float("nan"))), r"0\.loc' is not finite"),
        (_with("0.scale", torch.zeros(1, 8, 1, 1)), r"scale' is zero somewhere"),
        (_with("0.initialized", torch.tensor(0, dtype=torch.uint8)), "waits for the first batch"),
        (_with("1.s.2.main.0.weight", torch.zeros(16, 4)), r"does not have: realnvp\.flow\.1\.flow\.1\.s\.2"),
        (_with("2.forward_shuffle_idx", torch.zeros(8, dtype=torch.int64)), "is no permutation"),
        (_with("2.backward_shuffle_idx", torch.arange(8)), "not each other's inverse"),
        ({"sub_layers.0.coupling.s.0.main.0.weight": torch.zeros(2)}, "holds a conditional flow"),
        ({"flow.sub_layers.0.coupling.s.0.main.0.weight": torch.zeros(2)}, "holds a conditional flow"),
        ({"fc.weight": torch.zeros(2)}, r"no published flow, but fc\.weight"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(tmp_path, state, text):
    """Each kind of unfit is said with the tensor's name, and where the file is."""
    with pytest.raises(CheckpointError, match=text) as error:
        load_published(_saved(tmp_path, state), BLOCKS)
    assert "model-120000.ckpt" in str(error.value)


def test_blocks_are_asked_for_where_a_checkpoint_needs_them(tmp_path):
    """The paper's layout names no blocks, so they are given."""
    with pytest.raises(InputError, match="does not name its blocks"):
        load_published(_saved(tmp_path, random_checkpoint()))


def test_a_file_with_code_is_refused(tmp_path):
    """A checkpoint that pickles a module is not opened."""
    torch.save({"model": torch.nn.Linear(2, 2)}, tmp_path / "w.ckpt")
    with pytest.raises(CheckpointError, match="holds code or objects besides tensors"):
        load_published(tmp_path / "w.ckpt", BLOCKS)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    """A text is no checkpoint, and a missing file is told from one."""
    (tmp_path / "w.ckpt").write_text("weights")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        load_published(tmp_path / "w.ckpt", BLOCKS)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_published(tmp_path / "v.ckpt", BLOCKS)
