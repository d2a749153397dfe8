"""A ceiling on what the monitor evaluates, for short trainings: fewer records then, on fewer samples.

What the monitor and the training do is counted in forwards of a sample, of which a training step takes three: a
backward costs two. The counts are known before the first step, so that what is recorded is the same in every run and on
every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import lightning_infogeo.lightnings as pl
from lightning_infogeo.console import say
from lightning_infogeo.monitor.arguments import Arguments
from lightning_infogeo.probe import SourceSize, source_sizes, training_batch_size
from lightning_infogeo.schedules import Clock, LogSpaced, planned_steps

FORWARDS = 3
"""What a training step costs, in forwards of each of its samples."""

LEAST_PER_DECADE, LEAST_SAMPLES = 10, 32
"""The schedule is not thinned, and the probes are not halved, below these."""


class Afforded(NamedTuple):
    """What a training can afford of its monitor.

    Attributes:
        per_decade: records per factor of ten in steps.
        probe_size: the most samples to draw for a probe.
    """

    per_decade: int
    probe_size: int

    def forwards(self, lag: int, probes: Sequence[SourceSize], clock: Clock) -> int:
        """Returns the forwards of a sample that all evaluations take."""
        return evaluations(LogSpaced(self.per_decade), lag, clock) * sum(one.taken(self.probe_size) for one in probes)

    def applied(self, arguments: Arguments) -> Arguments:
        """Returns the arguments with this schedule and size."""
        return arguments._replace(
            schedule=LogSpaced(self.per_decade), probe_size=self.probe_size, afforded=self._asdict()
        )


def within_budget(arguments: Arguments, trainer: pl.Trainer, state: Mapping[str, Any], clock: Clock) -> Arguments:
    """Returns the arguments with as many records, and as large probes, as ``budget`` allows.

    First the schedule is thinned, then samples of the probes that the monitor draws are halved, again and again: a
    smaller probe has samples of the larger one. A schedule that the user gave stays, with its probes; so do probes of
    finished runs, and everything where the number of steps or the size of a batch is not known.

    Args:
        arguments: of the monitor.
        trainer: of the fit.
        state: to go on from, whose choice holds for the whole training; empty to begin.
        clock: before the first step.
    """
    if arguments.schedule != LogSpaced() or arguments.references:
        return arguments
    if state:
        kept = state.get("budget")
        return Afforded(**kept).applied(arguments) if kept else arguments
    batch = training_batch_size(trainer.train_dataloader)
    if arguments.budget is None or clock.final is None or batch is None:
        return arguments
    steps = clock.final - clock.step
    trained = FORWARDS * steps * trainer.accumulate_grad_batches * batch
    ranks = trainer.world_size if arguments.distributed == "shard" else 1
    allowed = arguments.budget * trained * ranks
    probes = source_sizes(arguments.probes, trainer)
    chosen = affordable(allowed, arguments, probes, clock)
    if chosen == Afforded(LogSpaced().per_decade, arguments.probe_size):
        return arguments
    share = arguments.budget * chosen.forwards(arguments.lag, probes, clock) / allowed
    say(
        f"{steps:,} steps are few: records {chosen.per_decade} times a decade, on up to {chosen.probe_size} samples of "
        f"each probe, and so takes {share:.0%} of the training's forwards (budget=None for no ceiling)."
    )
    return chosen.applied(arguments)


def affordable(allowed: float, arguments: Arguments, probes: Sequence[SourceSize], clock: Clock) -> Afforded:
    """Returns the most that costs no more than ``allowed``, in forwards of a sample; or the least there is.

    Args:
        allowed: in forwards of a sample.
        arguments: of the monitor.
        probes: what there is to draw each of them from.
        clock: before the first step.
    """
    chosen = Afforded(LogSpaced().per_decade, arguments.probe_size)
    while chosen.forwards(arguments.lag, probes, clock) > allowed:
        if chosen.per_decade > LEAST_PER_DECADE:
            chosen = chosen._replace(per_decade=chosen.per_decade - 1)
        elif chosen.probe_size // 2 >= LEAST_SAMPLES:
            chosen = chosen._replace(probe_size=chosen.probe_size // 2)
        else:
            break
    return chosen


def evaluations(schedule: LogSpaced, lag: int, clock: Clock) -> int:
    """Returns how often a probe is evaluated: at each record, and ``lag`` steps before where that is none.

    Example:
        >>> evaluations(LogSpaced(1), 1, Clock(0, final=100))  # at 0, 1, 9, 10, 99 and 100
        6
    """
    records = list(planned_steps(schedule, clock))
    before = {step - lag for step in records if step - lag > clock.step} if lag else set()
    return len({*records, *before})
