"""A probe from whatever it is to be taken from: given, or drawn from a loader without a trace."""

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
from lightning_infogeo.probe.sampling import Amount, draw, is_indexed, training_batch_size
from lightning_infogeo.probe.splitting import Split, split
from lightning_infogeo.probe.untouched import VISITED, Trace, handed_back, queues_of, untouched, used_up

_ONCE = (
    "`InfoGeometryMonitor(probes=...)`: `{}` reads {}, which can be read only once, so samples taken for a probe would "
    "be lost to training; give the samples yourself: probes=Probe(inputs, labels)."
)


@dataclass
class Chosen:
    """A probe on its way to the model.

    Attributes:
        probe: its samples; of one that was drawn, without labels until ``place`` has passed it through the hooks.
        batches: as the loader made them, or as the hooks left them.
        dataloader_idx: which of the validation loaders it is from.
        given: whether it is the user's own, whose labels are as given.
        placed: whether ``batches`` have been through the hooks.
        optional: whether training can be followed without it.
        taken: in words, which samples they are.
        origin: in words, where labels were found.
        by: tells inputs from labels.
        nbytes: that the inputs may take, also after the hooks; None for any number.
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

    def thin(self, each: float) -> None:
        """Leaves out batches, evenly, so that inputs that take so many bytes a sample after the hooks still fit."""
        counts = self.probe.counts
        wanted = max(1, int((self.nbytes or 0) / each / max(counts)))
        kept = [k * len(counts) // wanted for k in range(min(wanted, len(counts)))]
        self.batches = [self.batches[k] for k in kept]
        self.probe = Probe.of([self.probe.batches[k] for k in kept], [counts[k] for k in kept])
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
) -> Chosen:
    """Returns samples of ``source``; a ``Probe`` is taken whole.

    The global random streams of torch, NumPy and ``random``, and generators that the source owns, are set to a fixed
    state for the purpose and put back: random augmentation is frozen as it then falls out, the same in every process
    and after every resume.

    Args:
        source: a ``Probe``, a DataLoader, a Dataset, or any iterable of batches.
        amount: how much to take at most.
        by: tells inputs from labels; None to find them by itself.
        loader: whether a Dataset is a loader, whose items are batches.
        read: batches training reads of the source in one epoch.
        dataloader_idx: passed to the batch-transfer hooks.
        batch_size: of samples of a Dataset.

    Raises:
        ConfigurationError: where the source is empty, cannot be read twice, or is none.
    """
    if isinstance(source, Probe):
        pairs = list(zip(source.batches, _divided(source), strict=True))
        return Chosen(source, pairs, dataloader_idx, taken=f"{len(source)} samples")
    stream = not is_indexed(source, loader)
    _check_rereadable(source, stream)
    queues = queues_of(source) if stream else []
    if queues:  # beyond what waits there now a read would wait for others
        waiting = min(one.qsize() for one in queues) // (training_batch_size(source) or 1)
        if not waiting:
            raise ConfigurationError(_ONCE.format(type(source).__name__, "a queue that is empty"))
        amount = amount._replace(batches=min(waiting, amount.batches or waiting))
    running = set(threading.enumerate())
    with fixed_randomness(torch.device("cpu")), untouched(source, seed=SEED) as trace, handed_back(queues):
        drawn = draw(source, amount, by, loader=loader, read=read, batch_size=batch_size)
    left = (one.name for one in threading.enumerate() if one not in running)
    trace.changed += [f"a thread that it left running ({name})" for name in left]
    told(trace, f"reading `{type(source).__name__}`")
    probe = Probe.of([_inputs(batch, by) for batch in drawn.batches], drawn.counts)
    size = f"{len(probe)}" if drawn.total is None else f"{len(probe)} of {drawn.total:,}"
    how = "evenly spread" if drawn.spread and drawn.total != len(probe) else "" if drawn.spread else "the first ones"
    fewer = (
        f"no more since each takes {drawn.each / 2**20:.1f} MiB: memory= or probe_size= decide" if drawn.each else ""
    )
    taken = ", ".join(part for part in (f"{size} samples", how, fewer) if part)
    return Chosen(
        probe, drawn.batches, dataloader_idx, given=False, taken=taken, origin="", by=by, nbytes=amount.nbytes
    )


def told(trace: Trace, what: str) -> None:
    """Warns of what could not be put back as it was, or may not have been seen."""
    if trace.cut:
        rank_zero_warn(
            f"`InfoGeometryMonitor`: {what} for a probe goes through more objects than are looked at ({VISITED:,}). If "
            "some of them draw random numbers or count, training may not be what it is without the monitor; to be sure "
            "give the samples yourself: probes=Probe(inputs, labels)."
        )
    if trace.changed:
        rank_zero_warn(
            f"`InfoGeometryMonitor`: {what} for a probe has changed {', '.join(trace.changed[:5])}, which could not be "
            "put back, so training may not be what it is without the monitor; to be sure give the samples yourself: "
            "probes=Probe(inputs, labels)."
        )


def _divided(probe: Probe) -> Iterator[Any]:
    start = 0
    for count in probe.counts:
        yield None if probe.labels is None else probe.labels[start : start + count]
        start += count


def _inputs(batch: Any, by: Split | None) -> Any:
    """Returns the inputs of a batch, or all of it where only the model's hooks make them."""
    try:
        return split(batch, by).inputs
    except Exception:  # whatever the user's own function meets
        return batch


def _check_rereadable(source: Any, stream: bool) -> None:
    spent = used_up(source, stream=stream, handed_back=True)
    spent = ["itself"] if isinstance(source, GeneratorType) else spent
    if spent:
        raise ConfigurationError(_ONCE.format(type(source).__name__, ", ".join(spent[:3])))
