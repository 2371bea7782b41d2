"""The experiment `sampling` on a tiny autoencoder whose codes lie on two rings."""

from __future__ import annotations

import numpy as np
import pytest

from iin_core.fitting import fit
from iin_core.readings import make_reading
from iin_core.split import capture
from tasks.activations import Layout, create_array, write_shard
from tasks.check import check_study
from tasks.experiment import job_of
from tasks.experiment_worker import experiment_and_seal
from tasks.experiments.sampling_networks import vae_source
from tasks.experiments.sealing import read_found
from tasks.layer_rows import read_table
from tasks.output import open_root
from tasks.plan import make_plan
from tasks.rows import make_rows
from tasks.sources.data import open_data
from tasks.sources.models import open_model
from tasks.study_file import load_study

CODE = '''
import numpy as np
import torch
from torch import nn

BASIS = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(0))).Q[:4]


def rings():
    """Images of four numbers that lie on two rings, in a fixed basis of 16 pixels."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, (400, 2))
    z = np.concatenate([np.cos(angle), np.sin(angle)], 1) + 0.05 * rng.normal(size=(400, 4))
    images = 0.5 + 0.2 * (torch.from_numpy(z).float() @ BASIS).reshape(-1, 1, 4, 4)
    return images.numpy(), {"side": (z[:, 0] > 0).astype(int), "source": np.arange(400)}


class Ring(nn.Module):
    """Exactly inverts what the images are made by."""

    def __init__(self, leak=0.0, flat=False):
        super().__init__()
        self.code = nn.Linear(16, 4, bias=False)
        self.code.weight = nn.Parameter(5 * BASIS.clone())
        self.leak, self.flat = leak, flat

    def forward(self, images):
        z = self.code(images.flatten(1) - 0.5)
        decoded = 0.5 + 0.2 * z @ BASIS + self.leak * images.flatten(1)
        return decoded if self.flat else decoded.reshape(-1, 1, 4, 4)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(16, 4)
        self.first.weight = nn.Parameter(5 * BASIS.clone())
        self.side = nn.Linear(4, 2)

    def forward(self, images):
        return {"side": self.side(self.first(images.flatten(1)))}


def wide():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 300), nn.Linear(300, 2))


class Vae(nn.Module):
    """Draws the training images' mean alone."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, 4, 4))

    def sample(self, n, generator):
        return self.mean + 0.01 * torch.randn(n, 1, 4, 4, generator=generator)


def fit(model, data, rows, *, settings, seed):
    """The mean of the training images, plus `shift`."""
    index = np.flatnonzero(rows["split"] == "train")
    model.mean.copy_(data.batch(index).mean(0) + settings.get("shift", 0.0))
    return {}


def vae():
    return Vae()


vae.fit = fit


def unfitted():
    return Vae()
'''
STUDY = """
iin: 1
name: rings
data:
  source: {import: "rings_world:rings"}
  split: {train: 0.5, validation: 0.1, heldout: 0.4}
models:
  ring:
    source: {import: "rings_world:Ring", arguments: {ARGUMENTS}}
    layers: {code: flatten}
    DECODER
    READER
concepts: {none: {}}
flow: {couplings: 4, hidden: 32}
training: {updates: 150, batch: 64, noise: 0.05, noise_share: 1.0}
seeds: [0]
experiments:
  sampling: {EXPERIMENT}
"""
READER = 'reader: {source: {import: "rings_world:Reader"}}'
VAE = "n: 120, seeds: 2, shown: 8, vae: {import: 'rings_world:vae', fit: {shift: 0.1}}"


def study(folder, experiment="n: 120", *, arguments="", decoder="decoder: output", reader=READER):
    (folder / "rings_world.py").write_text(CODE)
    text = STUDY.replace("ARGUMENTS", arguments).replace("DECODER", decoder).replace("READER", reader)
    (folder / "rings.yaml").write_text(text.replace("EXPERIMENT", experiment))
    return load_study(folder / "rings.yaml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The study's folder."""
    return tmp_path_factory.mktemp("rings")


@pytest.fixture(scope="module")
def done(folder):
    """The plan, the root, and what the sealed experiment says, all of it done in this process."""
    plan = make_plan(study(folder, VAE))
    root = open_root(str(folder / "root"))
    make_rows(plan, root)
    [unit], [planned] = plan.units, plan.experiments
    z = _sealed_activations(plan, root, unit)
    table = read_table(root, plan.rows.key)
    kept = (table["split"] != "heldout").to_numpy()
    interpreter = fit(z[np.flatnonzero(kept)], None, flow=unit.flow, training=unit.training)
    with root.begin(unit.train) as attempt:
        interpreter.save(str(attempt.path / "interpreter"))
        attempt.seal({}, times={})
    experiment_and_seal(root.url, job_of(plan, planned))
    return plan, root, read_found(root.find(planned.step))


def _sealed_activations(plan, root, unit):
    data = open_data(plan.study.data.source, plan.folder)
    model = open_model(plan.models[0].spec.source, plan.folder)
    z = capture(model, data.batch(np.arange(len(data))), {"code": make_reading(unit.layer.reading)})["code"]
    layout = Layout(len(data), unit.layer.n)
    with root.begin(unit.layer.extract) as attempt:
        create_array(attempt.path, layout)
        for shard in range(layout.n_shards):
            span = layout.rows(shard)
            write_shard(attempt.path, layout, shard, z.numpy()[span.start : span.stop])
        attempt.seal({"n_rows": len(data), "n": unit.layer.n}, times={})
    return z


def test_each_method_is_held_against_as_many_held_out_images(done):
    """Reconstructions of an exact autoencoder are the images; the IIN beats the Gaussian on the ring."""
    table = done[2].table("generators").set_index("method")
    assert list(table.index) == ["reconstructions", "IIN", "Gaussian", "VAE"]
    assert table["n"].eq(120).all()
    assert table["seeds"].tolist() == [1, 2, 2, 2]
    assert table.loc["reconstructions", "fid"] == pytest.approx(0, abs=1e-4)
    assert table.loc["reconstructions", "precision"] == 1
    assert table.loc["IIN", "precision"] > table.loc["Gaussian", "precision"]
    assert table.loc["VAE", "fid"] > 10 * table.loc["IIN", "fid"]


def test_scores_have_their_smallest_and_largest_over_draws(done):
    """Under one key for the IIN, and one for each of what it is held against."""
    found = done[2]
    row = found.table("generators").set_index("method").loc["IIN"]
    assert found.scores["sampling/fid"] == pytest.approx(row["fid"])
    assert found.beside("sampling/fid")["high"] == pytest.approx(row["fid_high"])
    kinds = ("", "_reconstructions", "_gaussian", "_vae")
    wanted = {f"sampling/{name}{kind}" for name in ("fid", "precision", "recall") for kind in kinds}
    assert set(found.numbers) == wanted


def test_words_say_how_to_read_it_and_what_came_out(done):
    """Features, their number, both rivals; the figures have captions and texts of their own."""
    words = " ".join(done[2].words)
    assert "the input of the last linear layer of Reader (4 features)" in words
    assert "Gaussian with full covariance" in words
    assert "fitted once to the same training images" in words
    assert [entry.file for entry in done[2].drawn] == ["samples.png", "generators.svg"]
    assert done[2].drawn[0].alt.startswith("Blocks of images side by side: held-out images, recon")


def test_the_vae_is_fitted_once_and_sealed(done):
    """Under a key of its own, from which it is read again."""
    plan, root, _ = done
    [planned] = plan.experiments
    assert root.find(planned.reads["VAE"]) is not None
    other = make_plan(study(plan.folder, VAE.replace("0.1", "0.2")))
    assert other.experiments[0].reads["VAE"].key != planned.reads["VAE"].key
    assert other.experiments[0].step.key != planned.step.key


def found_wrong(folder, *args, **kwargs):
    return "\n".join(str(finding) for finding in check_study(study(folder, *args, **kwargs)))


def test_what_cannot_be_sampled_is_refused_with_the_remedy(folder):
    """No decoder, no features, no image, fewer rows than features; nothing is trained before."""
    assert found_wrong(folder) == ""
    told = found_wrong(folder, decoder="", reader="")
    assert "there is no decoder: a sample is an image that the model decodes (`decoder: output`)" in told
    told = found_wrong(folder, reader="")
    assert "no network in whose features images are compared: give the model a `reader`" in told
    told = found_wrong(folder, arguments="flat: true")
    assert "What is decoded is no image of the data's kind: (2, 16) where the data has (n, 1, 4, 4)" in told
    told = found_wrong(folder, "features: {import: 'rings_world:wide'}")
    assert "FID of 160 images in 300 features has no meaning: there are fewer rows than features" in told
    assert "at least 300" in told
    told = found_wrong(folder, "k: 90, n: 80")
    assert "80 images have no 90-th nearest neighbour each" in told


def test_features_and_vaes_that_are_not_there_are_refused(folder):
    """A layer that the network does not have, and a VAE that says neither how it is fitted nor sampled."""
    told = found_wrong(folder, "features: {import: 'rings_world:wide', layer: '3'}")
    assert "The model has no module '3'" in told
    assert "experiments.sampling; " in told
    told = found_wrong(folder, "vae: {import: 'rings_world:unfitted'}")
    assert "does not say how it is fitted" in told
    told = found_wrong(folder, "features: {import: 'rings_world:wide', checkpoint: none.pt}")
    assert told.startswith("error: There is no such checkpoint.\n  where: rings.yaml:")


def test_without_a_vae_of_its_size_the_reason_stands_in_its_place(folder):
    """An autoencoder of one's own has no twin, unless the study names one."""
    plan = make_plan(study(folder, "vae: true"))
    why = vae_source(plan.models[0].spec, plan.study.experiments.sampling)
    assert why == (
        "nobody knows how a VAE of the size of 'rings_world:Ring' is made; "
        "give one: `vae: {import: package.module:factory}`"
    )
