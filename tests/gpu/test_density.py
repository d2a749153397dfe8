"""The weights' density on the device: the same counts as on a CPU, by either way of counting, and run after run."""

import pytest
import torch

from lightning_infogeo import ParameterDensity
from tests.helpers.gpu_fits import fit, watching


def density(device, deterministic, settings):
    """State and rows of three records of weights that move."""
    torch.use_deterministic_algorithms(deterministic)
    generator = torch.Generator().manual_seed(0)
    start = {name: 0.05 * torch.randn(size, generator=generator) for name, size in (("a", 60_000), ("b", 20_000))}
    moves = [{name: 1e-3 * torch.randn(len(t), generator=generator) for name, t in start.items()} for _ in range(3)]
    groups = {name: [tensor.to(device)] for name, tensor in start.items()}
    state, rows = settings.start(groups), []
    for step, move in enumerate(moves):
        groups = {name: [tensors[0] + move[name].to(device)] for name, tensors in groups.items()}
        state, row = settings.extend(state, step, groups)
        rows.append(row)
    return state, torch.stack(rows).cpu()


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("estimator", ["histogram", "gaussian", "auto"])
def test_counts_are_those_of_a_cpu(deterministic, estimator, accelerator):
    settings = ParameterDensity(estimator=estimator)
    state, rows = density(accelerator, deterministic, settings)
    reference, expected = density("cpu", False, settings)
    assert torch.equal(state.counts.cpu(), reference.counts)
    assert torch.equal(state.exponents.cpu(), reference.exponents)
    torch.testing.assert_close(rows, expected, rtol=1e-6, atol=0, equal_nan=True)
    assert (rows[-1, :, 0] > 0).all()


def test_deterministic_trainings_give_the_same_curves_to_the_last_bit(accelerator, tmp_path):
    recorded = []
    for _ in range(2):
        monitor = watching(parameters=ParameterDensity(estimator="histogram"))
        fit([monitor], tmp_path, accelerator, deterministic=True)
        recorded.append({name: t.state_dict()["values"] for name, t in monitor.trajectories.items()})
    first, second = recorded
    assert "parameters/network" in first
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0, equal_nan=True)
