"""Distributed alignment search: it finds planted subspaces, also where no discriminant points at them."""

import numpy as np
import pytest
import torch
from torch import Tensor

from iin_core.baselines import DasSettings, LinearFactorisation, das, fit_readout, lda
from iin_core.errors import InputError
from iin_core.factorisation import swap
from iin_core.metrics import invertibility_error

WIDTH = 10
PLANES = {"a": slice(0, 2), "b": slice(2, 4)}
SHORT = DasSettings(updates=3, batch=16)


class Planted:
    """Two concepts that are rings around discs, each in its plane: all classes have one mean."""

    def __init__(self, n: int = 1500, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        turn, _ = np.linalg.qr(np.random.default_rng(9).normal(size=(WIDTH, WIDTH)))
        self.turn = torch.from_numpy(turn.astype(np.float32))
        hidden = rng.normal(size=(n, WIDTH))
        self.concepts = {name: rng.integers(2, size=n) for name in PLANES}
        for name, plane in PLANES.items():
            angle, radius = rng.uniform(0, 2 * np.pi, n), np.where(self.concepts[name], 1.8, 0.6)
            hidden[:, plane] = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        self.z = torch.from_numpy(hidden.astype(np.float32)) @ self.turn

    def readout(self, z: Tensor) -> dict[str, Tensor]:
        hidden = z @ self.turn.T
        scores = {name: hidden[:, plane].square().sum(1) - 1.44 for name, plane in PLANES.items()}
        return {name: torch.stack([-score, score], 1) for name, score in scores.items()}

    def joint(self, fitted: LinearFactorisation) -> float:
        base, donor = self.z[:700], self.z[700:1400]
        right = []
        for name, other in (("a", "b"), ("b", "a")):
            said = {
                key: logits.argmax(1).numpy()
                for key, logits in self.readout(swap(fitted, base, donor, name)).items()
            }
            right.append(
                (said[name] == self.concepts[name][700:1400]) & (said[other] == self.concepts[other][:700])
            )
        return float(np.mean(right))


def test_a_planted_rotated_subspace_is_found() -> None:
    """Interchange through the network's own reader finds planes that no linear method sees."""
    world = Planted()
    found = das(world.z, world.concepts, {"a": 2, "b": 2}, world.readout)
    assert world.joint(found) > 0.95
    assert world.joint(lda(world.z, world.concepts)) < 0.6
    for name, plane in PLANES.items():
        read = torch.linalg.qr(found.reading[:, found.blocks[name]]).Q
        cosines = torch.linalg.svdvals(read.T @ world.turn.T[:, plane])
        assert float(cosines.min()) > 0.95


def test_it_is_an_exact_bijection_with_the_dims_asked_for() -> None:
    """Whitened coordinates are only turned: encoding and decoding gives the rows back."""
    world = Planted(300)
    found = das(world.z, world.concepts, {"a": 3, "b": 2, "residual": 99}, None, SHORT)
    assert found.blocks.dims == {"residual": 5, "a": 3, "b": 2}
    assert invertibility_error(found, world.z) < 1e-4
    code = found.encode(world.z)
    assert torch.allclose(code.T @ code / len(code), torch.eye(WIDTH), atol=1e-3)
    again = das(world.z, world.concepts, {"a": 3, "b": 2}, None, SHORT)
    assert torch.equal(again.reading, found.reading)


def test_without_dims_a_concept_has_one_less_than_classes() -> None:
    """C − 1 dimensions a concept, as the closed-form baselines have."""
    world = Planted(200)
    many = {"a": world.concepts["a"], "many": np.arange(200) % 5}
    assert das(world.z, many, settings=SHORT).blocks.dims == {"residual": 5, "a": 1, "many": 4}


def test_a_fitted_readout_reads_what_is_there() -> None:
    """The small network tells the planted classes, and leaves torch's global generator alone."""
    world = Planted()
    torch.manual_seed(3)
    state = torch.get_rng_state()
    readout = fit_readout(world.z, world.concepts)
    assert torch.equal(state, torch.get_rng_state())
    fresh = Planted(seed=1)
    for name, logits in readout(fresh.z).items():
        assert float(np.mean(logits.argmax(1).numpy() == fresh.concepts[name])) > 0.9


def test_what_cannot_be_searched_is_named() -> None:
    """Dims without a concept or a residual, constant concepts, and a reader of something else."""
    world = Planted(100)
    with pytest.raises(InputError, match="DAS needs concepts of two classes or more"):
        das(world.z, world.concepts, {"a": 2})
    with pytest.raises(InputError, match=r"DAS needs concepts(.|\n)*'one': 1"):
        das(world.z, {"one": np.zeros(100, dtype=int)})
    with pytest.raises(InputError, match="Blocks of 10 dimensions leave no residual of 10"):
        das(world.z, world.concepts, {"a": 5, "b": 5})
    with pytest.raises(InputError, match="does not tell the 2 classes of concept 'b'"):
        das(world.z, world.concepts, None, lambda z: {"a": z[:, :2]})
    with pytest.raises(InputError, match="A readout needs a concept"):
        fit_readout(world.z, {})
