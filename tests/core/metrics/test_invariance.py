"""What is read of v and z, whether they are independent, and what a layer keeps in the concept space."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iin_core.blocks import Blocks
from iin_core.conditional_spec import ConditionalFlowSpec, conditional_training
from iin_core.errors import InputError
from iin_core.flow import NormalizingFlow
from iin_core.front import Front
from iin_core.interpreter import Interpreter
from iin_core.invariance import fit_invariance
from iin_core.metrics.invariance import concept_space, independence, readable
from iin_core.priors import NormalPrior, fit_class_prior
from iin_core.spec import EvaluationSpec
from tests.core.invariance_world import world

SPEC = EvaluationSpec(bootstrap=20, permutations=40, probes=("linear",))
FLOW = ConditionalFlowSpec(couplings=3, hidden=48, embedding=8, embedding_hidden=32)


@pytest.fixture(scope="module")
def fitted():
    """t of the world, trained on 1,500 rows, and 800 others."""
    rows, held = world(1500, seed=0), world(800, seed=1)
    training = conditional_training(updates=400, noise=0.05)
    return fit_invariance(rows.z_bar, rows.z, flow=FLOW, training=training), held


def _accuracy(table, code, concept):
    return table.set_index(["code", "concept"]).loc[(code, concept), "accuracy"]


def test_v_tells_what_the_layer_discards_and_nothing_else(fitted):
    """The concept that z does not have is read of v within 0.05 of what is known, the other near chance."""
    t, held = fitted
    z_bar = t.noisy(held.z_bar)
    v = t.encode(z_bar, given=held.z)
    codes = {"v": v, "z": torch.from_numpy(held.z), "z_bar": z_bar}
    concepts = {"seen": held.seen, "unseen": held.unseen}
    table = readable(codes, concepts, np.arange(len(v)), SPEC)
    assert abs(_accuracy(table, "v", "unseen") - held.known) <= 0.05
    assert _accuracy(table, "v", "seen") <= 0.25 + 0.08
    assert abs(_accuracy(table, "z", "unseen") - 1 / 3) <= 0.08
    assert _accuracy(table, "z", "seen") >= 0.9
    assert abs(_accuracy(table, "z_bar", "unseen") - held.known) <= 0.05


@pytest.mark.slow
def test_a_code_that_keeps_the_layer_is_found_to_depend_on_it(fitted):
    """z̄ itself depends on z by every test; v far less, and less than the cap by the critic."""
    t, held = fitted
    source, z = np.arange(len(held.z)), torch.from_numpy(held.z)
    v = t.encode(t.noisy(held.z_bar), given=held.z)
    plain = independence(torch.from_numpy(held.z_bar), z, source, SPEC)
    found = independence(v, z, source, SPEC)
    assert plain.distance_correlation.p_value <= 0.05
    assert plain.hsic.p_value <= 0.05
    assert plain.nats.nats.value > 0.5
    assert found.distance_correlation.score.value < 0.1 * plain.distance_correlation.score.value
    assert found.nats.nats.value < 0.25 * plain.nats.nats.value


def test_independent_numbers_are_found_independent():
    """Of white noise no test says otherwise, and rows of one source are exchanged together."""
    generator = torch.Generator().manual_seed(0)
    v, z = torch.randn(240, 4, generator=generator), torch.randn(240, 3, generator=generator)
    found = independence(v, z, np.arange(240) // 2, SPEC)
    assert found.distance_correlation.p_value > 0.05
    assert found.hsic.p_value > 0.05
    assert found.nats.nats.value < 0.2


def _split(z_bar, labels):
    """An interpreter whose blocks are halves of z̄ itself, the second a concept of classes."""
    blocks, codes = Blocks({"residual": 3, "unseen": 3}), torch.from_numpy(z_bar)
    prior = fit_class_prior(codes[:, 3:], labels, (codes[:, 3:], labels))
    front = Front(torch.zeros(6), torch.eye(6), torch.eye(6), 0.0, 1.0)
    return Interpreter(front, NormalizingFlow([]), blocks, {"residual": NormalPrior(3), "unseen": prior}, {})


def test_the_concept_space_says_what_is_kept():
    """A layer that has one half of z̄ explains that block and nothing of the other."""
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=600)
    rows = rng.normal(size=(600, 6)).astype(np.float32)
    rows[:, 3:] += 4 * np.eye(3, dtype=np.float32)[labels]
    space = _split(rows, labels)
    training = conditional_training(updates=200, noise=0.1)
    for shown, hidden, place in (("unseen", "residual", slice(3, 6)), ("residual", "unseen", slice(0, 3))):
        z = rows[:, place]
        t = fit_invariance(rows, z, flow=FLOW, training=training)
        kept = concept_space(t, space, torch.from_numpy(rows), torch.from_numpy(z), np.arange(600), spec=SPEC)
        assert kept[shown].explained.value > 0.8
        assert kept[hidden].explained.value < 0.15
        agreement = kept["unseen"].agreement
        assert agreement is not None
        assert kept["residual"].agreement is None
        if shown == "unseen":
            assert agreement.value > 0.9
        else:
            assert agreement.value == pytest.approx(agreement.chance, abs=0.08)


def test_a_space_of_another_code_is_refused(fitted):
    """The concept space is that of the same z̄, and one draw has no variance."""
    t, held = fitted
    rows, z = torch.from_numpy(held.z_bar), torch.from_numpy(held.z)
    space = _split(held.z_bar, held.unseen)
    with pytest.raises(InputError, match="6 features, a code of 6, 1 draws"):
        concept_space(t, space, rows, z, np.arange(len(z)), draws=1)
