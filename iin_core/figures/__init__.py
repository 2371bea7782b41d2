"""Pictures of results, one a file; the same numbers give the same bytes. Matplotlib is imported on use."""

from iin_core.figures.compared import layers_compared
from iin_core.figures.curves import curves
from iin_core.figures.edits import confusion_matrix, edit_curves, value_curve
from iin_core.figures.layers import layer_concept_chart
from iin_core.figures.lines import line_curves
from iin_core.figures.maps import factor_map, walk_map
from iin_core.figures.matrices import leakage_matrix
from iin_core.figures.response import response_bars, response_over_depth
from iin_core.figures.samples import generator_chart, sample_sheet
from iin_core.figures.strips import Heads, film_strip
from iin_core.figures.swaps import swap_grid

__all__ = [
    "Heads",
    "confusion_matrix",
    "curves",
    "edit_curves",
    "factor_map",
    "film_strip",
    "generator_chart",
    "layer_concept_chart",
    "layers_compared",
    "leakage_matrix",
    "line_curves",
    "response_bars",
    "response_over_depth",
    "sample_sheet",
    "swap_grid",
    "value_curve",
    "walk_map",
]
