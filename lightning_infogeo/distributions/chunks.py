"""Processing a few samples at a time, so that working memory is bounded for any number of classes."""

from __future__ import annotations

from collections.abc import Iterator

ELEMENTS = 3 * 2**19
"""Logits in a chunk: three probes of 512 samples and 1,000 classes are one. A dozen temporaries of two or three such
chunks take some 200 MB in float32."""


def sample_chunks(samples: int, classes: int) -> Iterator[slice]:
    """Yields slices of the samples with at most ``ELEMENTS`` logits each, but at least one sample.

    Example:
        >>> list(sample_chunks(20, 128_000))
        [slice(0, 12, None), slice(12, 20, None)]
    """
    rows = chunk_size(classes)
    for first in range(0, samples, rows):
        yield slice(first, min(first + rows, samples))


def chunk_size(classes: int) -> int:
    """Returns the number of samples in a chunk."""
    return max(1, ELEMENTS // max(classes, 1))
