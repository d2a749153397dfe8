"""When to record: values that answer "which optimizer step is next?".

A schedule counts *optimizer steps* (``trainer.global_step``), never batches, so that gradient accumulation, several
optimizers and resumed runs need no special care: a record is due at the first observed step that reaches the step the
schedule asked for.
"""

from __future__ import annotations

import math
import numbers
import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple


class Clock(NamedTuple):
    """Where training stands after a batch, as far as the host knows without asking the device.

    Attributes:
        step: optimizer steps taken so far.
        epoch: index of the current epoch, from 0.
        epoch_ended: whether the batch just trained on was the last of its epoch.
        epoch_end: the step at which the current epoch will end, or None where its length is unknown.
        epoch_length: optimizer steps in one epoch, or None where unknown.
        final: the step at which training will end, or None where unknown.
        ended: whether training ends with this batch.

    Example:
        After step 120, in the second of some epochs of 100 steps each.

        >>> Clock(120, epoch=1, epoch_end=200, epoch_length=100).ended
        False
    """

    step: int
    epoch: int = 0
    epoch_ended: bool = False
    epoch_end: int | None = None
    epoch_length: int | None = None
    final: int | None = None
    ended: bool = False


class Schedule(ABC):
    """The optimizer steps at which to record; subclass it to write your own.

    The state before training and the last step of training are always recorded and need not be on the schedule.

    Example:
        >>> class Doubling(Schedule):
        ...     def next_step(self, after, clock):
        ...         return 1 << after.bit_length()
        >>> [Doubling().next_step(step, Clock(step)) for step in (0, 1, 5, 8)]
        [1, 2, 8, 16]
    """

    @abstractmethod
    def next_step(self, after: int, clock: Clock) -> int | None:
        """Returns the first scheduled step greater than ``after``, or None where none can be foreseen."""

    def due(self, recorded: int, clock: Clock) -> bool:
        """Returns whether a record is due at ``clock.step`` when the last one was made at step ``recorded``."""
        following = self.next_step(recorded, clock)
        return following is not None and following <= clock.step


@dataclass(frozen=True)
class LogSpaced(Schedule):
    """Records at equal distances in the logarithm of the step: 1, 2, 3, … at first, then ever further apart.

    Stochastic training moves fast at first and slowly later; equal distances in log-time cost a bounded number of
    records per decade and resolve both.

    Args:
        per_decade: records per factor of ten in steps (each at a whole step, so fewer below ``per_decade`` steps).

    Raises:
        ValueError: where ``per_decade`` is not a positive int.

    Example:
        >>> schedule, steps = LogSpaced(per_decade=4), [1]
        >>> while steps[-1] < 100:
        ...     steps.append(schedule.next_step(steps[-1], Clock(steps[-1])))
        >>> steps
        [1, 2, 3, 6, 10, 18, 32, 56, 100]
    """

    per_decade: int = 24

    def __post_init__(self) -> None:
        _require_positive("LogSpaced", "per_decade", self.per_decade)

    def next_step(self, after: int, clock: Clock) -> int:
        """Returns the smallest ``round(10^(k / per_decade))`` greater than ``after``."""
        k = 0 if after < 1 else math.floor(self.per_decade * math.log10(after))
        while (step := round(10 ** (k / self.per_decade))) <= after:
            k += 1
        return step


@dataclass(frozen=True)
class EveryNSteps(Schedule):
    """Records whenever another multiple of ``n`` optimizer steps has been reached.

    Args:
        n: optimizer steps between records.

    Raises:
        ValueError: where ``n`` is not a positive int.

    Example:
        >>> EveryNSteps(50).next_step(120, Clock(120))
        150
    """

    n: int

    def __post_init__(self) -> None:
        _require_positive("EveryNSteps", "n", self.n)

    def next_step(self, after: int, clock: Clock) -> int | None:
        """Returns the smallest multiple of ``n`` greater than ``after``."""
        return (after // self.n + 1) * self.n


@dataclass(frozen=True)
class EveryNEpochs(Schedule):
    """Records at the last optimizer step of every ``n``-th epoch.

    Where the length of an epoch is unknown (an iterable data set) its end cannot be foreseen; the record is made all
    the same, but its velocity, which needs an evaluation one step earlier, is NaN.

    Args:
        n: epochs between records.

    Raises:
        ValueError: where ``n`` is not a positive int.

    Example:
        >>> EveryNEpochs(2).next_step(10, Clock(10, epoch=0, epoch_end=100, epoch_length=100))
        200
    """

    n: int = 1

    def __post_init__(self) -> None:
        _require_positive("EveryNEpochs", "n", self.n)

    def next_step(self, after: int, clock: Clock) -> int | None:
        """Returns the first foreseeable end of an ``n``-th epoch after step ``after``."""
        if clock.epoch_end is None:
            return None
        ahead = -(clock.epoch + 1) % self.n  # epochs between the current one and the next n-th
        if clock.epoch_length is None:
            return clock.epoch_end if not ahead and clock.epoch_end > after else None
        while (step := clock.epoch_end + ahead * clock.epoch_length) <= after:
            ahead += self.n
        return step

    def due(self, recorded: int, clock: Clock) -> bool:
        """Returns whether an ``n``-th epoch has just ended; lengths of epochs, being estimates, do not matter."""
        return clock.epoch_ended and (clock.epoch + 1) % self.n == 0 and clock.step > recorded


@dataclass(frozen=True)
class AtSteps(Schedule):
    """Records at the given optimizer steps.

    Args:
        steps: the steps, in any order.

    Raises:
        ValueError: where ``steps`` is empty or holds anything but non-negative ints.

    Example:
        >>> AtSteps([1, 10, 100]).next_step(10, Clock(10))
        100
    """

    steps: Sequence[int] = field(default=())

    def __post_init__(self) -> None:
        steps = list(self.steps) if isinstance(self.steps, Iterable) and not isinstance(self.steps, str) else []
        try:
            whole = tuple(operator.index(step) for step in steps if not isinstance(step, bool))
        except TypeError:
            whole = ()
        if not steps or len(whole) < len(steps) or min(whole) < 0:
            raise ValueError(f"`AtSteps(steps={self.steps!r})`: give at least one step, each a non-negative int.")
        object.__setattr__(self, "steps", whole)

    def next_step(self, after: int, clock: Clock) -> int | None:
        """Returns the smallest of ``steps`` greater than ``after``, None past the last."""
        return min((step for step in self.steps if step > after), default=None)


def is_int(value: object) -> bool:
    """Returns whether ``value`` is a whole number and not a bool; NumPy's integers are."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _require_positive(owner: str, argument: str, value: object) -> None:
    if not is_int(value) or value <= 0:  # type: ignore[operator]
        raise ValueError(f"`{owner}({argument}={value!r})`: must be a positive int, such as {argument}=10.")


_UNFORESEEN, _MOST = 512, 4096


def planned_records(schedule: Schedule, clock: Clock, most: int = _MOST) -> int | None:
    """Returns how many records a training will make; None where that cannot be told, or it is ``most`` or more.

    Example:
        >>> planned_records(EveryNSteps(10), Clock(0, final=95)), planned_records(EveryNSteps(10), Clock(0))
        (11, None)
    """
    count, all_of_them = _counted(schedule, clock, most)
    return count if all_of_them and count < most else None


def foreseen(schedule: Schedule, clock: Clock, most: int = _MOST) -> int:
    """Returns how many records a training will make, as far as that can be told; 512 where it cannot.

    They are counted up to ``most``, and one more is returned where there are as many.
    """
    count, all_of_them = _counted(schedule, clock, most)
    return count + 1 if all_of_them else max(count, _UNFORESEEN)


def planned_steps(schedule: Schedule, clock: Clock) -> Iterator[int]:
    """Yields the steps of the records to come, the present one first and the last one last, as far as foreseen.

    Example:
        >>> list(planned_steps(EveryNSteps(10), Clock(5, final=25)))
        [5, 10, 20, 25]
    """
    step = clock.step
    yield step
    while clock.final is not None and step < clock.final:
        following = schedule.next_step(step, clock._replace(step=step))
        if following is None:
            return
        step = min(max(following, step + 1), clock.final)
        yield step


def _counted(schedule: Schedule, clock: Clock, most: int) -> tuple[int, bool]:
    """Returns a number of records, ``most`` for more, and whether they could be told up to there."""
    steps = list(islice(planned_steps(schedule, clock._replace(step=0)), most))
    return len(steps), clock.final is not None and (len(steps) == most or steps[-1] == clock.final)
