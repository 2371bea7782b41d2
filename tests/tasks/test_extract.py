"""Extraction: the rows of every layer, once, however often a worker dies, or an error that names them."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from upath import UPath

from iin_core.errors import InputError, ModelError
from iin_core.readings import make_reading
from iin_core.spec import ReadingSpec
from tasks import extract as extract_module
from tasks.activations import Layout, create_array, load_activations
from tasks.errors import DamagedOutput, EnvironmentProblem
from tasks.extract import extract
from tasks.extract_worker import ExtractJob, Extractor, LayerJob
from tasks.lease import hold
from tasks.output import open_root
from tasks.plan import LayerPlan, ModelPlan, Plan
from tasks.step import Step
from tasks.study import Study

N_ROWS = 5000
CODE = """
import os
from pathlib import Path
import numpy as np, pandas as pd, torch
from torch import nn

class Net(nn.Module):
    def __init__(self, scale, slow, spoil):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.fc = nn.Linear(4 * 16, 5)
        self.unused = nn.Linear(2, 2)
        self.scale, self.slow, self.spoil = scale, slow, spoil

    def forward(self, x):
        if self.slow:
            folder = Path(self.slow)
            (folder / f"{os.getpid()}.pid").touch()
            while not (folder / "go").exists():
                import time; time.sleep(0.02)
        h = torch.relu(self.conv(x)) * self.scale
        if self.spoil:
            h = torch.where(x[:, :1].mean((1, 2, 3), keepdim=True) > self.spoil, h / 0, h)
        return self.fc(h.flatten(1))

def net(scale=1.0, slow="", spoil=0.0):
    return Net(scale, slow, spoil)

def images(n):
    rng = np.random.default_rng(0)
    return rng.random((n, 1, 4, 4), dtype=np.float32), pd.DataFrame({"source": np.arange(n)})
"""
LAYERS = {"conv": (ReadingSpec(flatten=True), 64), "fc": (ReadingSpec(flatten=True), 5)}
POOLED = {"conv/pooled": (ReadingSpec(pool="mean"), 4)}


@pytest.fixture(scope="module")
def folder(jobs_folder):
    """The study's folder with the user's model and data in it."""
    (jobs_folder / "extract_net.py").write_text(CODE)
    return jobs_folder


@pytest.fixture(autouse=True, scope="module")
def _importable(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield


def _plan(folder, layers=None, *, n_rows=N_ROWS, **arguments):
    layers = layers or LAYERS
    source = {"import": "extract_net:net", "arguments": arguments}
    study = Study.model_validate(
        {
            "iin": 1,
            "name": "test",
            "data": {"source": {"import": "extract_net:images", "arguments": {"n": N_ROWS}}},
            "models": {"net": {"source": source, "layers": {"*": {}}}},
            "concepts": {"none": {}},
            "resources": {"batch": 96},
        },
        strict=False,
    )
    plans = tuple(
        LayerPlan(
            "net", name.split("/")[0], i, reading, n, n, (), True, _step("activations", name, n, arguments)
        )
        for i, (name, (reading, n)) in enumerate(layers.items())
    )
    model = ModelPlan("net", study.models["net"], None, None, plans)
    return Plan(study, folder, "", n_rows, {}, _step("rows"), (model,), (), _step("report"))


def _step(kind, *spec):
    return Step(kind, 1, {"spec": list(spec)}, {}, {}, f"{kind} {spec[0] if spec else ''}")


def _expected(folder, name, reading):
    import extract_net

    model = extract_net.net().eval()
    inputs = torch.as_tensor(extract_net.images(N_ROWS)[0])
    found = {}
    module = dict(model.named_modules())[name]
    with torch.no_grad(), module.register_forward_hook(lambda _, __, out: found.update(rows=out)) as _hook:
        model(inputs)
    return make_reading(reading).rows(found["rows"]).numpy()


@pytest.fixture(scope="module")
def done(cluster, folder, tmp_path_factory):
    """An undisturbed extraction of both layers, and its root."""
    root = open_root(str(tmp_path_factory.mktemp("done")))
    return extract(_plan(folder), root, cluster), root


def test_the_rows_of_every_layer(done, folder):
    """Row i of each sealed array is what the model gives for example i, under that layer's reading."""
    for output, (name, (reading, n)) in zip(done[0], LAYERS.items(), strict=True):
        rows = load_activations(output)
        assert rows.shape == (N_ROWS, n)
        np.testing.assert_allclose(rows, _expected(folder, name, reading), rtol=1e-5, atol=1e-6)
        expected = {"layer": name, "reading": reading.name, "shape": [], "n_rows": N_ROWS, "n": n}
        assert output.meta == expected
        assert output.manifest["times"]["extract"] > 0


def test_what_is_sealed_is_not_extracted_again(cluster, done, folder, monkeypatch):
    """With every layer sealed no worker starts; one that is not sealed is all that is asked for."""
    outputs, root = done
    asked = []
    monkeypatch.setattr(extract_module, "_run", lambda _, __, layers, *rest: asked.extend(layers))
    assert [o.manifest for o in extract(_plan(folder), root, cluster)] == [o.manifest for o in outputs]
    assert asked == []
    with pytest.raises(DamagedOutput, match="is not there"):
        extract(_plan(folder, {**LAYERS, **POOLED}), root, cluster)
    assert [layer.reading.name for layer in asked] == ["pool: mean"]


def _job(folder, path, *layers, n_rows=N_ROWS):
    """A job for a worker of this process, as `extract` would make it."""
    plan = _plan(folder)
    jobs = []
    for name, reading, n in layers:
        place = UPath(path / name)
        place.mkdir(parents=True)
        create_array(place, Layout(n_rows, n))
        jobs.append(LayerJob(name, reading, place, Layout(n_rows, n)))
    source, data = plan.study.models["net"].source, plan.study.data.source
    root = open_root(str(path / "root"))
    return ExtractJob(source, data, folder, root.url, None, tuple(jobs), 96, n_rows, "cpu")


def _bytes(path):
    return {
        file.name + str(file.parent.name): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }


def test_alone_together_or_repeated_a_block_is_identical(folder, tmp_path, done):
    """Other layers in the same pass, other workers and repetition make no difference to the bytes."""
    fc = ("fc", *LAYERS["fc"])
    together = Extractor(_job(folder, tmp_path / "a", ("conv", *LAYERS["conv"]), fc))
    alone = Extractor(_job(folder, tmp_path / "b", fc))
    for start, stop in ((4096, 5000), (0, 4096), (4096, 5000)):
        assert together(start, stop) == alone(start, stop) == stop - start
    assert _bytes(tmp_path / "a" / "fc") == _bytes(tmp_path / "b" / "fc") == _bytes(Path(done[0][1].path))


def test_a_worker_takes_whole_shards_only(folder, tmp_path):
    """A block that begins or ends inside a shard is refused."""
    extractor = Extractor(_job(folder, tmp_path, ("fc", *LAYERS["fc"])))
    for start, stop in ((96, 4096), (0, 96)):
        with pytest.raises(AssertionError, match="inside a shard of fc"):
            extractor(start, stop)


def _in_thread(plan, root, cluster):
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(extract(plan, root, cluster)))
    thread.start()
    return thread, outcome


def test_a_worker_killed_in_the_middle(cluster, folder, tmp_path, done):
    """SIGKILL of a worker during a forward pass: the block is done again and the result is identical."""
    slow = tmp_path / "slow"
    slow.mkdir()
    plan = _plan(folder, slow=str(slow))
    thread, outcome = _in_thread(plan, open_root(str(tmp_path / "a")), cluster)
    deadline = time.monotonic() + 60
    while not list(slow.glob("*.pid")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(int(next(slow.glob("*.pid")).stem), signal.SIGKILL)
    (slow / "go").touch()
    thread.join(timeout=90)
    assert [output.files for output in outcome[0]] == [output.files for output in done[0]]
    assert len(list(slow.glob("*.pid"))) >= 2


def test_a_second_run_waits_and_reuses(cluster, root, folder, caplog, monkeypatch):
    """While another holds the layers, extraction waits, says for whom, and takes what that one sealed."""
    plan = _plan(folder)
    steps = [layer.extract for layer in plan.models[0].layers]
    with caplog.at_level(logging.WARNING, "tasks"), hold(root, steps, on_wait=print):
        thread, outcome = _in_thread(plan, root, cluster)
        while not caplog.records:
            time.sleep(0.02)
        for step in steps:
            with root.begin(step) as attempt:
                attempt.seal({"by": "other"}, times={})
        monkeypatch.setattr(extract_module, "_run", None)
    thread.join(timeout=30)
    assert [output.meta for output in outcome[0]] == [{"by": "other"}] * 2
    assert f"process {os.getpid()} on" in caplog.records[0].getMessage()


def test_rows_that_are_not_finite(cluster, root, folder):
    """NaN or infinity in a layer stops before sealing, and the text names layer and rows."""
    import extract_net

    means = extract_net.images(N_ROWS)[0].mean((1, 2, 3))
    bad = int(np.argsort(means)[-1])
    spoil = float((np.sort(means)[-1] + np.sort(means)[-2]) / 2)
    with pytest.raises(InputError, match=f"layer 'fc' are not finite: rows {bad}"):
        extract(_plan(folder, {"fc": LAYERS["fc"]}, spoil=spoil), root, cluster)
    assert list(root.outputs("activations")) == []
    assert [list(key.iterdir()) for key in root.key_folders("activations")] == [[]]


def test_a_layer_that_is_never_called(folder, tmp_path):
    """A module that the forward pass does not reach is an error with its name."""
    extractor = Extractor(_job(folder, tmp_path, ("unused", ReadingSpec(flatten=True), 2)))
    with pytest.raises(ModelError, match="'unused'"):
        extractor(0, 4096)


def test_data_that_changed_since_the_plan(folder, tmp_path):
    """Another number of rows than planned is an error, not a shifted array."""
    with pytest.raises(InputError, match="has 5000 rows, but had 4000"):
        Extractor(_job(folder, tmp_path, n_rows=4000))


def test_no_right_to_write_a_shard(folder, tmp_path):
    """A shard that cannot be written says which layer's activations it belonged to."""
    job = _job(folder, tmp_path, ("fc", *LAYERS["fc"]))
    extractor = Extractor(job)
    (tmp_path / "fc" / "activations.zarr" / "c").symlink_to("/sys/kernel")
    with pytest.raises(EnvironmentProblem, match="the activations of fc could not be written"):
        extractor(0, 4096)


def test_a_missing_shard_is_noticed_on_reuse(cluster, done, folder):
    """A sealed array that lost a shard is not reused."""
    outputs, root = done
    shard = Path(outputs[0].path / "activations.zarr/c/1/0")
    data = shard.read_bytes()
    shard.unlink()
    try:
        with pytest.raises(DamagedOutput, match="c/1/0' of activations 'activations conv' is missing"):
            extract(_plan(folder), root, cluster)
    finally:
        shard.write_bytes(data)
