"""Records fit their budget, are spread over the whole training, and are the same after a resume."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightning_infogeo import ConfigurationError, TabSettings
from lightning_infogeo.tab import RecordBudget

SIZES = st.integers(100, 100_000)
EACH = st.integers(1, 100)
MADE = st.integers(1, 600)


def taken(budget, made):
    return [step for step in range(made) if budget.takes(last=step == made - 1)]


@given(SIZES, EACH, MADE, st.booleans())
def test_never_more_than_the_budget_and_both_ends_wherever_two_fit(size, each, made, known):
    budget = RecordBudget(size, each, made if known else None)
    steps = taken(budget, made)
    assert budget.used == each * len(steps) <= size
    if size >= 2 * each:
        assert {0, made - 1} <= set(steps)


@given(SIZES, EACH, MADE)
def test_all_are_taken_where_all_fit(size, each, made):
    if made * each <= size:
        assert taken(RecordBudget(size, each, made), made) == list(range(made))


@given(st.integers(10, 100), st.integers(200, 5000))
def test_records_that_are_foreseen_are_thinned_evenly(fitting, made):
    steps = taken(RecordBudget(fitting, 1, made), made)
    assert len(steps) >= fitting // 4
    gaps = [b - a for a, b in itertools.pairwise(steps)][1:-1]
    assert max(gaps) <= 8 * made / fitting


@pytest.mark.parametrize("fitting", [20, 21, 37, 50, 100, 200])
def test_what_is_not_foreseen_is_spent_ever_more_slowly(fitting):
    steps = taken(RecordBudget(fitting, 1, None), 20_000)
    assert fitting - 1 <= len(steps) <= fitting
    assert steps[-2] >= 16 * fitting
    assert all(b <= 2 * a for a, b in itertools.pairwise(steps[:-1]) if a >= 8)


@given(SIZES, EACH, MADE, st.integers(0, 600), st.booleans())
def test_a_fit_that_goes_on_counts_on_with_a_budget_of_its_own(size, each, made, at, known):
    at = min(at, made - 1)
    before = RecordBudget(size, each, made if known else None)
    steps = [step for step in range(at) if before.takes(last=False)]
    budget = RecordBudget(size, each, made if known else None, before.seen)
    later = [step for step in range(at, made) if budget.takes(last=step == made - 1)]
    assert budget.used == each * len(later) <= size
    if size >= 2 * each:
        assert {at, made - 1} <= set(later)
    if known and made * each <= size:
        assert steps + later == list(range(made))


@pytest.mark.parametrize("wrong", [{"budget": 99_999}, {"budget": "8 cows"}, {"budget": None}, {"pictures": 1}])
def test_what_cannot_be_is_said(wrong):
    (argument, value), *_ = wrong.items()
    with pytest.raises(ConfigurationError, match=rf"TabSettings\({argument}={value!r}\).*must be"):
        TabSettings(**wrong)
