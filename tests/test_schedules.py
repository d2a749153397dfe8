"""Schedules say which steps are recorded."""

import numpy as np
import pytest
import torch

from lightning_infogeo import AtSteps, Clock, EveryNEpochs, EveryNSteps, LogSpaced


def steps_of(schedule, until, stride=1):
    """The steps recorded when training is observed every ``stride`` steps."""
    recorded, made = 0, []
    for step in range(stride, until + 1, stride):
        if schedule.due(recorded, Clock(step)):
            recorded = step
            made.append(step)
    return made


def test_log_spaced_starts_with_every_step_and_then_keeps_its_number_per_decade():
    steps = steps_of(LogSpaced(per_decade=24), 100_000)
    assert steps[:12] == list(range(1, 13))
    for decade in (1_000, 10_000):
        assert len([step for step in steps if decade < step <= 10 * decade]) == 24


def test_log_spaced_is_a_function_of_the_step_alone():
    schedule = LogSpaced(per_decade=7)
    whole = steps_of(schedule, 2000)
    resumed = [step for step in range(500, 2001) if schedule.next_step(step - 1, Clock(step)) == step]
    assert resumed == [step for step in whole if step >= 500]


def test_every_n_steps_records_when_a_multiple_has_been_passed():
    assert steps_of(EveryNSteps(5), 22) == [5, 10, 15, 20]
    assert steps_of(EveryNSteps(5), 22, stride=2) == [6, 10, 16, 20]  # two optimizers: 2, 4, 6, …


def test_at_steps_takes_steps_in_any_order():
    assert steps_of(AtSteps([9, 3, 0]), 20) == [3, 9]
    assert AtSteps([9, 3]).next_step(9, Clock(9)) is None


@pytest.mark.parametrize("steps", [np.array([3, 9]), torch.tensor([3, 9]), (s for s in (3, 9)), range(3, 10, 6)])
def test_at_steps_takes_any_iterable_of_whole_numbers(steps):
    assert steps_of(AtSteps(steps), 20) == [3, 9]


def epoch_clock(step, length):
    """Batches of one optimizer step each, epochs of ``length`` batches."""
    epoch, ended = (step - 1) // length, step % length == 0
    return Clock(step, epoch, ended, (epoch + 1) * length, length)


def test_every_n_epochs_records_at_the_ends_of_epochs_and_foresees_them():
    schedule, length = EveryNEpochs(3), 4
    due = [step for step in range(1, 49) if schedule.due(0, epoch_clock(step, length))]
    assert due == [12, 24, 36, 48]
    for step in range(1, 40):
        assert schedule.next_step(step, epoch_clock(step, length)) == (step // 12 + 1) * 12


def test_every_n_epochs_without_known_length_still_records_but_foresees_nothing():
    assert EveryNEpochs(1).next_step(5, Clock(5, epoch=0)) is None
    assert EveryNEpochs(1).due(0, Clock(7, epoch=0, epoch_ended=True, epoch_end=7))
    assert not EveryNEpochs(2).due(0, Clock(7, epoch=0, epoch_ended=True, epoch_end=7))


@pytest.mark.parametrize("schedule", [LogSpaced, EveryNSteps, EveryNEpochs])
@pytest.mark.parametrize("value", [0, -3, 2.5, "3", True, None])
def test_impossible_spacings_are_refused_by_name(schedule, value):
    argument = "per_decade" if schedule is LogSpaced else "n"
    with pytest.raises(ValueError, match=rf"`{schedule.__name__}\({argument}={value!r}\)`: must be a positive int"):
        schedule(value)


@pytest.mark.parametrize("steps", [[], [-1], [1.5], ["3"], [True], 10, "12", None, np.array([1.5])])
def test_impossible_steps_are_refused_by_name(steps):
    with pytest.raises(ValueError, match=r"`AtSteps\(steps="):
        AtSteps(steps)
