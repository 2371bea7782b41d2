"""The paper's central finding on the demo's classifier: blind to colour where colour can be read."""

import numpy as np
import pytest
import torch

from iin_core import FlowSpec, TrainingSpec, fit
from iin_core.examples.digit_classifier import DigitClassifier
from iin_core.metrics import class_response
from iin_core.readings import make_reading
from iin_core.redraw import redraw
from iin_core.spec import ReadingSpec
from iin_core.split import capture, run_edited

LAYER, BASES, DRAWS = "conv3", 96, 8
READING = make_reading(ReadingSpec(flatten=True))


@pytest.mark.slow
def test_the_classifier_is_blind_to_colour_in_a_layer_that_carries_it(data):
    """At conv3 a probe reads colour far above chance; drawn anew, it hardly moves what the digit does."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = DigitClassifier()
    DigitClassifier.fit(model, data, data.rows, settings={}, seed=0)
    split, source = data.rows["split"].to_numpy(), data.rows["source"].to_numpy()
    train, held = np.flatnonzero(split == "train"), np.flatnonzero(split == "heldout")
    z = capture(model, data.images, {LAYER: READING})[LAYER]
    colour, digit = (data.rows[name].to_numpy() for name in ("colour", "digit"))
    probe = make_pipeline(StandardScaler(), RidgeClassifier(100.0)).fit(z[train], colour[train])
    assert probe.score(z[held], colour[held]) > 0.28  # chance is 0.17

    concepts = {"digit": digit[train], "colour": colour[train]}
    spec, training = FlowSpec(couplings=2, residual_couplings=2, hidden=128), TrainingSpec(updates=300)
    interpreter = fit(z[train], concepts, source=source[train], flow=spec, training=training)
    responses = _responses(interpreter, model, data.images[held], z[held], source[held])
    assert responses["colour"].tv.high < 0.1 * responses["all"].tv.value
    assert responses["digit"].tv.low > 0.5 * responses["all"].tv.value
    assert responses["digit"].tv.low > 5 * responses["colour"].tv.high
    assert responses["digit"].class_std.value > 2
    assert responses["colour"].class_std.value < 0.3


def _responses(interpreter, model, images, z, source):
    """Factor → its response, drawn from its prior."""
    chosen = np.sort(np.random.default_rng(0).choice(len(z), BASES, replace=False))
    base = np.repeat(chosen, DRAWS)
    code = interpreter.encode(z)
    back = interpreter.decode(code, like=z)
    plain = run_edited(model, images[chosen], {})
    found = {}
    for factor in (*interpreter.blocks, "all"):
        drawn = redraw(code, base, factor, "prior", (interpreter.blocks, interpreter.priors, source), seed=1)
        delta = interpreter.decode(drawn, like=z[base]) - back[base]
        moved = run_edited(model, images[base], {LAYER: (READING, delta)})
        found[factor] = class_response(plain, torch.unflatten(moved, 0, (BASES, DRAWS)), source[chosen])
    return found
