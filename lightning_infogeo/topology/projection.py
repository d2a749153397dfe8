"""A fixed random projection that preserves distances, and the dimension that a budget affords."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

MIN_DIMENSION = 32
"""The smallest dimension of a projection: below it squared distances would be off by more than 25 %."""


class Projection:
    """A Gaussian random projection, the same for the same arguments on every machine.

    Every squared distance is multiplied by a random factor of mean 1 that is χ²_k / k distributed, k the dimension: its
    standard deviation is √(2/k), that of the distance about √(1/2k) (Johnson & Lindenstrauss 1984; exact for normal
    entries). The matrix is drawn by a generator of its own, not the global ones. It never changes, so that records of
    one run, and of runs with the same seed, can be compared.

    Args:
        fan_in: length of the vectors.
        dimension: k, to which they are reduced.
        seed: of the matrix.
        device: where the vectors are.

    Raises:
        ValueError: for sizes that are not positive.

    Attributes:
        matrix: shape (fan_in, k), float32.
        seed: as given.

    Example:
        >>> Projection(10_000, 200).relative_error
        0.1
    """

    def __init__(self, fan_in: int, dimension: int, seed: int = 0, device: torch.device | str = "cpu") -> None:
        if fan_in < 1 or dimension < 1:
            raise ValueError(f"`Projection({fan_in!r}, {dimension!r})`: both must be positive.")
        self.seed = seed
        generator = torch.Generator().manual_seed(seed)
        matrix = torch.randn(fan_in, dimension, generator=generator, device="cpu") / math.sqrt(dimension)
        self.matrix = matrix.to(device)

    @property
    def relative_error(self) -> float:
        """Relative standard deviation of a squared distance, √(2/k)."""
        return math.sqrt(2 / self.matrix.shape[1])

    def __call__(self, vectors: Tensor) -> Tensor:
        """Returns vectors (..., fan_in) in k dimensions, (..., k), float32 even under autocast."""
        if not torch.amp.is_autocast_available(vectors.device.type):
            return vectors.float() @ self.matrix
        with torch.autocast(vectors.device.type, enabled=False):
            return vectors.float() @ self.matrix


def affordable_dimension(sizes: Sequence[tuple[int, int]], records: int, memory: int) -> int:
    """Returns D, the largest dimension at which all records fit; layers of fewer inputs are not projected.

    Args:
        sizes: (neurons, fan_in) of the layers.
        records: expected number of them.
        memory: bytes for 4 · records · Σ neurons · min(fan_in, D).

    Returns:
        The largest fan_in, where nothing has to be reduced.

    Raises:
        ValueError: where not even 32 dimensions fit, or no record is expected.

    Example:
        >>> affordable_dimension([(100, 784), (100, 50)], records=100, memory=20_000_000)
        450
    """
    if records < 1:
        raise ValueError(f"`affordable_dimension(records={records!r})`: must be a positive int.")
    room = memory // (4 * records)

    def needed(dimension: int) -> int:
        return sum(neurons * min(fan_in, dimension) for neurons, fan_in in sizes)

    low, high = 0, max(fan_in for _, fan_in in sizes)
    if needed(high) <= room:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if needed(middle) <= room else (low, middle)
    if low < MIN_DIMENSION:
        raise ValueError(
            f"`NeuronSettings(memory={memory})`: {records} records of {sum(n for n, _ in sizes)} neurons in "
            f"{MIN_DIMENSION} dimensions need {4 * records * needed(MIN_DIMENSION)} bytes; raise it, name fewer "
            "layers, or record less often."
        )
    return low
