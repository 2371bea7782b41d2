"""Small data sets in files."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tasks.study import SourceSpec

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)
NAMES = ("cat/1.png", "cat/2.png", "cat/deep/3.png", "dog/1.png", "dog/2.png", "dog/3.png")
IMAGES = SourceSpec(builtin="image_folder", arguments={"path": "images"})
ROWS = np.random.default_rng(1).normal(size=(7, 4))
ARRAYS = SourceSpec(builtin="arrays", arguments={"inputs": "rows.npy", "table": "rows.csv"})
PARQUET = SourceSpec(builtin="parquet", arguments={"path": "parts", "image": "image"})


def encoded(pixels: np.ndarray) -> bytes:
    """An image as the bytes of a PNG file."""
    held = BytesIO()
    Image.fromarray(pixels).save(held, "png")
    return held.getvalue()


def write_parquet(folder: Path) -> None:
    """`PIXELS` in two files, as the library `datasets` writes images."""
    (folder / "parts").mkdir()
    for i, part in enumerate((slice(0, 4), slice(4, 6))):
        cells = [{"bytes": encoded(pixels), "path": None} for pixels in PIXELS[part]]
        columns = {"image": cells, "animal": [name.split("/")[0] for name in NAMES[part]]}
        columns["rows"] = [ROWS[j].tolist() for j in range(6)[part]]
        pq.write_table(pa.table(columns), folder / "parts" / f"{i}.parquet")


def write_images(folder: Path) -> Path:
    """The images of `PIXELS` under `NAMES`."""
    for name, pixels in zip(NAMES, PIXELS, strict=True):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder / "images"


def write_arrays(folder: Path) -> None:
    """`ROWS` and a table beside them."""
    np.save(folder / "rows.npy", ROWS)
    pd.DataFrame({"digit": np.arange(len(ROWS)) % 3}).to_csv(folder / "rows.csv", index=False)
