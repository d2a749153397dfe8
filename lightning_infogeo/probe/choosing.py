"""Making a probe from a source: given samples, or samples drawn from a loader without changing its state."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import GeneratorType
from typing import Any

import torch

from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.probe.probe import Probe
from lightning_infogeo.probe.randomness import SEED, fixed_randomness
from lightning_infogeo.probe.sampling import Amount, Before, draw, is_indexed, training_batch_size
from lightning_infogeo.probe.splitting import Split, split
from lightning_infogeo.probe.untouched import MAX_OBJECTS, Trace, handed_back, queues_of, untouched, used_up

_ONCE = (
    "`InfoGeometryMonitor(probes=...)`: `{}` reads {}, which can be read only once, so samples taken for a probe would "
    "be lost to training; give the samples yourself: probes=Probe(inputs, labels)."
)


@dataclass
class Chosen:
    """A probe on its way to the model.

    Attributes:
        probe: its samples; a drawn one gets its labels when ``place`` has passed it through the hooks.
        batches: as the loader made them, or as the hooks left them.
        dataloader_idx: index of its validation loader.
        given: whether the user gave the samples, and with them the labels.
        placed: whether ``batches`` have been through the hooks.
        optional: whether training can be followed without it.
        taken: which samples these are, in words.
        origin: where labels were found, in words.
        by: splits a batch into inputs and labels.
        nbytes: the most bytes of the inputs, before and after the hooks; None for no limit.
        further: other samples of the same source, for what keeps one number a sample; None for none.
        asked: how many samples were to be taken, of further ones.
    """

    probe: Probe
    batches: list[Any] = field(repr=False)
    dataloader_idx: int = 0
    given: bool = True
    placed: bool = False
    optional: bool = False
    taken: str = ""
    origin: str = "as given"
    by: Split | None = None
    nbytes: int | None = None
    further: Chosen | None = field(default=None, repr=False)
    asked: int = 0

    def thin(self, each: float) -> None:
        """Leaves out batches, evenly, so that inputs of ``each`` bytes a sample after the hooks still fit."""
        counts = self.probe.counts
        wanted = max(1, int((self.nbytes or 0) / each / max(counts)))
        indices = [k * len(counts) // wanted for k in range(min(wanted, len(counts)))]
        self.batches = [self.batches[k] for k in indices]
        self.probe = Probe.of([self.probe.batches[k] for k in indices], [counts[k] for k in indices])
        self.taken += f", {len(self.probe)} of these, since after the hooks each takes {each / 2**20:.1f} MiB"


def choose(
    source: Any,
    amount: Amount,
    by: Split | None = None,
    *,
    loader: bool = False,
    read: float = float("inf"),
    dataloader_idx: int = 0,
    batch_size: int = 256,
    before: Before | None = None,
) -> Chosen:
    """Returns samples of ``source``; a ``Probe`` is taken whole.

    The global random streams of torch, NumPy and ``random``, and the source's own generators, are set to a fixed state
    meanwhile and then put back: random augmentation is frozen, the same in every process and after every resume.

    Args:
        source: a ``Probe``, a DataLoader, a Dataset, or any iterable of batches.
        amount: the most to take.
        by: splits a batch into inputs and labels; None to find these automatically.
        loader: whether a Dataset is a loader, whose items are batches.
        read: batches that training reads of the source in one epoch.
        dataloader_idx: passed to the batch-transfer hooks.
        batch_size: of samples of a Dataset.
        before: whose samples are left out; None for nothing.

    Raises:
        ConfigurationError: where the source is empty, holds no others, can be read only once, or is of another type.
    """
    if isinstance(source, Probe):
        pairs = list(zip(source.batches, _labels_by_batch(source), strict=True))
        return Chosen(source, pairs, dataloader_idx, taken=f"{len(source)} samples")
    stream = not is_indexed(source, loader)
    _check_rereadable(source, stream)
    queues = queues_of(source) if stream else []
    if queues:  # reading more than is in them now would block
        if before is not None:
            raise ConfigurationError(_ONCE.format(type(source).__name__, "a queue"))
        waiting = min(queue.qsize() for queue in queues) // (training_batch_size(source) or 1)
        if not waiting:
            raise ConfigurationError(_ONCE.format(type(source).__name__, "an empty queue"))
        amount = amount._replace(batches=min(waiting, amount.batches or waiting))
    threads_before = set(threading.enumerate())
    with fixed_randomness(torch.device("cpu")), untouched(source, seed=SEED) as trace, handed_back(queues):
        drawn = draw(source, amount, by, loader=loader, read=read, batch_size=batch_size, before=before)
    new_threads = (queue.name for queue in threading.enumerate() if queue not in threads_before)
    trace.changed += [f"a thread that it left running ({name})" for name in new_threads]
    warn_of_changes(trace, f"reading `{type(source).__name__}`")
    probe = Probe.of([_inputs(batch, by) for batch in drawn.batches], drawn.counts)
    size = f"{len(probe)}" if drawn.total is None else f"{len(probe)} of {drawn.total:,}"
    how = "evenly spread" if drawn.spread and drawn.total != len(probe) else "" if drawn.spread else "the first ones"
    limit = f"no more since each takes {drawn.each / 2**20:.1f} MiB: raise memory= for more" if drawn.each else ""
    taken = ", ".join(part for part in (f"{size} samples", how, limit) if part)
    return Chosen(
        probe, drawn.batches, dataloader_idx, given=False, taken=taken, origin="", by=by, nbytes=amount.nbytes
    )


def warn_of_changes(trace: Trace, what: str) -> None:
    """Warns of state that could not be put back, or of objects that were not checked."""
    if trace.truncated:
        rank_zero_warn(
            f"`InfoGeometryMonitor`: {what} for a probe involves more objects than are checked ({MAX_OBJECTS:,}). "
            "If the others draw random numbers or count, training may differ from training without the monitor; to "
            "rule that out, give the samples yourself: probes=Probe(inputs, labels)."
        )
    if trace.changed:
        rank_zero_warn(
            f"`InfoGeometryMonitor`: {what} for a probe has changed {', '.join(trace.changed[:5])}, which could not be "
            "put back, so training may differ from training without the monitor; to rule that out, give the samples "
            "yourself: probes=Probe(inputs, labels)."
        )


def _labels_by_batch(probe: Probe) -> Iterator[Any]:
    start = 0
    for count in probe.counts:
        yield None if probe.labels is None else probe.labels[start : start + count]
        start += count


def _inputs(batch: Any, by: Split | None) -> Any:
    """Returns the inputs of a batch; the whole batch where only the model's hooks can tell them."""
    try:
        return split(batch, by).inputs
    except Exception:  # raised by the user's function
        return batch


def _check_rereadable(source: Any, stream: bool) -> None:
    consumed = used_up(source, stream=stream, handed_back=True)
    consumed = ["itself"] if isinstance(source, GeneratorType) else consumed
    if consumed:
        raise ConfigurationError(_ONCE.format(type(source).__name__, ", ".join(consumed[:3])))
