"""The decay of the spectra of images, on digits and on one that is known."""

import pytest
import torch

from replications.image_spectra import eigenvalues, main, rows


def test_a_power_law_is_found_as_one_over_any_range():
    for _, modes, decay in rows("made up", torch.arange(1, 401, dtype=torch.float64) ** -1.5):
        assert modes in (20, 50, 100, 300)
        assert decay.power.value == pytest.approx(1.5)
        assert decay.better == "power"
    rates = [decay.exponential.value for *_, decay in rows("made up", torch.arange(1, 401).double() ** -1.5)]
    assert rates == sorted(rates, reverse=True), "c says how many modes were looked at"


def test_the_digits_have_fewer_modes_than_are_asked_for(capsys):
    found = main(["--sets", "digits"])
    assert [modes for _, modes, _ in found[:2]] == [20, 50]
    assert 50 < found[2][1] <= 64
    assert "Decay of the eigenvalues" in capsys.readouterr().out
    values = eigenvalues("digits", None)
    assert (values.diff() <= 0).all()


def test_without_a_folder_it_says_which_to_give(capsys):
    with pytest.raises(SystemExit):
        main(["--sets", "mnist"])
    assert "--data DIR" in capsys.readouterr().err
