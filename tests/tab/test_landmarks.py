"""Which records, which landmarks and which samples: bounds, and that what was chosen stays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infogeo_tensorboard import landmarks

COUNTS = st.lists(st.integers(0, 400), min_size=1, max_size=30)


@given(COUNTS, st.integers(1, 2000))
def test_a_stride_is_the_smallest_power_of_two_that_is_enough(counts, limit):
    every = landmarks.stride(counts, limit)

    def chosen(step):
        return sum(len(range(0, count, step)) for count in counts)

    assert every & (every - 1) == 0
    assert chosen(every) <= limit or every >= max(counts)
    assert every == 1 or chosen(every // 2) > limit


@given(COUNTS)
def test_landmarks_are_of_every_run_and_stay_when_it_grows(counts):
    chosen = landmarks.spanning(counts).tolist()
    assert chosen == sorted(set(chosen))
    if sum(counts) <= landmarks.ALL_SPAN:
        assert chosen == list(range(sum(counts)))
        return
    assert len(chosen) <= landmarks.LANDMARKS
    starts = np.cumsum([0, *counts])
    assert {int(start) for start, count in zip(starts, counts, strict=False) if count} <= set(chosen)
    grown = [*counts[:-1], counts[-1] + 1000]
    later = {index for index in landmarks.spanning(grown).tolist() if index < sum(counts)}
    assert later <= set(chosen)


def test_many_runs_of_few_records_are_bounded_too():
    assert len(landmarks.spanning([1] * 5000)) <= landmarks.LANDMARKS
    assert len(landmarks.spanning([2] * 1500)) <= landmarks.LANDMARKS


def test_records_are_bounded_by_number_and_by_memory():
    assert landmarks.thinning([100] * 60, 5120) == 1
    assert landmarks.thinning([100] * 300, 5120) == 2
    assert landmarks.thinning([100] * 60, 2**17) == 2


@pytest.mark.parametrize(
    ("records", "spanning", "samples", "width", "taken"),
    [(2000, 2000, 512, 10, 512), (6000, 780, 512, 10, 256), (300, 300, 800, 100, 800), (2000, 2000, 16, 10**6, 16)],
)
def test_samples_are_as_many_as_time_allows(records, spanning, samples, width, taken):
    chosen = landmarks.samples(records, spanning, samples, width)
    assert len(chosen) == taken
    assert len(set(chosen.tolist())) == taken
    assert chosen.min() >= 0
    assert chosen.max() < samples


def test_fewer_samples_are_among_the_more_and_follow_no_period():
    half, quarter = (landmarks.samples(records, 1000, 512, 10) for records in (4000, 8000))
    assert (len(half), len(quarter)) == (256, 128)
    assert set(quarter.tolist()) < set(half.tolist())
    assert min(np.bincount(half % 8)) > 16
