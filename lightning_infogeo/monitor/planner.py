"""Which steps to evaluate the probes at: those on the schedule, and those ``lag`` steps before one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lightning_infogeo.schedules import Clock, Schedule, is_int


class Decision(NamedTuple):
    """What to do at one step.

    Attributes:
        record: make a record.
        keep: evaluate the probes and keep the logits: a record ``lag`` steps later needs them for its velocity.
        before: the kept step from which to measure the velocity of this record; None where there is none.
    """

    record: bool
    keep: bool
    before: int | None


NOTHING = Decision(False, False, None)


class Planner:
    """Decides from step counts alone, on the host, so that every process decides the same without communication.

    A record at step s measures its velocity from the latest observed step not after s − lag. Which step that will be
    has to be foreseen. ``stride``, the distance between the last two observed steps, is 1 unless a module with manual
    optimization takes several optimizer steps per batch.

    Args:
        schedule: the steps to record.
        lag: optimizer steps over which velocity is measured; 0 to keep nothing.
        state: to go on from; None or empty to begin.
    """

    def __init__(self, schedule: Schedule, lag: int, state: Mapping[str, Any] | None = None) -> None:
        self.schedule = schedule
        self.lag = lag
        self.recorded = -1
        self.stride = 1
        self.observed: tuple[int, ...] = ()
        self.kept: tuple[int, ...] = ()
        self.wake = 0
        if state:
            self.load_state_dict(state)

    def observe(self, clock: Clock) -> Decision:
        """Takes note of the step training has reached and returns what to do there.

        ``wake`` is then the earliest step that can matter, as far as foreseen: until it is reached, and unless an
        epoch ends, ``pass_by`` does instead.
        """
        step = clock.step
        if step <= self.recorded:
            return NOTHING
        record = self.recorded < 0 or clock.ended or self.schedule.due(self.recorded, clock)
        before = self._before(step) if record else None
        self.pass_by(step)
        if record:
            self.recorded = step
        needed = self._needed(clock)
        # What a record has evaluated anyway is kept: strides may turn out shorter than the last one.
        keep = self.lag > 0 and step not in self.kept and (record or needed)
        if keep:
            self.kept = self._recent((*self.kept, step))
        return Decision(record, keep, before)

    def reconsider(self) -> None:
        """Has the schedule asked at the next step: what was foreseen may have changed."""
        self.wake = 0

    def pass_by(self, step: int) -> None:
        """Takes note of a step at which there is nothing to do."""
        if self.observed and step <= self.observed[-1]:
            return
        if self.observed:
            self.stride = step - self.observed[-1]
        self.observed = self._recent((*self.observed, step))

    def state_dict(self) -> dict[str, Any]:
        """Returns plain numbers from which ``load_state_dict`` goes on."""
        lists = {"observed": list(self.observed), "kept": list(self.kept)}
        return {"recorded": self.recorded, "stride": self.stride, **lists}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off."""
        numbers = [state["recorded"], state["stride"], *state["observed"], *state["kept"]]
        if not all(is_int(number) for number in numbers) or state["stride"] < 1:
            raise ValueError(f"no steps: {state}")
        self.recorded, self.stride = state["recorded"], state["stride"]
        self.observed, self.kept = tuple(state["observed"]), tuple(state["kept"])
        self.wake = 0

    def _recent(self, steps: tuple[int, ...]) -> tuple[int, ...]:
        """Those that a record at the next step or later can be measured from."""
        while len(steps) > 1 and steps[1] <= steps[-1] + 1 - self.lag:
            steps = steps[1:]
        return steps

    def _before(self, step: int) -> int | None:
        latest = max((seen for seen in self.observed if seen <= step - self.lag), default=None)
        return latest if self.lag and latest in self.kept else None

    def _needed(self, clock: Clock) -> bool:
        """Whether a record can be foreseen whose latest observable step before its lag is this one; sets ``wake``."""
        step, stride = clock.step, self.stride
        after = step
        while True:
            due = self.schedule.next_step(after, clock)
            if clock.final is not None and clock.final > after:
                due = clock.final if due is None else min(due, clock.final)
            if after == step:
                # With nothing foreseen the schedule has to be asked every time.
                self.wake = 0 if due is None else due - (self.lag + stride - 1 if self.lag else 0)
            if due is None or not self.lag:
                return False
            observed = step + -(-(due - step) // stride) * stride
            if observed - self.lag >= step + stride:
                return False
            if observed - self.lag >= step:
                return True
            after = due
