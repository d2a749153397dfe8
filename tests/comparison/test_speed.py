"""Steps after which a progress is reached."""

import torch

from lightning_infogeo.comparison import steps_to_reach


def reach(progress, values, steps=None):
    progress = torch.tensor(progress, dtype=torch.float64)
    steps = 10 * torch.arange(len(progress)) if steps is None else torch.tensor(steps)
    return steps_to_reach(steps, progress, torch.tensor(values, dtype=torch.float64)).tolist()


def test_steps_are_interpolated_between_the_first_record_past_and_the_one_before():
    assert reach([0.0, 0.2, 0.6], [0.1, 0.2, 0.3, 0.6]) == [5, 10, 12.5, 20]


def test_a_fall_back_does_not_undo_what_was_reached():
    assert reach([0.0, 0.5, 0.1, 0.3, 0.7], [0.25, 0.6]) == [5, 37.5]


def test_what_is_never_reached_is_nan_and_what_was_there_at_first_is_the_first_step():
    first, never = reach([0.5, 0.6], [0.3, 0.9], steps=[7, 9])
    assert first == 7
    assert never != never


def test_one_record_is_enough():
    assert reach([0.5], [0.5]) == [0]
