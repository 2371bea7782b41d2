"""The demo's networks: what every one of them promises, and each one's shapes."""

import pytest
import torch

from iin_core.errors import InputError
from iin_core.examples import MODELS, DigitAutoencoder, DigitClassifier, DigitReader
from iin_core.readings import as_reading
from iin_core.split import capture

every_network = pytest.mark.parametrize("network", MODELS.values(), ids=MODELS)
QUICK = {"updates": 4, "batch": 16}


def _fitted(network, data, seed=0):
    model = network()
    curves = network.fit(model, data, data.rows, settings=QUICK, seed=seed)
    return model, curves


@every_network
def test_fitting_again_gives_the_same_bits(network, small):
    """Same seed: same weights, buffers and curves, whatever was drawn in between."""
    first, curves = _fitted(network, small)
    torch.rand(3)
    second, again = _fitted(network, small)
    assert curves == again
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


@every_network
def test_another_seed_gives_another_model(network, small):
    """The seed reaches the weights."""
    first, _ = _fitted(network, small)
    second, _ = _fitted(network, small, seed=1)
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@every_network
def test_rows_that_are_not_for_training_are_not_seen(network, small):
    """Changing every image that is not for training changes no weight."""
    first, _ = _fitted(network, small)
    other = (small.rows["split"] != "train").to_numpy()
    changed = type(small)(small.images.clone(), small.rows)
    changed.images[torch.from_numpy(other.copy())] = 0.5
    second, _ = _fitted(network, changed)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@every_network
def test_a_fitted_model_is_in_evaluation_mode(network, small):
    """No dropout is left on, and all curves are finite."""
    model, curves = _fitted(network, small)
    assert not any(module.training for module in model.modules())
    assert all(torch.isfinite(torch.tensor(curve)).all() for curve in curves.values())


@every_network
def test_a_setting_that_a_fit_does_not_have_is_refused(network, small):
    """Misspelt settings are not ignored."""
    with pytest.raises(InputError, match=r"no setting 'epochs'(.|\n)*nearest: "):
        network.fit(network(), small, small.rows, settings={"epochs": 3}, seed=0)


def test_colour_labels_are_not_read_by_the_classifier(small):
    """Without the columns of colour and brightness the fit is the same to the bit."""
    first, _ = _fitted(DigitClassifier, small)
    second = DigitClassifier()
    rows = small.rows.drop(columns=["colour", "brightness"])
    DigitClassifier.fit(second, small, rows, settings=QUICK, seed=0)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_the_classifiers_layers_have_even_sizes(small):
    """Every layer as the demo reads it has an even number of features, at most 256."""
    readings = {"conv1": {"pool": "mean"}, "conv2": {"pool": "mean"}, "conv3": "flatten", "conv4": "flatten"}
    readings["fc"] = "flatten"
    z = capture(DigitClassifier().eval(), small.images[:5], {k: as_reading(v) for k, v in readings.items()})
    sizes = {name: rows.shape[1] for name, rows in z.items()}
    assert sizes == {"conv1": 16, "conv2": 32, "conv3": 256, "conv4": 64, "fc": 32}


def test_the_classifier_tells_ten_digits(small):
    """One row of logits for each image."""
    assert DigitClassifier()(small.images[:5]).shape == (5, 10)


def test_a_reconstruction_is_an_image(small):
    """The autoencoder's output has the shape and range of its input."""
    decoded = DigitAutoencoder()(small.images[:5])
    assert decoded.shape == (5, 3, 32, 32)
    assert 0 <= decoded.min() <= decoded.max() <= 1


def test_the_code_is_all_that_the_decoder_sees(small):
    """decoder(bottleneck) makes the output; the code has 64 numbers."""
    model = DigitAutoencoder().eval()
    z = model.bottleneck(model.encoder(small.images[:5]))
    assert z.shape == (5, 64)
    assert torch.equal(model.decoder(z).sigmoid(), model(small.images[:5]))


def test_the_reader_reads_each_concept():
    """Its output has logits for digit and for as many colours as it was made for."""
    logits = DigitReader(n_colours=4).eval()(torch.rand(2, 3, 32, 32))
    assert {name: tuple(values.shape) for name, values in logits.items()} == {
        "digit": (2, 10),
        "colour": (2, 4),
    }


def test_a_reader_of_one_colour_is_refused():
    """There is nothing to tell apart."""
    with pytest.raises(InputError, match="A reader of 1 colours has nothing to tell apart"):
        DigitReader(n_colours=1)
