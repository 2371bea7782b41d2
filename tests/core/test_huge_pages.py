"""Huge pages hold numbers as other memory does."""

import pytest
import torch

from iin_core import huge_pages
from iin_core.huge_pages import huge_zeros


@pytest.mark.parametrize("shape", [(3, 5), (600, 1000)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zeros_are_zeros(shape, dtype):
    """Small and large memory comes as zeros of the wanted shape and type, and keeps what is written."""
    found = huge_zeros(shape, like=torch.empty(0, dtype=dtype))
    assert torch.equal(found, torch.zeros(shape, dtype=dtype))
    found += 1
    assert float(found.sum()) == shape[0] * shape[1]
    assert not torch.equal(huge_zeros(shape, like=found), found)


@pytest.mark.parametrize("advice", [None, -1])
def test_systems_without_huge_pages(monkeypatch, advice):
    """Where the system has none to give, or refuses, the zeros are plain ones."""
    monkeypatch.setattr(huge_pages, "_ADVICE", advice)
    assert torch.equal(huge_zeros((600, 1000), like=torch.empty(0)), torch.zeros(600, 1000))
