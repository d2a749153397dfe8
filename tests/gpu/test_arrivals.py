"""Inputs that are brought to the device call by call arrive whole, whatever is computed meanwhile."""

import pytest
import torch

from lightning_infogeo.probe import Inputs

SAMPLES, NUMBERS = 64, 2**16


def summed(inputs, most, device, busy):
    """Sums of every sample, each call followed by work that takes longer than its copy."""
    sums = []
    for start, stop, part in inputs.calls(most):
        assert part.device.type == device
        assert len(part) == stop - start
        product = busy @ busy
        sums.append(part.double().sum(1) + 0 * product[0, 0])
        del part
    return torch.cat(sums).cpu()


def test_calls_with_their_inputs_on_the_way(accelerator):
    inputs = torch.randn(SAMPLES, NUMBERS, generator=torch.Generator().manual_seed(0))
    expected = inputs.double().sum(1)
    if accelerator == "cuda":
        inputs = inputs.pin_memory()
    device, rounds = torch.device(accelerator), 20 if accelerator == "cuda" else 1
    brought = Inputs([inputs], [SAMPLES], device)
    busy = torch.full((2048 if accelerator == "cuda" else 8,) * 2, 1e-3, device=device)
    for most in (64, 24, 8):
        for _ in range(rounds):
            torch.testing.assert_close(summed(brought, most, accelerator, busy), expected)


@pytest.mark.gpu
def test_the_host_does_not_wait_for_them():
    inputs = Inputs([torch.ones(SAMPLES, NUMBERS).pin_memory()], [SAMPLES], torch.device("cuda"))
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        parts = [part.sum() for _, _, part in inputs.calls(16)]
    finally:
        torch.cuda.set_sync_debug_mode(before)
    assert [float(part) for part in parts] == [16 * NUMBERS] * 4
