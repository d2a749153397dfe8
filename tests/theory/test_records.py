"""A few steps with weights stand for sums over every step."""

import pytest
import torch

from lightning_infogeo.theory.records import recorded


@pytest.mark.parametrize("count", [1, 2, 14, 28, 29, 30, 61, 1000, 99_999])
@pytest.mark.parametrize("transient", [0, 20])
def test_sums_of_decaying_exponentials_are_those_over_every_step(count, transient):
    found = recorded(count, None, transient)
    assert found.weights.sum() == pytest.approx(1, rel=1e-13)
    k = torch.arange(count, dtype=torch.float64)
    for rate in (0.0, 1e-9, 1e-5, 1e-3, 0.03, 0.3, 1.0, 3.0):
        direct = torch.exp(-rate * k).mean()
        assert (found.weights * torch.exp(-rate * found.steps)).sum() == pytest.approx(float(direct), rel=1e-12, abs=0)
        sign = torch.where(found.odd, -1.0, 1.0)
        turned = (torch.where(k % 2 == 1, -1.0, 1.0) * torch.exp(-rate * k)).mean()
        assert (found.weights * sign * torch.exp(-rate * found.steps)).sum() == pytest.approx(
            float(turned), rel=1e-12, abs=1e-13 * float(direct)
        )


def test_ten_million_steps_are_some_hundred():
    assert len(recorded(10**7, None, 0).steps) < 700
    assert recorded(10**7, None, 0).weights.min() > 0


def test_steps_before_the_transient_are_taken_one_by_one():
    found = recorded(1000, None, 50)
    assert found.steps[:50].tolist() == list(range(50))
    assert found.odd[:50].tolist() == [k % 2 == 1 for k in range(50)]
    assert found.steps[50:].min() == 50


def test_given_steps_are_kept():
    found = recorded([0, 7, 4], torch.tensor([1.0, 1, 2]), 0)
    assert (found.steps.tolist(), found.odd.tolist()) == ([0, 7, 4], [False, True, False])
    assert found.weights.tolist() == [0.25, 0.25, 0.5]
