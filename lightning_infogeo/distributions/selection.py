"""The choice of positions of a model's outputs that are followed, by labels, shapes and a seed only."""

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
        distribution: of the outputs.
        inputs: number of inputs.
        labels: of the probe, inputs first; None where there are none.
        ragged: whether inputs differ in their number of positions: labels are then flattened, (inputs, P), and padded
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
        self._probe_labels = labels
        self._bounds: list[int] = []
        self._indices: tuple[Tensor, Tensor] | None = None

    def __len__(self) -> int:
        return self._bounds[-1]

    @property
    def inputs(self) -> Tensor | None:
        """The input of each sample, shape (N,), int64, on the CPU; None where sample n is input n."""
        return None if self._indices is None else self._indices[0].cpu()

    def settle(self, outputs: Tensor) -> None:
        """Chooses the samples when outputs of some inputs are first seen; later calls do nothing.

        Raises:
            ValueError: where labels do not fit the outputs, or there is no sample.
        """
        if self._bounds:
            return
        labels = None if self._probe_labels is None else self._flat(self._probe_labels.cpu(), tuple(outputs.shape))
        if self._ragged and labels is not None:
            per_input = len(labels) // self._inputs
        else:
            per_input = self._distribution.arranged(outputs[:1]).shape[1]
        total = self._inputs * per_input
        ignored = self._distribution.ignored
        labelled = None if labels is None else ((labels != ignored) & (labels != IGNORED)).nonzero()[:, 0]
        candidates = total if labelled is None else len(labelled)
        if not candidates:
            raise ValueError(f"every label is ignore_index={ignored}, so there is no sample; give others")
        most = self._distribution.most if per_input > 1 else None
        picked = None
        if most is not None and candidates > most:
            picked = _spread(candidates, most, self._distribution.seed)
        positions = labelled if picked is None else picked if labelled is None else labelled[picked]
        if positions is None or len(positions) == total:
            self._bounds = list(range(0, total + 1, per_input))
            self.labels = labels
            positions = torch.arange(total)
        else:
            counts = torch.bincount(positions // per_input, minlength=self._inputs)
            self._bounds = [0, *counts.cumsum(0).tolist()]
            self.labels = None if labels is None else labels[positions]
        if total > self._inputs or len(positions) < total:  # otherwise each output is one sample
            self._indices = positions // per_input, positions % per_input
        self.to(outputs.device)

    def take(self, outputs: Tensor, start: int, stop: int) -> Tensor:
        """Returns the logits (k, C) of the samples in the outputs of inputs ``start`` to ``stop`` (exclusive)."""
        self.settle(outputs)
        return self._rows(outputs, start, self._bounds[start], self._bounds[stop])

    def parts(self, outputs: Tensor, start: int, stop: int, rows: int) -> Iterator[tuple[slice, Tensor]]:
        """Yields what ``take`` returns, at most ``rows`` samples at a time, each after its slice of all N."""
        self.settle(outputs)
        for first in range(self._bounds[start], self._bounds[stop], rows):
            last = min(first + rows, self._bounds[stop])
            yield slice(first, last), self._rows(outputs, start, first, last)

    def rows(self, start: int, stop: int) -> slice:
        """Returns the slice of all N samples that are of inputs ``start`` to ``stop`` (exclusive)."""
        return slice(self._bounds[start], self._bounds[stop])

    def classes(self, outputs: Tensor) -> int:
        """Returns the number of classes C."""
        return self._distribution.logits(self._distribution.arranged(outputs[:1])[:, 0]).shape[-1]

    def to(self, device: torch.device) -> None:
        """Brings indices and labels to a device."""
        self.labels = None if self.labels is None else self.labels.to(device)
        self._indices = None if self._indices is None else (self._indices[0].to(device), self._indices[1].to(device))

    def _rows(self, outputs: Tensor, start: int, first: int, last: int) -> Tensor:
        arranged = self._distribution.arranged(outputs)
        if self._indices is None:
            rows = arranged[first - start : last - start, 0]
        else:
            inputs, positions = self._indices
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


def _spread(count: int, most: int, seed: int) -> Tensor:
    """Returns ``most`` increasing numbers below ``count``: a random one from each of as many equal parts."""
    edges = torch.arange(most + 1) * count // most
    chance = torch.rand(most, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    widths = edges.diff()
    return edges[:-1] + (chance * widths).long().clamp_max(widths - 1)
