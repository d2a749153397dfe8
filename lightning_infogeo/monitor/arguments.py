"""Checks of the monitor's arguments that need no trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning_infogeo.probe import ConfigurationError
from lightning_infogeo.schedules import EveryNSteps, LogSpaced, Schedule


def check_probes(probes: Any) -> None:
    """Raises ``ConfigurationError`` unless ``probes`` are "auto", samples, or samples by usable names."""
    check(not isinstance(probes, str) or probes == "auto", "probes", probes, 'must be "auto", or samples')
    if isinstance(probes, Mapping):
        named = bool(probes) and all(isinstance(name, str) and name and "/" not in name for name in probes)
        check(named, "probes", dict(probes), "must name at least one probe, by strings without '/'")


def as_schedule(schedule: Any) -> Schedule:
    """Returns the schedule that the argument stands for, or raises ``ConfigurationError``."""
    if schedule == "log":
        return LogSpaced()
    if isinstance(schedule, Schedule):
        return schedule
    remedy = 'must be "log", a positive int for every n optimizer steps, or a Schedule such as EveryNEpochs(1)'
    check(is_int(schedule) and schedule > 0, "schedule", schedule, remedy)
    return EveryNSteps(schedule)


def is_int(value: object) -> bool:
    """Returns whether ``value`` is an int and not a bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def check(right: bool, argument: str, value: object, remedy: str) -> None:
    """Raises ``ConfigurationError`` with value and remedy unless ``right``."""
    if not right:
        raise ConfigurationError(f"`InfoGeometryMonitor({argument}={value!r})`: {remedy}.")
