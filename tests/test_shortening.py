"""Names made short stay different, and fit."""

import pytest
from rich.cells import cell_len

from lightning_infogeo.shortening import shortened

SWEEPS = {
    "ends": [f"a_long_name_of_a_run_{k}" for k in range(30)],
    "starts": [f"{k}_a_long_name_of_a_run" for k in range(30)],
    "middle": [f"a_long_name_of_{k}_which_goes_on_as_before" for k in range(30)],
    "grid": [
        f"model{m}_of_some_kind_lr{lr}_of_some_kind_seed{s}" for m in range(3) for lr in range(3) for s in range(3)
    ],
    "wide letters": ["実験" * 12 + str(k) for k in range(5)],
    "one": ["only_one_and_it_is_long_enough_to_be_cut"],
    "half of a pair": ["\udcff" * 40 + str(k) for k in range(3)],
}


@pytest.mark.parametrize("sweep", SWEEPS)
def test_names_fit_and_stay_different(sweep):
    names = SWEEPS[sweep]
    short = shortened(names, 16)
    assert len(set(short)) == len(names)
    if sweep != "grid":
        assert max(map(cell_len, short)) <= 16
        assert all(name.count("…") in (1, 2) for name in short)


def test_what_differs_in_three_places_is_told_apart_where_it_can_be():
    short = shortened(SWEEPS["grid"], 40)
    assert len(set(short)) == 27
    assert max(map(len, short)) == 40
    assert shortened(SWEEPS["grid"], 16) == SWEEPS["grid"]  # rather too long than two of one name


def test_short_names_and_names_twice_are_left_as_they_are():
    assert shortened(["a", "b…", ""], 3) == ["a", "b…", ""]
    assert shortened([], 5) == []
    assert shortened(["the same name"] * 2, 7) == ["the…ame"] * 2
