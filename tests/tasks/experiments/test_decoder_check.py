"""Whether what is decoded has the scale of the data."""

from __future__ import annotations

from contextlib import nullcontext

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


@pytest.mark.parametrize(
    ("dtype", "scale", "is_refused"),
    [
        (torch.uint8, 255, False),
        (torch.uint8, 1, True),
        (torch.float32, 255, False),
        (torch.float32, 1, False),
    ],
)
def test_whole_numbers_alone_tell_their_scale(dtype: torch.dtype, scale: int, is_refused: bool) -> None:
    """Bytes decoded as 0 to 255 pass, and floats, which may be standardised, whatever is decoded of them."""
    examples = torch.tensor([0, 2, 3, 2]).reshape(1, 1, 2, 2).to(dtype)
    images = torch.tensor([0.1, 0.9, 0.5, 0.2]).reshape(1, 1, 2, 2) * scale
    refused = nullcontext() if not is_refused else pytest.raises(ModelError, match="two scales")
    with refused as caught:
        refuse_other_scale(examples, images, "net")
    assert (caught is not None) == is_refused
