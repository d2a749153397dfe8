"""The unit in which losses of different tokenizers are compared."""

import math

import pytest
import torch

from lightning_infogeo.distributions import bits_per_byte


def test_the_same_text_costs_the_same_whatever_its_tokens():
    """100 bytes, told by 25 tokens or by 50 at half the nats each."""
    coarse, fine = bits_per_byte(torch.tensor([2.0, 1.0]), 4.0), bits_per_byte(torch.tensor([1.0, 0.5]), 2.0)
    torch.testing.assert_close(coarse, fine)
    assert float(coarse[0]) == pytest.approx(2 / math.log(2) / 4)


@pytest.mark.parametrize("bytes_per_token", [0, -1.0, math.inf, math.nan])
def test_tokens_without_text_are_refused(bytes_per_token):
    with pytest.raises(ValueError, match="bytes_per_token"):
        bits_per_byte(1.0, bytes_per_token)
