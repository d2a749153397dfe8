"""How many samples are gone through at a time."""

import pytest
import torch

from lightning_infogeo.distributions.chunks import ELEMENTS, chunk_size, sample_chunks

TOKENS = (16, 512, 50_000)
"""Shape of a language model's outputs, of 8,192 tokens."""


@pytest.mark.parametrize(("samples", "classes"), [(0, 10), (1, 10), (300_000, 10), (7, 3 * ELEMENTS), (100, 50_000)])
def test_slices_hold_all_samples_once_and_no_more_logits_than_they_may(samples, classes):
    slices = list(sample_chunks(samples, classes))
    assert [rows.start for rows in slices[1:]] == [rows.stop for rows in slices[:-1]]
    assert sum(rows.stop - rows.start for rows in slices) == samples
    assert all(0 < rows.stop - rows.start <= max(1, ELEMENTS // classes) for rows in slices)


def test_on_an_accelerator_a_chunk_may_be_a_part_of_large_outputs():
    on_accelerator, on_cpu = torch.empty(TOKENS, device="meta"), torch.zeros(1).expand(TOKENS)
    assert chunk_size(50_000) == chunk_size(50_000, on_cpu) == 31
    assert chunk_size(50_000, on_accelerator) == 256
    assert on_accelerator.numel() / 2 > 12 * 256 * 50_000  # a dozen temporaries
    assert chunk_size(50_000, on_accelerator[:1]) == 31
    assert chunk_size(10**10, on_accelerator) == 1
