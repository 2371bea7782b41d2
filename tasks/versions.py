"""The versions under which an output was made."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("iin", "torch", "numpy", "pandas", "scikit-learn", "zarr", "pyarrow")


def package_versions() -> dict[str, str]:
    """Package → version, for those whose version may show in an output, and ``python``."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
