"""Fingerprints: SHA-256 of what data, weights and code *are*, whatever holds them in memory."""

from __future__ import annotations

import hashlib
import inspect
import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from torch import Tensor

from tasks.sealed import file_sha256

_MISSING = b"\x00"
_PRESENT = b"\x01"


def fingerprint_parts(parts: Mapping[str, str]) -> str:
    """One fingerprint of several named ones, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(parts):
        _add(digest, name.encode())
        _add(digest, parts[name].encode())
    return digest.hexdigest()


def fingerprint_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Of named tensors (a state dict): names, dtypes, shapes and bytes, on whatever device."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        _add(digest, name.encode())
        _add(digest, f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        _add(digest, tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def fingerprint_table(table: pd.DataFrame) -> str:
    """Of a table's column names and values, row by row; the index and pandas dtypes do not matter.

    Whole numbers are equal in any width, texts in any string type or category, and every kind of
    missing value is the same; 1, 1.0, True and "1" are different.

    Raises:
        TypeError: a value that is none of number, boolean, text, time, missing.
    """
    digest = hashlib.sha256(str(len(table)).encode())
    for name in table.columns:
        _add(digest, str(name).encode())
        _add(digest, _column(table[name]))
    return digest.hexdigest()


def fingerprint_source(thing: Any) -> str:
    """Of the source code of a module, or of the module in which a class or function is defined.

    A package counts with all its Python files. Comments count too: what a comment-only change
    recomputes is cheaper than what a wrong guess would reuse.

    Raises:
        TypeError: it has no source file (built in, or typed into a console).
    """
    module = thing if isinstance(thing, ModuleType) else inspect.getmodule(thing)
    file = getattr(module, "__file__", None)
    if module is None or file is None:
        raise TypeError(f"{thing!r} has no source file, so it has no fingerprint")
    path = Path(file)
    return _folder(path.parent) if path.name == "__init__.py" else file_sha256(path)


@cache
def _folder(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*.py") if path.is_file())
    return fingerprint_parts({path.relative_to(folder).as_posix(): file_sha256(path) for path in files})


def _column(column: pd.Series) -> bytes:
    missing = column.isna().to_numpy(dtype=bool)
    values = column.to_numpy(dtype=object)
    digest = hashlib.sha256()
    for value, absent in zip(values, missing, strict=True):
        digest.update(_MISSING) if absent else _add(digest, _PRESENT + _cell(value, column.name))
    return digest.digest()


def _cell(value: Any, column: Any) -> bytes:
    if isinstance(value, (bool, np.bool_)):
        return b"b" + bytes([bool(value)])
    if isinstance(value, (int, np.integer)):
        return b"i" + str(int(value)).encode()
    if isinstance(value, (float, np.floating)):
        return b"f" + struct.pack("<d", value)
    if isinstance(value, str):
        return b"s" + value.encode(errors="surrogatepass")
    if isinstance(value, (pd.Timestamp, np.datetime64)):
        return b"t" + pd.Timestamp(value).isoformat().encode()
    raise TypeError(f"column {column!r} holds a {type(value).__name__}, which has no fingerprint")


def _add(digest: Any, part: bytes) -> None:
    # With its length in front, so that ("ab", "c") and ("a", "bc") differ.
    digest.update(len(part).to_bytes(8, "little"))
    digest.update(part)
