"""A compiled module is trained by the same graphs with the monitor as without, and to the same bits."""

import pytest
import torch

from tests.helpers.gpu_fits import Net, digest, fit, watching

CASES = [
    pytest.param("cuda", "eager", marks=pytest.mark.gpu),
    pytest.param("cuda", "inductor", marks=pytest.mark.gpu),
    ("cpu", "eager"),
]


@pytest.mark.parametrize(("device", "backend"), CASES)
def test_training_and_its_graphs_are_the_same(device, backend, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "kernels"))
    found = {}
    for monitored in (False, True):
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        monitor = watching()
        trainer = fit([monitor] * monitored, tmp_path, device, lambda: torch.compile(Net(), backend=backend))
        graphs = dict(torch._dynamo.utils.counters["stats"])
        assert graphs
        found[monitored] = digest(trainer), graphs
    assert found[True] == found[False]
    assert len(monitor.trajectories["val"]) == 13
    torch._dynamo.reset()
