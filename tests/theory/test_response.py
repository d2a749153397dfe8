"""How modes respond to training."""

import pytest
import torch

from lightning_infogeo.theory.records import recorded
from lightning_infogeo.theory.response import response, transient

RATES = torch.tensor([0.0, 1e-12, 1e-3, 0.1, 0.5, 1.0, 1.3, 1.95], dtype=torch.float64)


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9, 0.97])
def test_agrees_with_the_recursion_step_by_step(momentum):
    steps = [0, 1, 2, 3, 10, 57, 856, 857, 3000, 5001]
    found = response(RATES, momentum, recorded(steps, None, transient(momentum)))
    change, velocity = torch.zeros_like(RATES), torch.zeros_like(RATES)
    kick, kicked, noise = torch.ones_like(RATES), torch.ones_like(RATES), torch.zeros_like(RATES)
    for step in range(max(steps) + 1):
        if step in steps:
            at = steps.index(step)
            torch.testing.assert_close(found.change[at], change, rtol=1e-10, atol=1e-15)
            torch.testing.assert_close(found.noise[at], noise, rtol=1e-10, atol=1e-15)
        velocity = momentum * velocity - RATES * (1 + change)
        change = change + velocity
        noise = noise + kick**2
        kicked = momentum * kicked - RATES * kick
        kick = kick + kicked


def test_slow_modes_keep_their_digits():
    """a_k − 1 ≈ −x k, where a_k itself is 1 in float64."""
    found = response(torch.tensor([1e-18], dtype=torch.float64), 0.0, recorded([1000], None, 0))
    assert float(found.change) == pytest.approx(-1e-15, rel=1e-12, abs=0)
    assert float(1 + found.change - 1) != pytest.approx(-1e-15, rel=1e-4, abs=0)
    heavy = response(torch.tensor([1e-18], dtype=torch.float64), 0.9, recorded([100_000], None, transient(0.9)))
    assert float(heavy.change) == pytest.approx(-1e-18 * (100_000 - 9) * 10, rel=1e-9, abs=0)
