"""The front of an interpreter: a fixed linear map that whitens z, or keeps the part of it that matters."""

from __future__ import annotations

from iin_core.front.fit import fit_front
from iin_core.front.linear_map import Front
from iin_core.front.shared import Shared, shared_by

__all__ = ["Front", "Shared", "fit_front", "shared_by"]
