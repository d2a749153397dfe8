"""Which steps are recorded, and which are evaluated for a velocity."""

import pytest

from lightning_infogeo import AtSteps, Clock, EveryNEpochs, EveryNSteps, LogSpaced
from lightning_infogeo.monitor.planner import Planner


def run(schedule, lag, steps, final=None, planner=None, clock=None):
    """Returns {recorded step: step its velocity is measured from} and the number of evaluations."""
    planner = planner or Planner(schedule, lag)
    made, evaluations = {}, 0
    for step in steps:
        now = clock(step) if clock else Clock(step, final=final, ended=step == final)
        asleep = step < planner.wake and not now.epoch_ended and not now.ended
        decision = planner.observe(now)
        assert not (asleep and (decision.record or decision.keep)), "it would have slept through this"
        evaluations += decision.record or decision.keep
        if decision.record:
            made[step] = decision.before
    return made, evaluations


def test_adjacent_records_cost_one_evaluation_each():
    made, evaluations = run(EveryNSteps(1), 1, range(20))
    assert made == {0: None, **{s: s - 1 for s in range(1, 20)}}
    assert evaluations == 20


def test_separate_records_cost_two():
    made, evaluations = run(EveryNSteps(5), 1, range(21))
    assert made == {0: None, 5: 4, 10: 9, 15: 14, 20: 19}
    assert evaluations == 1 + 2 * 4


@pytest.mark.parametrize("lag", [1, 2, 3, 7])
@pytest.mark.parametrize("schedule", [EveryNSteps(1), EveryNSteps(4), LogSpaced(12), AtSteps([3, 4, 9, 17])])
def test_every_record_late_enough_is_measured_over_exactly_the_lag(schedule, lag):
    made, _ = run(schedule, lag, range(60))
    assert made == {step: step - lag if step >= lag else None for step in made}
    assert len(made) > 3


def test_without_lag_nothing_is_kept():
    made, evaluations = run(EveryNSteps(5), 0, range(21))
    assert set(made.values()) == {None}
    assert evaluations == 5


def test_the_last_step_is_recorded_and_foreseen():
    made, _ = run(EveryNSteps(10), 1, range(14), final=13)
    assert made == {0: None, 10: 9, 13: 12}


def test_an_unforeseen_end_has_no_velocity():
    planner = Planner(EveryNSteps(10), 1)
    run(None, 1, range(13), planner=planner)
    assert planner.observe(Clock(13, ended=True)) == (True, True, None)


def test_an_evaluation_kept_for_a_record_that_was_not_made_is_not_mistaken_for_another():
    planner = Planner(EveryNSteps(100), 1)
    run(None, 1, range(20), final=None, planner=planner)
    planner.observe(Clock(20, final=21))  # the end was announced for step 21 …
    made, _ = run(None, 1, range(21, 30), planner=planner)  # … and did not come
    assert made == {}
    assert planner.observe(Clock(30, ended=True)).before is None


def test_two_optimizers_use_the_latest_observable_step_before_the_lag():
    made, _ = run(EveryNSteps(5), 1, range(0, 32, 2))
    assert made == {0: None, 6: 4, 10: 8, 16: 14, 20: 18, 26: 24, 30: 28}
    made, _ = run(EveryNSteps(5), 3, range(0, 32, 2))
    assert made == {0: None, 6: 2, 10: 6, 16: 12, 20: 16, 26: 22, 30: 26}


def test_several_batches_at_one_step_are_one_observation():
    made, evaluations = run(EveryNSteps(2), 1, [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4])
    assert made == {0: None, 2: 1, 4: 3}
    assert evaluations == 5


def test_ends_of_epochs_of_known_length_are_foreseen():
    def clock(step):
        return Clock(step, max(step - 1, 0) // 4, step > 0 and step % 4 == 0, ((step + 3) // 4 or 1) * 4, 4)

    assert run(EveryNEpochs(2), 1, range(25), clock=clock)[0] == {0: None, 8: 7, 16: 15, 24: 23}


def test_full_batch_training_foresees_the_next_epoch():
    def clock(step):
        return Clock(step, max(step - 1, 0), step > 0, max(step, 1), 1)

    assert run(EveryNEpochs(3), 1, range(10), clock=clock)[0] == {0: None, 3: 2, 6: 5, 9: 8}


def test_goes_on_from_its_state():
    whole, _ = run(LogSpaced(12), 2, range(80))
    for stop in (0, 7, 29, 30, 31, 50):
        planner = Planner(LogSpaced(12), 2)
        first, _ = run(None, 2, range(stop + 1), planner=planner)
        again = Planner(LogSpaced(12), 2)
        again.load_state_dict(planner.state_dict())
        second, _ = run(None, 2, range(stop + 1, 80), planner=again)
        assert {**first, **second} == whole


def test_it_sleeps_between_records():
    planner = Planner(EveryNSteps(100), 1)
    planner.observe(Clock(0))
    assert planner.wake == 99


def irregular(pattern, until):
    """Observed steps when batches take these numbers of optimizer steps in turn."""
    steps = [0]
    while steps[-1] < until:
        steps.append(steps[-1] + pattern[(len(steps) - 1) % len(pattern)])
    return steps


@pytest.mark.parametrize("pattern", [(1, 1, 1, 1, 2), (1, 2, 1, 1, 3, 1), (2, 1), (3, 3, 1)])
@pytest.mark.parametrize("schedule", [EveryNSteps(1), EveryNSteps(5), LogSpaced(10)])
@pytest.mark.parametrize("lag", [0, 1, 2, 4])
def test_irregular_numbers_of_steps_miss_no_record_and_mistake_no_velocity(pattern, schedule, lag):
    steps = irregular(pattern, 70)
    planner = Planner(schedule, lag)
    made = {}
    for step in steps:  # as the callback does, asleep where it may be
        if step < planner.wake:
            planner.pass_by(step)
            continue
        decision = planner.observe(Clock(step))
        if decision.record:
            made[step] = decision.before
    due, last = [0], 0
    for step in steps[1:]:
        if schedule.due(last, Clock(step)):
            due.append(step)
            last = step
    assert list(made) == due
    for step, before in made.items():
        if before is not None:
            assert before == max(seen for seen in steps if seen <= step - lag)
    if lag and schedule == EveryNSteps(1):  # everything is evaluated, so nothing may be missing
        assert all(before is not None for step, before in made.items() if step >= lag)
