"""What the model's outputs on the probes become: logits of samples, or sketches of them where memory is short."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.console import say
from lightning_infogeo.copies import Portable
from lightning_infogeo.distances import OVERLAP_FLOOR
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.distributions import Bernoulli, Selection, amplitudes
from lightning_infogeo.distributions.chunks import chunk_size
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_info, rank_zero_warn
from lightning_infogeo.monitor.device.first_evaluation import SUSPICIOUS, FirstEvaluation
from lightning_infogeo.monitor.device.memory_budget import MemoryBudget, allotted, exact_from
from lightning_infogeo.monitor.distributed.probe_shards import WHOLE, Shard
from lightning_infogeo.probe import (
    ADVICE,
    Chosen,
    Evaluator,
    Inputs,
    check_values,
    left_out,
    nbytes,
    out_of_memory,
    place,
)
from lightning_infogeo.probe.model_errors import check_initialised, explained
from lightning_infogeo.trajectory.observation import Observation, empty_observation, fill, observe_chunk

_SHARE = 4
"""One part in so many of ``memory`` is for inputs that stay on an accelerator."""


_MANY = 4
"""So many times as many classes as labels are hardly what the labels are of."""


class ModelOutputs(Portable, left_behind={"inputs": {}}):
    """Evaluates a model on probes and reads its outputs.

    Args:
        chosen: the probes by name.
        evaluator: how the model is evaluated.
        max_records: to be kept of each probe.
        memory: bytes on the device for all that is kept.
        shard: the part of this process in every probe.

    Attributes:
        chosen: as given, without those that could not be placed although others could.
        evaluator: as given.
        shard: as given.
        inputs: of this process, of each probe; on the model's device between ``place`` and ``release``.
        budget: what is kept; known after ``prepare``.
        selections: which samples of each probe are followed.
    """

    def __init__(
        self,
        chosen: dict[str, Chosen],
        evaluator: Evaluator,
        max_records: int,
        memory: int,
        shard: Shard = WHOLE,
    ) -> None:
        self.chosen = chosen
        self.evaluator = evaluator
        self.shard = shard
        self.inputs: dict[str, Inputs] = {}
        self.budget = MemoryBudget(0, None, True)
        self.selections: dict[str, Selection] = {}
        self._bounds: dict[str, list[tuple[int, int]]] = {}
        self._max_records = max_records
        self._memory = memory
        self._sketches: dict[str, Sketch] = {}
        self._classes = 0
        self._dtype = torch.float32
        self._shapes: dict[str, tuple[int, ...]] = {}

    @property
    def floor(self) -> float:
        """Overlaps of what is kept below it count as it."""
        return OVERLAP_FLOOR if self.budget.width is None else self.budget.width**-0.5

    def sketch(self, name: str) -> Sketch | None:
        """Returns how the history of a probe is sketched; None where it is not."""
        return self._sketches.get(name)

    def shape(self, name: str, history: bool = False) -> tuple[int, int]:
        """Returns the shape in which a prediction is kept for the next record, or in the history."""
        width = self.budget.width if history or not self.budget.exact else None
        mine = self.rows(name)
        return mine.stop - mine.start, width or self._classes

    def rows(self, name: str, shard: Shard | None = None) -> slice:
        """Returns where the samples of this process, or of another, stand among all N of a probe."""
        return self.selections[name].rows(*self._bounds[name][(shard or self.shard).rank])

    def labels(self, name: str) -> Tensor | None:
        """Returns the labels of the samples of this process."""
        labels = self.selections[name].labels
        return None if labels is None else labels[self.rows(name)]

    def place(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Brings the inputs to the model's device.

        Raises:
            ConfigurationError: where the model has no parameters yet, or its hooks cannot read a probe.
        """
        check_initialised(module)
        resident = self._memory // _SHARE
        failed: dict[str, ConfigurationError] = {}
        for name, chosen in self.chosen.items():
            try:
                with explained(module, "passing a probe through the batch-transfer hooks of"):
                    self.inputs[name] = place(chosen, trainer, module, resident // len(self.chosen))
            except ConfigurationError as error:
                if not chosen.optional:
                    raise
                failed[name] = error
        if len(failed) == len(self.chosen):
            raise next(iter(failed.values()))
        for name, reason in failed.items():
            del self.chosen[name]
            left_out(name, reason)

    def prepare(self, trainer: pl.Trainer, module: pl.LightningModule) -> torch.dtype:
        """Calls the model once on every probe, decides what is followed and kept, and returns the logits' dtype.

        Raises:
            ConfigurationError: where the model cannot be called, outputs and labels do not fit each other or the
                distribution, or memory is short.
        """
        with explained(module, "calling"), self.evaluator.together():
            classes = self._looked(trainer, module)
        if len(set(classes.values())) > 1:
            raise ConfigurationError(
                f"`InfoGeometryMonitor(probes=...)`: the model returns different numbers of classes, {classes}; follow "
                "such probes with a monitor each (and a prefix each)."
            )
        self._classes = next(iter(classes.values()))
        for name in self.chosen:
            say(f"follows {name!r}: {self._described(name)}.")
        samples = sum(max(_length(self.rows(name, s)) for s in self.shard.all) for name in self.selections)
        distribution = self.evaluator.distribution
        on_device = module.device.type != "cpu"
        taken = sum(nbytes(inputs.batches) for inputs in self.inputs.values()) if on_device else 0
        room = self._memory - min(taken, self._memory // _SHARE)
        self.budget = allotted(samples, self._classes, room, self._max_records, distribution.sketch_dim)
        if not self.budget.exact:
            rank_zero_info(
                f"`InfoGeometryMonitor(memory={self._memory})`: {samples} samples of {self._classes} classes are "
                f"followed by sketches of {self.budget.width} numbers each; for exact curves give "
                f"{exact_from(samples, self._classes, self._max_records, self.budget.width or 0):,} bytes."
            )
        width = self.budget.width
        self._sketches = {
            name: Sketch(len(selection), self._classes, width, distribution.seed, module.device)
            for name, selection in self.selections.items()
            if width is not None
        }
        for name, inputs in self.inputs.items():
            start, stop = self._bounds[name][self.shard.rank]
            if stop - start < len(inputs):
                self.inputs[name] = inputs.part(start, stop)
        return self._dtype

    def accompany(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Calls the model as ``observe`` does on every probe, for processes that have the rest of it."""
        with self.evaluator.together():
            for inputs in self.inputs.values():
                self.evaluator.calls(trainer, module, inputs, _ignore)

    def observe(
        self, trainer: pl.Trainer, module: pl.LightningModule, name: str, whole: bool
    ) -> tuple[Tensor, Observation | None]:
        """Evaluates the model on a probe.

        Returns:
            Logits (N, C), or sketches (N, m) where the budget has no room for logits; and for these, if ``whole``, the
            observation of this prediction, since the logits are gone.
        """
        selection, mine, inputs = self.selections[name], self.rows(name), self.inputs[name]
        first, _ = self._bounds[name][self.shard.rank]
        if self.budget.exact and self.shard.ranks == 1:
            return self.evaluator(trainer, module, inputs, selection), None
        labels = selection.labels
        like = torch.empty(mine.stop - mine.start, 0, dtype=self._dtype, device=module.device)
        if self.budget.exact:
            found = like.new_empty(len(like), self._classes)

            def collect(outputs: Tensor, start: int, stop: int) -> None:
                rows = selection.rows(first + start, first + stop)
                found[_shifted(rows, mine.start)] = selection.take(outputs, first + start, first + stop)

            self.evaluator.calls(trainer, module, inputs, collect)
            return found, None
        sketch = self._sketches[name]
        points, seen = sketch.empty(like), empty_observation(like, labels is not None)

        def condense(outputs: Tensor, start: int, stop: int) -> None:
            with torch.autocast(outputs.device.type, enabled=False):
                for rows, logits in selection.parts(outputs, first + start, first + stop, chunk_size(self._classes)):
                    own = _shifted(rows, mine.start)
                    points[own] = sketch(amplitudes(logits), rows.start)
                    if whole:
                        fill(seen, own, observe_chunk(logits, None if labels is None else labels[rows]))

        self.evaluator.calls(trainer, module, inputs, condense)
        return points, seen if whole else None

    def point(self, name: str, kept: Tensor) -> Tensor:
        """Returns what the history keeps of a prediction, given what ``observe`` returned of it."""
        if not self.budget.exact:
            return kept
        sketch = self._sketches.get(name)
        return amplitudes(kept) if sketch is None else sketch.of_logits(kept, self.rows(name).start)

    def release(self) -> None:
        """Takes everything off the device; ``prepare`` brings it back."""
        cpu = torch.device("cpu")
        self.inputs = {}
        for selection in self.selections.values():
            selection.to(cpu)
        for sketch in self._sketches.values():
            sketch.to(cpu)

    def _described(self, name: str) -> str:
        """Returns in words what is followed, so that what is taken for something else than it is can be seen."""
        chosen, selection = self.chosen[name], self.selections[name]
        about, labels = chosen.probe.about_labels, selection.labels
        if about.missing:
            said = f"without labels ({chosen.origin}): {about.missing}"
        elif labels is None:
            said = "without labels"
        else:
            said = f"labels {int(labels.min())}..{int(labels.max())} ({chosen.origin})"
        positions = len(chosen.probe) != len(selection)
        samples = f", followed at {len(selection):,} positions with a label" if positions else ""
        shape = ", ".join(map(str, ("n", *self._shapes[name])))
        returned = f"the model returns ({shape}), {self.evaluator.distribution.name}, {self._classes} classes"
        if labels is not None and self._classes > _MANY * (int(labels.max()) + 1):
            returned += " (so many more than labels: are these logits?)"
        return f"{chosen.taken}{samples}; {said}; {returned}"

    def _looked(self, trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, int]:
        """Returns the number of classes on each probe; in the precision of training where there is no other."""
        try:
            return self._look(trainer, module)
        except RuntimeError as error:
            if self.evaluator.precision == "training" or out_of_memory(error):
                raise
            self.evaluator.precision = "training"
            try:
                classes = self._look(trainer, module)
            except Exception:
                raise error from None
            rank_zero_warn(
                f'`InfoGeometryMonitor(precision="full")`: the model cannot run without autocast ({error}); evaluating '
                'it in the precision of training instead. Say so yourself with precision="training".'
            )
            return classes

    def _look(self, trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, int]:
        """Returns the number of classes on each probe; keeps no logits."""
        distribution = self.evaluator.distribution
        classes, dtypes = {}, []
        softmax = distribution.name != Bernoulli.name
        for name, chosen in self.chosen.items():
            probe, inputs = chosen.probe, self.inputs[name]
            selection = self.selections[name] = Selection(distribution, len(probe), probe.labels, probe.ragged)
            look = FirstEvaluation(selection, name)
            self._bounds[name] = [inputs.bounds(part.rank, part.ranks) for part in self.shard.all]
            start, stop = self._bounds[name][self.shard.rank]
            if start == stop:  # nothing of it is for this process, but what the outputs are like it must know
                start, stop = 0, 1
            own = inputs if stop - start == len(probe) else inputs.part(start, stop)
            if softmax and probe.binary and not _one_hot(probe.labels):
                advice = "" if chosen.given else f" {ADVICE}"
                raise ConfigurationError(
                    f"`Probe(labels=...)` of {name!r}: must be integer class indices, got {probe.about_labels.dtype}; "
                    'convert them, or give output="bernoulli" where they answer a yes-or-no question each (classifiers '
                    f"only: targets of a regression are not supported).{advice}"
                )
            self.evaluator.calls(trainer, module, own, partial(look, first=start))
            labels = None if selection.labels is None else selection.labels.cpu()
            check_values(softmax and look.probabilities, labels, look.classes, name)
            if not softmax and look.chances and len(selection) >= SUSPICIOUS:
                rank_zero_warn(
                    f'`InfoGeometryMonitor(output="bernoulli")`: all outputs on probe {name!r} lie between 0 and 1. '
                    "Logits are expected: if these are probabilities, leave the final sigmoid to the loss, or give "
                    "logits_fn=lambda module, inputs: module(inputs).logit()."
                )
            classes[name] = look.classes
            self._shapes[name] = look.shape
            dtypes.append(look.dtype)
        self._dtype = dtypes[0]
        return classes


def _one_hot(labels: Tensor | None) -> bool:
    return labels is not None and labels.dim() > 1 and bool((labels.sum(1) == 1).all())


def _ignore(*_: object) -> None:
    pass


def _length(rows: slice) -> int:
    return int(rows.stop - rows.start)


def _shifted(rows: slice, by: int) -> slice:
    return slice(rows.start - by, rows.stop - by)
