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
from lightning_infogeo.monitor.arguments import Arguments, check
from lightning_infogeo.monitor.distributed.collectives import first_process_decides
from lightning_infogeo.probe import Probe, SourceSize, source_size, source_sizes, training_batch_size
from lightning_infogeo.schedules import Clock, LogSpaced, is_int, planned_steps
from lightning_infogeo.trainer.clock import read_clock
from lightning_infogeo.trainer.strategies import in_parts

FORWARDS = 3
"""What a training step costs, in forwards of each of its samples."""

FREE = 4096
"""Forwards of a sample, eight evaluations of 512, that any training can afford, however short it is."""

LEAST_PER_DECADE, LEAST_SAMPLES = 10, 32
"""The schedule is not thinned, and the probes are not halved, below these."""


class Afforded(NamedTuple):
    """What a training can afford of its monitor.

    Attributes:
        per_decade: records per factor of ten in steps.
        probe_size: the most samples to draw for a probe.
        asked: what ``probe_size`` is in the monitor's arguments.
    """

    per_decade: int
    probe_size: int
    asked: int

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Afforded | None:
        """Returns what the training of a state began with; None where that was no less than asked for.

        Raises:
            ValueError: where the state is damaged.
        """
        kept = state.get("budget")
        if not kept:
            return None
        if set(kept) != set(cls._fields) or not all(is_int(number) and number > 0 for number in kept.values()):
            raise ValueError(f"no schedule and size: {kept}")
        return cls(**kept)

    def forwards(self, lag: int, probes: Sequence[SourceSize], clock: Clock) -> int:
        """Returns the forwards of a sample that all evaluations take."""
        return evaluations(LogSpaced(self.per_decade), lag, clock) * sum(one.taken(self.probe_size) for one in probes)

    def applied(self, arguments: Arguments) -> Arguments:
        """Returns the arguments with this size, and this schedule where the user gave none."""
        schedule = LogSpaced(self.per_decade) if arguments.schedule == LogSpaced() else arguments.schedule
        return arguments._replace(schedule=schedule, probe_size=self.probe_size, afforded=self._asdict())


class Plan(NamedTuple):
    """What is known of a training before its first step.

    Attributes:
        clock: before the first step.
        samples: of all steps to come and all processes.
    """

    clock: Clock
    samples: float


def within_budget(arguments: Arguments, trainer: pl.Trainer, state: Mapping[str, Any], step: int) -> Arguments:
    """Returns the arguments with as many records, and as large probes, as ``budget`` allows; the same in all processes.

    First the schedule is thinned, then samples of the probes that the monitor draws are halved, again and again: a
    smaller probe has samples of the larger one. A schedule that the user gave stays, with its probes; so do probes of
    finished runs, the one batch of ``fast_dev_run``, and everything where the number of steps or the size of a batch is
    not known.

    Args:
        arguments: of the monitor.
        trainer: of the fit.
        state: to go on from, whose choice holds for the whole training; empty to begin.
        step: optimizer steps taken so far.

    Raises:
        ConfigurationError: where the state's choice was made for another ``probe_size``.
    """
    if state:
        chosen = Afforded.from_state(state)
        if chosen is not None and _some_are_drawn(arguments.probes):
            remedy = f"the trajectory to go on with was begun with probe_size={chosen.asked}; resume with the same"
            check(arguments.probe_size == chosen.asked, "probe_size", arguments.probe_size, remedy)
    else:
        settled = arguments.schedule != LogSpaced() or arguments.references or getattr(trainer, "fast_dev_run", False)
        if settled or arguments.budget is None:
            return arguments
        chosen = first_process_decides(trainer, lambda: _chosen(arguments, trainer, step))
    return arguments if chosen is None else chosen.applied(arguments)


def affordable(allowed: float, arguments: Arguments, probes: Sequence[SourceSize], clock: Clock) -> Afforded:
    """Returns the most that costs no more than ``allowed``, in forwards of a sample; or the least there is.

    Args:
        allowed: in forwards of a sample.
        arguments: of the monitor.
        probes: what there is to draw each of them from.
        clock: before the first step.
    """
    asked = int(arguments.probe_size)
    chosen = Afforded(LogSpaced().per_decade, asked, asked)
    some_are_drawn = not all(one.given for one in probes)
    while chosen.forwards(arguments.lag, probes, clock) > allowed:
        if chosen.per_decade > LEAST_PER_DECADE:
            chosen = chosen._replace(per_decade=chosen.per_decade - 1)
        elif some_are_drawn and chosen.probe_size // 2 >= LEAST_SAMPLES:
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
    scheduled = list(records)
    # The planner looks beyond the last step, for a training may go on longer than foreseen.
    while lag and (following := schedule.next_step(scheduled[-1], clock)) - lag < records[-1]:
        scheduled.append(following)
    before = {step - lag for step in scheduled if step - lag > clock.step} if lag else set()
    return len({*records, *before})


def planned(trainer: pl.Trainer, step: int) -> Plan | None:
    """Returns what is known of a training; None where the number of its steps, or the size of a batch, is not.

    Under manual optimization each optimizer is taken to make one step a batch: how many it makes is seen later.

    Args:
        trainer: of the fit.
        step: optimizer steps taken so far.
    """
    automatic = trainer.lightning_module.automatic_optimization
    per_batch = 1 if automatic else max(1, len(trainer.optimizers))
    clock = read_clock(trainer, -1, per_batch, step, own=False)
    size = training_batch_size(trainer.train_dataloader)
    if clock.final is None or size is None:
        return None
    batches = (clock.final - step) / per_batch * trainer.accumulate_grad_batches
    return Plan(clock, batches * source_size(trainer.train_dataloader).taken(size) * trainer.world_size)


def _chosen(arguments: Arguments, trainer: pl.Trainer, step: int) -> Afforded | None:
    """Returns what the training can afford, and says it; None where that is no less than asked for."""
    assert arguments.budget is not None
    plan = planned(trainer, step)
    if plan is None:
        say(
            "how many steps there will be, or the size of a batch, is not known, so that nothing keeps a short "
            f"training from being evaluated often (budget={arguments.budget})."
        )
        return None
    if plan.samples <= 0:
        return None
    probes = source_sizes(arguments.probes, trainer)
    trained = FORWARDS * plan.samples / (trainer.world_size if in_parts(trainer) else 1)  # where all call the model
    chosen = affordable(max(arguments.budget * trained, FREE), arguments, probes, plan.clock)
    if (chosen.per_decade, chosen.probe_size) == (LogSpaced().per_decade, chosen.asked):
        return None
    steps, share = (plan.clock.final or 0) - step, chosen.forwards(arguments.lag, probes, plan.clock) / trained
    drawn = " that it draws" if any(one.given for one in probes) else ""
    halved = f", on up to {chosen.probe_size} samples of each probe{drawn}," if chosen.probe_size < chosen.asked else ""
    say(
        f"{steps:,} {'step is' if steps == 1 else 'steps are'} few: records {chosen.per_decade} times a decade{halved} "
        f"and so takes {share:.0%} of the training's forwards (budget=None for no ceiling)."
    )
    return chosen


def _some_are_drawn(probes: Any) -> bool:
    named = probes.values() if isinstance(probes, Mapping) else [probes]
    return not all(isinstance(source, Probe) for source in named)
