"""What is fitted, on disk: a folder with one JSON file and one of safetensors, no code, no pickle."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from iin_core.errors import CheckpointError, InputError

T = TypeVar("T")


@dataclass(frozen=True)
class SavedFolder:
    """One kind of thing that is saved.

    Args:
        stem: of both files' names.
        marker: the key of the JSON document that holds its format.
        format: that is written; older ones are read.
        what: "interpreter", as messages call it.
        written_by: what writes such a folder.
    """

    stem: str
    marker: str
    format: int
    what: str
    written_by: str

    @property
    def json(self) -> str:
        """The name of the JSON file."""
        return f"{self.stem}.json"

    @property
    def tensors(self) -> str:
        """The name of the file of tensors."""
        return f"{self.stem}.safetensors"

    def write(self, folder: Path, document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Write a document and its tensors into a folder, which is made.

        Raises:
            InputError: the folder's name is that of a file.
        """
        from safetensors.torch import save_file

        if folder.exists() and not folder.is_dir():
            raise InputError(
                f"{_a(self.what).capitalize()} is saved as a folder, and a file of that name is there.",
                where=str(folder),
                fix="name another folder",
            )
        folder.mkdir(parents=True, exist_ok=True)
        plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        save_file(plain, folder / self.tensors)
        text = json.dumps({self.marker: self.format, **document}, indent=1, ensure_ascii=False)
        (folder / self.json).write_text(text + "\n", encoding="utf-8")

    def read(self, folder: Path, assemble: Callable[[dict[str, Any], dict[str, Tensor]], T]) -> T:
        """What `assemble` makes of the document and the tensors of a folder.

        Raises:
            CheckpointError: files are missing, cut short, of a newer version, or do not fit together.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            document = json.loads((folder / self.json).read_text(encoding="utf-8"))
            version = document[self.marker]
            if version > self.format:
                raise CheckpointError(
                    f"The {self.what} has format {version}; this version reads up to {self.format}.",
                    where=str(folder),
                    fix="update iin",
                )
            return assemble(document, load_file(folder / self.tensors))
        except FileNotFoundError as error:
            raise CheckpointError(
                f"The folder does not hold {_a(self.what)}.",
                where=str(error.filename),
                fix=f"give a folder with {self.json} and {self.tensors}, as {self.written_by} it",
            ) from error
        except (KeyError, TypeError, ValueError, RuntimeError, OSError, SafetensorError) as error:
            raise CheckpointError(
                f"The {self.what}'s files do not fit together: {error}",
                where=str(folder),
                fix="save it again",
            ) from error


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _a(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"
