"""Samples a few at a time, so that working memory stays bounded however many classes there are."""

from __future__ import annotations

from collections.abc import Iterator

ELEMENTS = 2**20
"""Logits at a time. All samples of an ordinary classifier are one piece; a dozen temporaries of two or three such
pieces take some 130 MB in float32."""


def pieces(samples: int, classes: int) -> Iterator[slice]:
    """Yields slices of the samples with at most ``ELEMENTS`` numbers each, but at least one sample.

    Example:
        >>> list(pieces(20, 128_000))
        [slice(0, 8, None), slice(8, 16, None), slice(16, 20, None)]
    """
    rows = size(classes)
    for first in range(0, samples, rows):
        yield slice(first, min(first + rows, samples))


def size(classes: int) -> int:
    """Returns the number of samples in a piece."""
    return max(1, ELEMENTS // max(classes, 1))
