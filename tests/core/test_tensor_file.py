"""Reading files of tensors, and refusing everything else."""

from __future__ import annotations

import os

import pytest
import torch
from safetensors.torch import save_file

from iin_core.errors import CheckpointError
from iin_core.tensor_file import read_tensor_file, state_dict_in

TENSORS = {"a": torch.arange(3.0), "b": torch.eye(2)}


class Hostile:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch hostile_was_here",)


@pytest.mark.parametrize("new_format", [True, False])
def test_torch_files(tmp_path, new_format):
    """Both of torch's formats are read."""
    torch.save(TENSORS, tmp_path / "w.pt", _use_new_zipfile_serialization=new_format)
    assert torch.equal(read_tensor_file(tmp_path / "w.pt")["b"], TENSORS["b"])


def test_safetensors_files(tmp_path):
    """safetensors is known by its suffix."""
    save_file(TENSORS, tmp_path / "w.safetensors")
    assert torch.equal(read_tensor_file(tmp_path / "w.safetensors")["a"], TENSORS["a"])


@pytest.mark.parametrize("new_format", [True, False])
def test_code_is_refused_and_not_run(tmp_path, monkeypatch, new_format):
    """A pickle that would run a command is refused, and the command is not run."""
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Hostile()}, "w.pt", _use_new_zipfile_serialization=new_format)
    with pytest.raises(
        CheckpointError, match=r"holds code or objects besides tensors(.|\n)*save the state dict alone"
    ):
        read_tensor_file("w.pt")
    assert not (tmp_path / "hostile_was_here").exists()


def test_a_whole_model_is_refused(tmp_path):
    """A pickled module is code."""
    torch.save(torch.nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="holds code or objects"):
        read_tensor_file(tmp_path / "w.pt")


@pytest.mark.parametrize("suffix", ["pt", "safetensors", "ckpt"])
@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02", b"PK\x03\x04", bytes(20)], ids=repr)
def test_what_is_no_checkpoint_is_refused(tmp_path, suffix, content):
    """Empty files, texts and beginnings of files are refused in words."""
    path = tmp_path / f"w.{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"not a checkpoint, or is cut short: .+\n  where: .*w\."):
        read_tensor_file(path)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_short_is_refused(tmp_path, suffix, share):
    """A copy that broke off is refused."""
    path = tmp_path / f"w.{suffix}"
    (save_file if suffix == "safetensors" else torch.save)(TENSORS, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match="not a checkpoint, or is cut short"):
        read_tensor_file(path)


def test_missing_files_and_folders_are_refused(tmp_path):
    """The text tells a missing file from a folder."""
    with pytest.raises(CheckpointError, match=r"There is no such checkpoint(.|\n)*nowhere\.pt"):
        read_tensor_file(tmp_path / "nowhere.pt")
    with pytest.raises(CheckpointError, match="one file, not a folder"):
        read_tensor_file(tmp_path)


@pytest.mark.parametrize("key", [None, "state_dict", "model_state_dict", "model"])
def test_the_state_dict_of_a_training_program_is_found(key):
    """Tensors are found at the top, or one level down beside an optimizer's state."""
    content = TENSORS if key is None else {"epoch": 3, key: TENSORS, "optimizer": {"state": {}}}
    assert state_dict_in(content, "w.pt").keys() == TENSORS.keys()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"weights": TENSORS, "epoch": 1}, r"but the keys \['epoch', 'weights'\]"),
        ({}, r"but the keys \[\]"),
        ([1, 2], "but list"),
        (torch.zeros(2), "but Tensor"),
    ],
)
def test_a_file_without_a_state_dict_is_refused(content, found):
    """The text says what was found instead."""
    with pytest.raises(CheckpointError, match=found):
        state_dict_in(content, "w.pt")
