"""Networks and data that need no download: for the demo, the documentation and the tests.

A model that a study can fit says how in its attribute `fit`; see `digit_classifier`.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from torch import nn

from iin_core.examples.coloured_digits import coloured_digits
from iin_core.examples.digit_autoencoder import DigitAutoencoder, fit_digit_autoencoder
from iin_core.examples.digit_classifier import DigitClassifier, fit_digit_classifier
from iin_core.examples.digit_reader import DigitReader, fit_digit_reader
from iin_core.examples.digit_vae import DigitVae, fit_digit_vae

MODELS: dict[str, Callable[..., nn.Module]] = {
    "digit_classifier": DigitClassifier,
    "digit_autoencoder": DigitAutoencoder,
    "digit_reader": DigitReader,
    "digit_vae": DigitVae,
}
DATA: dict[str, Callable[..., tuple[np.ndarray, pd.DataFrame]]] = {"coloured_digits": coloured_digits}

__all__ = [
    "DATA",
    "MODELS",
    "DigitAutoencoder",
    "DigitClassifier",
    "DigitReader",
    "DigitVae",
    "coloured_digits",
    "fit_digit_autoencoder",
    "fit_digit_classifier",
    "fit_digit_reader",
    "fit_digit_vae",
]
