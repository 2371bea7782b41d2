"""Whether what is decoded has the scale of the data."""

from __future__ import annotations

import pytest
import torch

from iin_core.errors import ModelError
from tasks.experiments.decoder_check import refuse_other_scale


def test_bytes_decoded_into_the_unit_interval_are_refused_with_the_remedy() -> None:
    """A figure would show one of them black, and FID compare nothing."""
    examples = torch.tensor([0, 255, 3, 128], dtype=torch.uint8).reshape(1, 1, 2, 2)
    with pytest.raises(ModelError, match=r"whole numbers up to 255.*\[0, 1\]") as caught:
        refuse_other_scale(examples, torch.rand(1, 1, 2, 2), "net")
    assert "divide by 255" in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_images_of_one_scale_and_standardised_floats_pass(dtype: torch.dtype) -> None:
    """Bytes decoded as 0 to 255, floats beyond 1 decoded by a sigmoid."""
    examples = torch.tensor([0, 2, 3, 2]).reshape(1, 1, 2, 2).to(dtype)
    images = torch.rand(1, 1, 2, 2) * (255 if dtype == torch.uint8 else 1)
    images[0, 0, 0, 0] = 200 if dtype == torch.uint8 else 0.5
    refuse_other_scale(examples, images, "net")
