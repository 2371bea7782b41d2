"""The bijections of which a flow is made, one a file.

A transform is a module with a leading axis of K stacked IINs:
``forward(x: (K, n, N)) -> (y: (K, n, N), log_det: (K, n))`` and ``inverse(y) -> x``. One that
depends on data before training has ``initialize(x) -> None`` as well.
"""

from iin_core.transforms.actnorm import ActNorm
from iin_core.transforms.conditional_affine import AffineMaps, ConditionalAffine, Gate
from iin_core.transforms.conditioner import NetShape
from iin_core.transforms.coupling import Coupling
from iin_core.transforms.permutation import Permutation
from iin_core.transforms.residual_coupling import ResidualCoupling
from iin_core.transforms.rotation import Rotation

__all__ = [
    "ActNorm",
    "AffineMaps",
    "ConditionalAffine",
    "Coupling",
    "Gate",
    "NetShape",
    "Permutation",
    "ResidualCoupling",
    "Rotation",
]
