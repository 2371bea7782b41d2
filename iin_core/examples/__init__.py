"""Networks and data that need no download: for the demo, the documentation and the tests."""

from iin_core.examples.coloured_digits import coloured_digits

DATA = {"coloured_digits": coloured_digits}

__all__ = ["DATA", "coloured_digits"]
