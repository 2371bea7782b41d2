"""Pictures of results, one a file; the same numbers give the same bytes. Matplotlib is imported on use."""

from iin_core.figures.curves import curves
from iin_core.figures.layers import layer_concept_chart
from iin_core.figures.matrices import leakage_matrix
from iin_core.figures.swaps import swap_grid

__all__ = ["curves", "layer_concept_chart", "leakage_matrix", "swap_grid"]
