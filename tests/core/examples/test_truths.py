"""What the demo shows is true of its networks, at the demo's own settings."""

import pytest
import torch

from iin_core.examples import DigitAutoencoder, DigitClassifier, DigitReader
from iin_core.examples.truths import LAYERS, accuracies, read_layers

CHANCE_OF_COLOUR = 1 / 6


def test_layers_are_read_on_held_out_sources(small):
    """One row a layer, linear and MLP accuracy of both concepts, each between 0 and 1."""
    found = read_layers(DigitClassifier().eval(), small)
    assert list(found.index) == list(LAYERS)
    assert set(found.columns) == {(c, p) for c in ("colour", "digit") for p in ("linear", "mlp")}
    assert found.to_numpy().min() >= 0
    assert found.to_numpy().max() <= 1


def test_accuracy_counts_what_is_read_rightly(small):
    """Logits that are the truth give 1; those of one label give its share."""
    _, rows = small.heldout
    truth = torch.nn.functional.one_hot(torch.tensor(rows["digit"].to_numpy()), 10).float()
    first = torch.zeros(len(rows), 6)
    first[:, 0] = 1
    found = accuracies({"digit": truth, "colour": first}, small)
    assert found["digit"] == 1
    assert found["colour"] == found["joint"] == pytest.approx(CHANCE_OF_COLOUR)


@pytest.fixture(scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_the_classifier_forgets_colour_with_depth(data):
    """Colour is read from early layers and hardly from the last two, the digit the other way round."""
    model = DigitClassifier()
    DigitClassifier.fit(model, data, data.rows, settings={}, seed=0)
    images, _ = data.heldout
    with torch.no_grad():
        assert accuracies({"digit": model(images)}, data)["digit"] >= 0.97
    found = read_layers(model, data)
    for probe in ("linear", "mlp"):
        colour, digit = found["colour", probe], found["digit", probe]
        assert colour[["conv1", "conv2"]].min() >= 0.9
        assert colour[["conv4", "fc"]].max() <= CHANCE_OF_COLOUR + 0.08
        assert digit["conv1"] <= 0.7
        assert digit[["conv4", "fc"]].min() >= 0.95


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_reconstructions_are_as_readable_as_originals(data):
    """A reader that never saw a decoded image reads digit and colour from it."""
    autoencoder, reader = DigitAutoencoder(), DigitReader()
    DigitAutoencoder.fit(autoencoder, data, data.rows, settings={}, seed=0)
    DigitReader.fit(reader, data, data.rows, settings={}, seed=0)
    images, _ = data.heldout
    with torch.no_grad():
        originals = accuracies(reader(images), data)
        decoded = accuracies(reader(autoencoder(images)), data)
    assert originals["digit"] >= 0.985
    assert originals["colour"] >= 0.999
    assert decoded["joint"] >= 0.965
