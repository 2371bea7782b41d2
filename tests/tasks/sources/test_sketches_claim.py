"""The measured claim: a sketched difference in stroke thickness becomes a factor that orders images by it."""

from __future__ import annotations

import pytest
import torch

from benchmarks.grey_digits import MNIST
from benchmarks.sketches import coded, measure, sketched, variants


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thickness_becomes_a_factor(tmp_path, monkeypatch):
    """Both kinds of pairs: Spearman of at least 0.6 on held-out images, 0.2 above shuffled pairs."""
    monkeypatch.setenv("IIN_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    study = coded(sketched("mnist", "classical", 2500, tmp_path, str(MNIST)), 800)
    told = dict(variants(study))
    found = {name: measure(study, told[name], 2, 400, 0)["leading"] for name in ("both", "both, shuffled")}
    assert found["both"] >= 0.6
    assert found["both"] >= found["both, shuffled"] + 0.2
