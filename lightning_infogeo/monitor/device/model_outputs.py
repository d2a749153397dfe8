"""What the model's outputs on the probes become: logits of samples, or sketches of them where memory is short."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.console import say
from lightning_infogeo.copies import Portable
from lightning_infogeo.distances import OVERLAP_FLOOR
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.distributions import Selection, amplitudes
from lightning_infogeo.distributions.chunks import chunk_size
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_info, rank_zero_warn
from lightning_infogeo.monitor.device.further_samples import FurtherSamples
from lightning_infogeo.monitor.device.memory_budget import MemoryBudget, allotted, exact_from
from lightning_infogeo.monitor.distributed.probe_shards import WHOLE, Shard
from lightning_infogeo.probe import ADVICE, Chosen, Evaluator, Inputs, check_labels, nbytes, out_of_memory
from lightning_infogeo.probe.first_evaluation import FirstEvaluation
from lightning_infogeo.probe.model_errors import explained
from lightning_infogeo.trajectory.observation import Observation, empty_observation, fill, observe_chunk

SHARE = 4
"""One part in so many of ``memory`` is for inputs that stay on an accelerator."""

_MANY = 4
"""So many times as many classes as labels are hardly what the labels are of."""


class ModelOutputs(Portable, left_behind={"inputs": {}}):
    """Evaluates a model on probes and reads its outputs.

    The model is called once on every probe, to decide what is followed and kept.

    Args:
        chosen: the probes by name.
        inputs: of the probes, on the model's device.
        evaluator: how the model is evaluated.
        trainer: of the module.
        module: the model.
        max_records: to be kept of each probe.
        memory: bytes on the device for all that is kept.
        shard: the part of this process in every probe.
        further: inputs of further samples, by probe.

    Attributes:
        chosen: as given.
        evaluator: as given.
        shard: as given.
        inputs: of this process, of each probe; none once they have left the device.
        further: samples beside those of the probes; none where the probes are shared.
        budget: what is kept.
        classes: C, of all probes.
        selections: which samples of each probe are followed.
        dtype: of the logits.

    Raises:
        ConfigurationError: where the model cannot be called, outputs and labels do not fit each other or the
            distribution, or memory is short.
    """

    def __init__(
        self,
        chosen: dict[str, Chosen],
        inputs: dict[str, Inputs],
        evaluator: Evaluator,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        max_records: int,
        memory: int,
        shard: Shard = WHOLE,
        further: Mapping[str, Inputs] | None = None,
    ) -> None:
        self.chosen = chosen
        self.evaluator = evaluator
        self.shard = shard
        self.inputs = dict(inputs)
        self.selections: dict[str, Selection] = {}
        self.dtype = torch.float32
        self._bounds: dict[str, list[tuple[int, int]]] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self.further = FurtherSamples(chosen, further or {}, evaluator)
        with explained(module, "calling"), evaluator.together():
            self.classes = self._common(self._evaluated(trainer, module))
            self.further.try_out(trainer, module, self.classes)
        for name in chosen:
            say(f"follows {name!r}: {self._described(name)}.")
        self.budget, left = self._allotted(module.device, max_records, memory)
        self.further.keep_on(module.device, left)
        width = self.budget.width
        self._sketches = {
            name: Sketch(len(selection), self.classes, width, evaluator.distribution.seed, module.device)
            for name, selection in self.selections.items()
            if width is not None
        }
        for name, whole in inputs.items():
            start, stop = self._bounds[name][shard.rank]
            if stop - start < len(whole):
                self.inputs[name] = whole.part(start, stop)

    @property
    def floor(self) -> float:
        """Overlaps of what is kept below it count as it."""
        return OVERLAP_FLOOR if self.budget.width is None else self.budget.width**-0.5

    def sketch(self, name: str) -> Sketch | None:
        """Returns how the history of a probe is sketched; None where it is not."""
        return self._sketches.get(name)

    @property
    def nbytes(self) -> int:
        """Bytes of inputs and outputs of the largest probe."""
        each = torch.empty((), dtype=self.dtype).element_size()
        return max(
            nbytes(inputs.batches) + each * math.prod(self._shapes[name]) * len(inputs)
            for name, inputs in self.inputs.items()
        )

    def shape(self, name: str, history: bool = False) -> tuple[int, int]:
        """Returns the shape in which a prediction is kept for the next record, or in the history."""
        width = self.budget.width if history or not self.budget.exact else None
        mine = self.rows(name)
        return mine.stop - mine.start, width or self.classes

    def rows(self, name: str, shard: Shard | None = None) -> slice:
        """Returns where the samples of this process, or of another, stand among all N of a probe."""
        return self.selections[name].rows(*self._bounds[name][(shard or self.shard).rank])

    def labels(self, name: str) -> Tensor | None:
        """Returns the labels of the samples of this process."""
        labels = self.selections[name].labels
        return None if labels is None else labels[self.rows(name)]

    def accompany(self, trainer: pl.Trainer, module: pl.LightningModule, record: bool) -> None:
        """Calls the model as ``observe`` does on every probe, for processes that have the rest of it.

        Args:
            trainer: of the module.
            module: the model.
            record: whether a record is due, for which further samples are evaluated, too.
        """
        with self.evaluator.together():
            for inputs in self.inputs.values():
                self.evaluator.calls(trainer, module, inputs, lambda *_: None)
            if record:
                self.further.accompany(trainer, module)

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
        like = torch.empty(mine.stop - mine.start, 0, dtype=self.dtype, device=module.device)
        if self.budget.exact:
            logits = like.new_empty(len(like), self.classes)

            def collect(outputs: Tensor, start: int, stop: int) -> None:
                rows = selection.rows(first + start, first + stop)
                logits[_shifted(rows, mine.start)] = selection.take(outputs, first + start, first + stop)

            self.evaluator.calls(trainer, module, inputs, collect)
            return logits, None
        sketch = self._sketches[name]
        points, seen = sketch.empty(like), empty_observation(like, labels is not None)

        def condense(outputs: Tensor, start: int, stop: int) -> None:
            with torch.autocast(outputs.device.type, enabled=False):
                size = chunk_size(self.classes, outputs)
                for rows, logits in selection.parts(outputs, first + start, first + stop, size):
                    own = _shifted(rows, mine.start)
                    points[own] = sketch(amplitudes(logits), rows.start)
                    if whole:
                        fill(seen, own, observe_chunk(logits, None if labels is None else labels[rows]))

        self.evaluator.calls(trainer, module, inputs, condense)
        return points, seen if whole else None

    def to(self, device: torch.device) -> None:
        """Brings to a device what is needed to read what was recorded, and lets go of the inputs."""
        self.inputs = {}
        self.evaluator.to(device)
        self.further.to(device)
        for selection in self.selections.values():
            selection.to(device)
        for sketch in self._sketches.values():
            sketch.to(device)

    def _common(self, classes: dict[str, int]) -> int:
        if len(set(classes.values())) > 1:
            raise ConfigurationError(
                f"`InfoGeometryMonitor(probes=...)`: the model returns different numbers of classes, {classes}; follow "
                "such probes with a monitor each (and a prefix each)."
            )
        return next(iter(classes.values()))

    def _allotted(self, device: torch.device, max_records: int, memory: int) -> tuple[MemoryBudget, int]:
        """Returns what is kept, and the bytes that are left for inputs on the device."""
        parts = {name: [self.rows(name, shard) for shard in self.shard.all] for name in self.selections}
        samples = sum(max(rows.stop - rows.start for rows in of) for of in parts.values())
        taken = 0 if device.type == "cpu" else sum(nbytes(inputs.batches) for inputs in self.inputs.values())
        room = memory - min(taken, memory // SHARE)
        budget = allotted(samples, self.classes, room, max_records, self.evaluator.distribution.sketch_dim)
        if not budget.exact:
            rank_zero_info(
                f"`InfoGeometryMonitor(memory={memory})`: {samples} samples of {self.classes} classes are followed by "
                f"sketches of {budget.width} numbers each; for exact curves give "
                f"{exact_from(samples, self.classes, max_records, budget.width or 0):,} bytes."
            )
        left = min(memory // SHARE - taken, room - budget.nbytes(samples, self.classes))
        return budget, left

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
        returned = f"the model returns ({shape}), {self.evaluator.distribution.name}, {self.classes} classes"
        if labels is not None and self.classes > _MANY * (int(labels.max()) + 1):
            returned += " (so many more than labels: are these logits?)"
        return f"{chosen.taken}{samples}{self.further.described(name)}; {said}; {returned}"

    def _evaluated(self, trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, int]:
        """Returns the number of classes on each probe; in the precision of training where there is no other."""
        try:
            return self._evaluated_once(trainer, module)
        except RuntimeError as error:
            if self.evaluator.precision == "training" or out_of_memory(error):
                raise
            self.evaluator.precision = "training"
            try:
                classes = self._evaluated_once(trainer, module)
            except Exception:
                raise error from None
            rank_zero_warn(
                f'`InfoGeometryMonitor(precision="full")`: the model cannot run without autocast ({error}); evaluating '
                'it in the precision of training instead. Say so yourself with precision="training".'
            )
            return classes

    def _evaluated_once(self, trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, int]:
        """Returns the number of classes on each probe; keeps no logits."""
        distribution = self.evaluator.distribution
        classes, dtypes = {}, []
        for name, chosen in self.chosen.items():
            probe, inputs = chosen.probe, self.inputs[name]
            selection = self.selections[name] = Selection(distribution, len(probe), probe.labels, probe.ragged)
            look = FirstEvaluation(selection, distribution, name)
            self._bounds[name] = [inputs.bounds(part.rank, part.ranks) for part in self.shard.all]
            start, stop = self._bounds[name][self.shard.rank]
            if start == stop:  # nothing of it is for this process, but what the outputs are like it must know
                start, stop = 0, 1
            own = inputs if stop - start == len(probe) else inputs.part(start, stop)
            about = probe.about_labels
            if about.values is not None and about.dtype is not None and about.binary:
                error = distribution.label_error(about.values, about.dtype)
                if error:
                    advice = "" if chosen.given else f" {ADVICE}"
                    raise ConfigurationError(f"`Probe(labels=...)` of {name!r}: {error}{advice}")
            self.evaluator.calls(trainer, module, own, partial(look, first=start))
            labels = None if selection.labels is None else selection.labels.cpu()
            look.check()
            check_labels(labels, look.classes, name)
            classes[name] = look.classes
            self._shapes[name] = look.shape
            dtypes.append(look.dtype)
        self.dtype = dtypes[0]
        return classes


def _shifted(rows: slice, by: int) -> slice:
    return slice(rows.start - by, rows.stop - by)
