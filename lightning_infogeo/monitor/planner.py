"""Which steps to evaluate the probes at: those on the schedule, and those ``lag`` steps before one."""

from __future__ import annotations

from typing import Any, NamedTuple

from lightning_infogeo.schedules import Clock, Schedule


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

    A record at step s measures its velocity from the latest observable step not after s − lag. Which step that is has
    to be foreseen. ``stride``, the distance between the last two observed steps, is 1 unless a module with manual
    optimization takes several optimizer steps per batch.

    Args:
        schedule: the steps to record.
        lag: optimizer steps over which velocity is measured; 0 to keep nothing.
    """

    def __init__(self, schedule: Schedule, lag: int) -> None:
        self.schedule = schedule
        self.lag = lag
        self.recorded = -1
        self.seen = -1
        self.stride = 1
        self.kept: tuple[int, ...] = ()
        self.wake = 0

    def observe(self, clock: Clock) -> Decision:
        """Takes note of the step training has reached and returns what to do there.

        ``wake`` is then the earliest step that can matter, as far as foreseen: until it is reached, and unless an
        epoch ends, calling again changes nothing but ``stride``.
        """
        step = clock.step
        if step <= self.recorded:
            return NOTHING
        if step > self.seen >= 0:
            self.stride = step - self.seen
        self.seen = step
        record = self.recorded < 0 or clock.ended or self.schedule.due(self.recorded, clock)
        before = self._before(step) if record else None
        if record:
            self.recorded = step
        keep = step not in self.kept and self._needed(clock)
        if keep:
            # The newest kept step that a record at step + 1 could use, and everything after it, stay.
            usable = [kept for kept in (*self.kept, step) if kept <= step + 1 - self.lag]
            self.kept = tuple(kept for kept in (*self.kept, step) if not usable or kept >= usable[-1])
        return Decision(record, keep, before)

    def skip_to(self, step: int) -> None:
        """Takes note of a step at which ``observe`` has nothing to do."""
        if step > self.seen:
            self.stride = step - self.seen
            self.seen = step

    def state_dict(self) -> dict[str, Any]:
        """Returns plain numbers from which ``load_state_dict`` goes on."""
        return {"recorded": self.recorded, "seen": self.seen, "stride": self.stride, "kept": list(self.kept)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off."""
        self.recorded, self.seen, self.stride = (state[name] for name in ("recorded", "seen", "stride"))
        self.kept = tuple(state["kept"])
        self.wake = 0

    def _before(self, step: int) -> int | None:
        usable = [kept for kept in self.kept if kept <= step - self.lag]
        # An older one was kept for a record that then was not made at the foreseen step.
        return usable[-1] if usable and step - usable[-1] < self.lag + self.stride else None

    def _needed(self, clock: Clock) -> bool:
        """Whether a record can be foreseen whose latest observable step before its lag is this one; sets ``wake``."""
        step, stride = clock.step, self.stride
        after = step
        while True:
            due = self.schedule.next_step(after, clock)
            if clock.final is not None and clock.final > after:
                due = clock.final if due is None else min(due, clock.final)
            if due is None:
                if after == step:
                    self.wake = 0  # nothing foreseen: the schedule has to be asked every time
                return False
            observed = step + -(-(due - step) // stride) * stride
            if after == step:
                self.wake = observed - (self.lag + stride - 1 if self.lag else 0)
            if not self.lag or observed - self.lag >= step + stride:
                return False
            if observed - self.lag >= step:
                return True
            after = due
