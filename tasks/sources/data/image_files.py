"""Images in files or in a column, decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tasks.sources.data.file_stamp import Stamp, stamp_files
from tasks.sources.data.image_form import ImageForm


@dataclass(frozen=True)
class ImageInputs:
    """Images as inputs of a model.

    Args:
        form: what becomes of them.
        files: in which they are; one an example where there are no `encoded` ones.
        encoded: the bytes of each image, where the files hold many.
    """

    form: ImageForm
    files: tuple[Path, ...]
    encoded: Sequence[Any] | None = None

    def __len__(self) -> int:
        return len(self.files if self.encoded is None else self.encoded)

    def batch(self, indices: NDArray[np.int64]) -> Tensor:
        """The images of some rows, as their form makes them.

        Raises:
            StudyError: one that is no whole image, or images of several shapes.
        """
        return self.form.stack([self._image(int(i)) for i in indices])

    def stamp(self) -> Stamp:
        """How its files look."""
        return stamp_files(self.files, self.form.signature())

    def _image(self, i: int) -> tuple[Path | BytesIO, str]:
        if self.encoded is not None:
            return BytesIO(self.encoded[i].as_py()), f"row {i}"
        return self.files[i], str(self.files[i]).encode(errors="backslashreplace").decode()
