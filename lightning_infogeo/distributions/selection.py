"""Which positions of a model's outputs are followed: decided once, from labels, shapes and a seed alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.distributions.distribution import IGNORED, Distribution


class Selection(Portable):
    """The samples of one probe.

    Nothing is drawn from a global random stream and nothing depends on the model's values, so the same probe has the
    same samples in every process and after every resume.

    Args:
        distribution: how outputs are to be understood.
        inputs: how many there are.
        labels: as the probe has them, inputs first; None where there are none.
        ragged: whether inputs differ in their number of positions: labels are then flat, (inputs, P), and filled up
            with ``IGNORED``.

    Attributes:
        labels: of the samples, shape (N,), int64; None where there are none. Known after ``settle``.

    Example:
        >>> from lightning_infogeo.distributions import Tokens
        >>> chosen = Selection(Tokens(), 2, torch.tensor([[3, -100, 0], [-100, -100, 1]]))
        >>> chosen.take(torch.zeros(2, 3, 5), 0, 2).shape, chosen.labels
        (torch.Size([3, 5]), tensor([3, 0, 1]))
    """

    def __init__(
        self, distribution: Distribution, inputs: int, labels: Tensor | None = None, ragged: bool = False
    ) -> None:
        self.labels: Tensor | None = None
        self._ragged = ragged
        self._distribution = distribution
        self._inputs = inputs
        self._given = labels
        self._bounds: list[int] = []
        self._places: tuple[Tensor, Tensor] | None = None

    def __len__(self) -> int:
        return self._bounds[-1]

    def settle(self, outputs: Tensor) -> None:
        """Decides, on seeing outputs of some of the inputs for the first time; later calls do nothing.

        Raises:
            ValueError: where labels do not fit the outputs, or there is not one sample.
        """
        if self._bounds:
            return
        labels = None if self._given is None else self._flat(self._given.cpu(), tuple(outputs.shape))
        if self._ragged and labels is not None:
            per_input = len(labels) // self._inputs
        else:
            per_input = self._distribution.arranged(outputs[:1]).shape[1]
        total = self._inputs * per_input
        ignored = self._distribution.ignored
        valid = None if labels is None else ((labels != ignored) & (labels != IGNORED)).nonzero()[:, 0]
        found = total if valid is None else len(valid)
        if not found:
            raise ValueError(f"every label is ignore_index={ignored}, so there is no sample; give others")
        most = self._distribution.most if per_input > 1 else None
        chosen = None
        if most is not None and found > most:
            chosen = _spread(found, most, self._distribution.seed)
        positions = valid if chosen is None else chosen if valid is None else valid[chosen]
        if positions is None or len(positions) == total:
            self._bounds = list(range(0, total + 1, per_input))
            self.labels = labels
            positions = torch.arange(total)
        else:
            counts = torch.bincount(positions // per_input, minlength=self._inputs)
            self._bounds = [0, *counts.cumsum(0).tolist()]
            self.labels = None if labels is None else labels[positions]
        if total > self._inputs or len(positions) < total:  # otherwise an output is a sample
            self._places = positions // per_input, positions % per_input
        self.to(outputs.device)

    def take(self, outputs: Tensor, start: int, stop: int) -> Tensor:
        """Returns the logits (k, C) of the samples in the outputs of inputs ``start`` to ``stop`` (exclusive)."""
        self.settle(outputs)
        return self._rows(outputs, start, self._bounds[start], self._bounds[stop])

    def parts(self, outputs: Tensor, start: int, stop: int, rows: int) -> Iterator[tuple[slice, Tensor]]:
        """Yields the same, at most ``rows`` samples at a time, after where they stand among all N."""
        self.settle(outputs)
        for first in range(self._bounds[start], self._bounds[stop], rows):
            last = min(first + rows, self._bounds[stop])
            yield slice(first, last), self._rows(outputs, start, first, last)

    def rows(self, start: int, stop: int) -> slice:
        """Returns where the samples of inputs ``start`` to ``stop`` (exclusive) stand among all N."""
        return slice(self._bounds[start], self._bounds[stop])

    def classes(self, outputs: Tensor) -> int:
        """Returns the number of classes C."""
        return self._distribution.logits(self._distribution.arranged(outputs[:1])[:, 0]).shape[-1]

    def to(self, device: torch.device) -> None:
        """Brings indices and labels to a device."""
        self.labels = None if self.labels is None else self.labels.to(device)
        self._places = None if self._places is None else (self._places[0].to(device), self._places[1].to(device))

    def _rows(self, outputs: Tensor, start: int, first: int, last: int) -> Tensor:
        arranged = self._distribution.arranged(outputs)
        if self._places is None:
            rows = arranged[first - start : last - start, 0]
        else:
            inputs, positions = self._places
            rows = arranged[inputs[first:last] - start, positions[first:last]]
        return self._distribution.logits(rows)

    def _flat(self, labels: Tensor, shape: tuple[int, ...]) -> Tensor:
        if self._ragged:
            return self._distribution.aligned(labels).reshape(-1)
        labels = self._distribution.indices(labels, shape)
        expected = (self._inputs, *self._distribution.positions(shape))
        if [size for size in labels.shape if size != 1] != [size for size in expected if size != 1]:
            raise ValueError(
                f"must be integer class indices of shape {expected}, got {tuple(labels.shape)}, for outputs of shape "
                f"{shape}; give such labels, or None where there are none"
            )
        return self._distribution.aligned(labels.reshape(expected)).reshape(-1)


def _spread(found: int, most: int, seed: int) -> Tensor:
    """Returns ``most`` different numbers below ``found``, rising: one, by chance, of each of as many equal parts."""
    edges = torch.arange(most + 1) * found // most
    chance = torch.rand(most, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    widths = edges.diff()
    return edges[:-1] + (chance * widths).long().clamp_max(widths - 1)
