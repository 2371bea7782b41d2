"""A folder of images as people have them: turned, deep, grey, broken, oddly named."""

from __future__ import annotations

import os
import time

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from tasks.errors import StudyError
from tasks.sources.data import open_data
from tasks.sources.data.redrawn import CACHE
from tasks.study import SourceSpec
from tests.tasks.sources.files_world import IMAGES, NAMES, PIXELS, write_images


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path)


def opened(folder, **arguments):
    return open_data(SourceSpec(builtin="image_folder", arguments={"path": "images", **arguments}), folder)


def one(folder, image, **arguments):
    """The only image of a folder, as a model gets it."""
    (folder / "one").mkdir()
    image.save(folder / "one" / "a.png", exif=image.getexif())
    return opened(folder, path="one", **arguments).batch(np.array([0]))[0]


def test_images_lie_in_folders_of_their_labels(tmp_path, images):
    data = opened(tmp_path, label="animal")
    assert data.table["file"].tolist() == list(NAMES)
    assert data.table["animal"].tolist() == ["cat", "cat", "deep", "dog", "dog", "dog"]
    expected = torch.tensor(PIXELS[[4, 0]]).permute(0, 3, 1, 2) / 255
    assert torch.equal(data.batch(np.array([4, 0])), expected)


def test_a_table_names_the_images_that_are_taken(tmp_path, images):
    told = pd.DataFrame({"file": ["dog/2.png", "cat/1.png"], "source": ["rex", "tom"], "age": [3, 5]})
    told.to_csv(tmp_path / "told.csv", index=False)
    data = opened(tmp_path, table="told.csv")
    assert data.table[["file", "source", "age", "label"]].to_numpy().tolist() == [
        ["dog/2.png", "rex", 3, "dog"],
        ["cat/1.png", "tom", 5, "cat"],
    ]
    told.assign(file="cat/1.jpg").to_csv(tmp_path / "told.csv", index=False)
    with pytest.raises(StudyError, match=r"(?s)2 of 2 images of the table are not in the folder.*cat/1\.png"):
        opened(tmp_path, table="told.csv")


def test_a_camera_held_upright_gives_an_upright_image(tmp_path):
    """The tag says that the stored image is to be turned by 90 degrees."""
    image = Image.fromarray(PIXELS[0][:, :4])
    image.getexif()[0x0112] = 6
    turned = torch.tensor(np.rot90(PIXELS[0][:, :4], -1).copy()).permute(2, 0, 1) / 255
    assert torch.equal(one(tmp_path, image), turned)


def test_sixteen_bits_keep_their_range(tmp_path):
    deep = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    found = one(tmp_path, Image.fromarray(deep), channels="grey")
    assert torch.allclose(found[0], torch.tensor(deep / 65535, dtype=torch.float32), atol=1e-6)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
@pytest.mark.parametrize(("channels", "n"), [("rgb", 3), ("grey", 1)])
def test_every_mode_has_the_channels_asked_for(tmp_path, mode, channels, n):
    image = Image.fromarray(PIXELS[0]).convert(mode)
    (tmp_path / "one").mkdir()
    image.save(tmp_path / "one" / ("a.tif" if mode == "CMYK" else "a.png"))
    batch = opened(tmp_path, path="one", channels=channels, size=6).batch(np.array([0]))
    assert batch.shape == (1, n, 6, 6)
    assert 0 <= batch.min() < batch.max() <= 1


def test_names_may_be_odd(tmp_path, images):
    names = ["a b.png", "quote'\".png", "line\nbreak.png", "Ωμέγα.png", "x" * 251 + ".png", "UPPER.PNG"]
    for name in names:
        Image.fromarray(PIXELS[0]).save(images / name, format="png")
    (images / ".hidden.png").write_text("no image")
    (images / ".thumbnails").mkdir()
    (images / ".thumbnails" / "1.png").write_text("no image")
    data = opened(tmp_path)
    assert set(names) <= set(data.table["file"])
    assert len(data) == len(names) + len(NAMES)
    assert len(data.fingerprint()) == 64


def test_links_that_lead_in_circles_end(tmp_path, images):
    (images / "cat" / "loop").symlink_to(images, target_is_directory=True)
    assert opened(tmp_path).table["file"].tolist() == list(NAMES)


def test_a_name_that_is_not_utf8_is_named(tmp_path, images):
    Image.fromarray(PIXELS[0]).save(os.fsdecode(os.fsencode(images) + b"/\xff.png"), format="png")
    with pytest.raises(StudyError, match="not UTF-8"):
        opened(tmp_path)


def test_sizes_that_differ_between_batches_are_seen(tmp_path, images, monkeypatch):
    monkeypatch.setattr("tasks.sources.data.data.SCAN", 3)
    for name in NAMES[3:]:
        Image.fromarray(PIXELS[0][:5]).save(images / name)
    data = opened(tmp_path)
    with pytest.raises(StudyError, match=r"\(3, 8, 8\) and of shape \(3, 5, 8\)"):
        data.fingerprint()


@pytest.mark.parametrize("content", [b"", b"no image", None], ids=["empty", "text", "cut short"])
def test_a_broken_file_is_named(tmp_path, images, content):
    broken = images / "dog" / "2.png"
    broken.write_bytes(broken.read_bytes()[:100] if content is None else content)
    with pytest.raises(StudyError, match=r"(?s)An image cannot be read.*dog/2\.png"):
        opened(tmp_path).fingerprint()


def test_images_of_several_sizes_need_a_size(tmp_path, images):
    Image.fromarray(PIXELS[0][:5]).save(images / "dog" / "1.png")
    with pytest.raises(StudyError, match=r"(?s)\(3, 8, 8\) and \(3, 5, 8\).*1\.png.*size"):
        opened(tmp_path).fingerprint()
    assert opened(tmp_path, size=4).batch(np.arange(6)).shape == (6, 3, 4, 4)


def test_a_transform_of_the_users_makes_the_tensor(tmp_path, images):
    (tmp_path / "folder_transform.py").write_text(
        "import numpy as np\ndef red(image):\n    return np.asarray(image)[..., 0] - 1.5\n"
        "def fails(image):\n    raise ValueError('no')\n"
    )
    batch = opened(tmp_path, transform="folder_transform:red").batch(np.array([3]))
    assert torch.equal(batch[0], torch.tensor(PIXELS[3, ..., 0] - 1.5, dtype=torch.float32))
    with pytest.raises(StudyError, match=r"folder_transform\.py"):
        opened(tmp_path, transform="folder_transform:fails").batch(np.array([3]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"path": "nowhere"}, "no folder 'nowhere'"),
        ({"path": "empty"}, "no image in the folder"),
        ({"sise": 4}, "nearest: size"),
        ({"table": "none.csv"}, "cannot be read"),
    ],
)
def test_what_cannot_be_opened_is_said(tmp_path, images, arguments, said):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match=said):
        opened(tmp_path, **arguments)


def test_content_is_read_once_and_again_after_a_change(tmp_path, images, monkeypatch):
    """Files that look as they did are not decoded again, by another process either."""
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    old = time.time_ns() - 10**10
    for name in NAMES:
        os.utime(images / name, ns=(old, old))
    first = open_data(IMAGES, tmp_path).fingerprint()
    with monkeypatch.context() as patch:
        patch.setattr("tasks.sources.data.image_form._decoded", lambda _, name: pytest.fail(f"read {name}"))
        assert open_data(IMAGES, tmp_path).fingerprint() == first
    Image.fromarray(255 - PIXELS[2]).save(images / NAMES[2])
    changed = open_data(IMAGES, tmp_path).fingerprint()
    assert changed != first
    Image.fromarray(PIXELS[2]).save(images / NAMES[2])
    assert open_data(IMAGES, tmp_path).fingerprint() == first
