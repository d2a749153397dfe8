"""Processing a few samples at a time, so that working memory is bounded for any number of classes."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

ELEMENTS = 3 * 2**19
"""Logits in a chunk: three probes of 512 samples and 1,000 classes are one. A dozen temporaries of two or three such
chunks take some 200 MB in float32."""

_PARTS = 32
"""Parts of a model's outputs, of each of which there are about a dozen temporaries."""


def sample_chunks(samples: int, classes: int) -> Iterator[slice]:
    """Yields slices of the samples with at most ``ELEMENTS`` logits each, but at least one sample.

    Example:
        >>> list(sample_chunks(20, 128_000))
        [slice(0, 12, None), slice(12, 20, None)]
    """
    rows = chunk_size(classes)
    for first in range(0, samples, rows):
        yield slice(first, min(first + rows, samples))


def chunk_size(classes: int, outputs: Tensor | None = None) -> int:
    """Returns the number of samples in a chunk.

    Args:
        classes: of each sample.
        outputs: of the model, where they are what is gone through: on an accelerator, where every operation has to be
            launched, a chunk may be a part of them, so that all temporaries together are smaller than they.
    """
    elements = ELEMENTS
    if outputs is not None and outputs.device.type != "cpu":
        elements = max(elements, outputs.numel() // _PARTS)
    return max(1, elements // max(classes, 1))
