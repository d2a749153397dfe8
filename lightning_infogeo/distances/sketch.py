"""Sketches: a few hundred numbers for each sample in place of the amplitudes of all its classes.

A count-sketch (Charikar, Chen and Farach-Colton, Theoretical Computer Science 312, 3, 2004) adds amplitudes with random
signs into m buckets. It is linear, and ‖Sa − Sb‖² is an unbiased estimate of ‖a − b‖² whose standard error is at most
√(2/m) of it, however small it is; ⟨Sa, Sb⟩ is one of the overlap, with a standard error of at most
√((1 + ⟨a, b⟩²)/m). Here buckets hold the same number of classes, by a random permutation, and signs differ from sample
to sample, so that errors of samples are uncorrelated and the error of a mean over N samples is √N times smaller.

A logarithm makes a bias of an error: where H² < ½ a sketched d_B = −ln(1 − Ĥ²) of one sample is too large by about
H⁴/(m BC²), and beyond, −ln⟨Sa, Sb⟩ by about (1/BC² + 1)/(2m); in tables, which take all from chords, by the first at
any distance. Overlaps below their own error 1/√m count as that: no sketched distance exceeds ½ ln m nats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.distributions import amplitudes, precise
from lightning_infogeo.distributions.chunks import ELEMENTS, sample_chunks


class Sketch(Portable):
    """A linear map of the amplitudes of N samples from R^C to R^m, the same for the same arguments.

    Args:
        samples: N.
        classes: C.
        width: m, less than C.
        seed: of permutation and signs.
        device: of the amplitudes.

    Raises:
        ValueError: where ``width`` is not positive and less than ``classes``.

    Example:
        Uniform over 1,000 classes, and over the first half of them: ‖a − b‖² = 2 − √2 = 0.586.

        >>> uniform, half = torch.ones(8, 1000), torch.zeros(8, 1000)
        >>> half[:, :500] = 1
        >>> sketch = Sketch(samples=8, classes=1000, width=100)
        >>> difference = sketch(uniform / 1000**0.5) - sketch(half / 500**0.5)
        >>> bool((difference.square().sum(-1).mean() - 0.586).abs() < 3 * 0.586 * (2 / 100 / 8) ** 0.5)
        True
    """

    def __init__(
        self, samples: int, classes: int, width: int, seed: int = 0, device: torch.device | str = "cpu"
    ) -> None:
        if not 0 < width < classes:
            raise ValueError(f"`Sketch(width={width})`: must lie between 1 and {classes - 1} for {classes} classes.")
        self.width = width
        self._classes = classes
        self._samples = samples
        self._layers = -(-classes // width)  # buckets hold so many classes, or one less
        generator = torch.Generator().manual_seed(seed)
        self._order = torch.randperm(classes, generator=generator).to(device)
        self._signs = _random_signs(generator, self._layers, width).to(device)
        self._turns = _random_signs(generator, samples, self._layers).to(device)
        self._filled = torch.nn.functional.pad(self._order, (0, self._layers * width - classes))
        self._kept: Tensor | None = None
        self._kept_of = (0, 0)

    @classmethod
    def joined(cls, parts: Sequence[tuple[Sketch, slice]]) -> Sketch:
        """Returns the sketch of some samples of several of the same classes, width and seed, one after the other."""
        first, _ = parts[0]
        made = cls.__new__(cls)
        vars(made).update(vars(first))
        made._turns = torch.cat([sketch._turns[rows] for sketch, rows in parts])
        made._samples, made._kept = len(made._turns), None
        return made

    @property
    def floor(self) -> float:
        """The standard error of the overlap of disjoint amplitudes, 1/√m: smaller overlaps cannot be resolved."""
        return 1 / math.sqrt(self.width)

    def to(self, device: torch.device) -> None:
        """Brings permutation and signs to a device."""
        self._order, self._signs, self._turns = (x.to(device) for x in (self._order, self._signs, self._turns))
        self._filled = self._filled.to(device)
        self._kept = None

    def __call__(self, a: Tensor, first: int = 0) -> Tensor:
        """Returns sketches, shape (k, m), of the amplitudes ``a`` of samples ``first`` and after, shape (k, C)."""
        signed = a.index_select(-1, self._filled) * self._signs_of(first, len(a))
        sketch: Tensor = signed.view(len(a), self._layers, self.width).sum(1)
        return sketch

    def of_logits(self, logits: Tensor, first: int = 0) -> Tensor:
        """Returns sketches (k, m) of samples ``first`` and after, from logits (k, C), a few samples at a time."""
        parts = list(sample_chunks(len(logits), self._classes))
        if len(parts) == 1:
            return self(amplitudes(logits), first)
        sketches = self.empty(logits)
        for rows in parts:
            sketches[rows] = self(amplitudes(logits[rows]), first + rows.start)
        return sketches

    def empty(self, like: Tensor) -> Tensor:
        """Returns zeros for the sketches of samples with logits ``like``, shape (k, m), of their type and device."""
        return torch.zeros(len(like), self.width, dtype=precise(like[:0]).dtype, device=like.device)

    def geodesic(self, labels: Tensor | None, positions: Tensor) -> Tensor:
        """Returns sketches of points on the geodesic from ignorance to truth, or without labels of ignorance alone.

        Args:
            labels: shape (N,), or None.
            positions: in [0, 1], shape (K,).

        Returns:
            Shape (K, N, m), or (1, N, m).
        """
        ignorance = self.ignorance(0, self._samples, positions.device)
        if labels is None:
            return ignorance[None]
        arc = math.acos(self._classes**-0.5)
        start, end = (((1 - positions) * arc).sin() / math.sin(arc), (positions * arc).sin() / math.sin(arc))
        return start[:, None, None] * ignorance + end[:, None, None] * self._certainty(labels)

    def ignorance(self, first: int, last: int, device: torch.device) -> Tensor:
        """Returns sketches of ignorance for samples ``first`` to ``last`` (exclusive), shape (k, m)."""
        uniform = torch.full((1, self._classes), self._classes**-0.5, device=device)
        parts = sample_chunks(last - first, self._classes)
        rows = [self(uniform.expand(r.stop - r.start, -1), first + r.start) for r in parts]
        return torch.cat([uniform.new_zeros(0, self.width), *rows])

    def _signs_of(self, first: int, size: int) -> Tensor:
        """Returns signs of some samples in the order of buckets, 0 where a bucket is short; those of few are kept."""
        if (first, size) == self._kept_of and self._kept is not None:
            return self._kept
        signs = (self._turns[first : first + size, :, None] * self._signs).flatten(1)
        signs[:, self._classes :] = torch.zeros_like(signs[:, self._classes :])
        if size * self._classes <= ELEMENTS:
            self._kept, self._kept_of = signs, (first, size)
        return signs

    def _certainty(self, labels: Tensor) -> Tensor:
        """Returns sketches of certainty in the labels: one sign each, in the bucket of the class."""
        place = self._order.argsort()[labels]
        layer, bucket = place // self.width, place % self.width
        sign = self._signs[layer, bucket] * self._turns.gather(1, layer[:, None])[:, 0]
        sketch = torch.zeros(len(labels), self.width, device=labels.device)
        return sketch.scatter_(1, bucket[:, None], sign[:, None].to(sketch))


def _random_signs(generator: torch.Generator, rows: int, columns: int) -> Tensor:
    return torch.randint(0, 2, (rows, columns), generator=generator).to(torch.int8) * 2 - 1
