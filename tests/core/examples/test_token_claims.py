"""What is claimed of a real transformer in docs/experiments/tokens.md."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.tokens import CONCEPTS, LAYERS, depth_rows, edit_rows, fit_layer, read_all


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_concepts_are_read_and_edits_reach_the_output():
    """Held-out macro-F1 at least 0.3 above chance, of the layer and of the block; edits change the probe."""
    read = read_all(layers=LAYERS[-1:])
    interpreter = fit_layer(read, LAYERS[-1], 300)
    depth = pd.DataFrame(depth_rows(read, LAYERS[-1], interpreter)).set_index(["of", "concept"])
    above = depth["macro_f1"] - depth["chance"]
    assert (above["layer"] >= 0.3).all()
    assert (above["block"] >= 0.3).all()
    edits = pd.DataFrame(edit_rows(read, LAYERS[-1], interpreter, 400)).set_index("concept")
    assert (edits.loc[list(CONCEPTS), "changed"] >= 0.7).all()
    assert (edits["changed"] >= edits["control"] + 0.2).all()
