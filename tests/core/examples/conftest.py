"""A few sources of the demo's data, for fits of a few updates."""

import pytest

from iin_core.examples.truths import DemoData, demo_data

N_SOURCES = 60
N_COLOURS = 6


@pytest.fixture(scope="session")
def data():
    """All of the demo's data."""
    return demo_data()


@pytest.fixture(scope="session")
def small(data):
    """The first sources alone; every digit is among them."""
    n = N_SOURCES * N_COLOURS
    return DemoData(data.images[:n], data.rows.iloc[:n].reset_index(drop=True))
