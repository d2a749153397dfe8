"""A record that is captured as a CUDA graph is, bit for bit, one that is launched operation by operation."""

import pytest
import torch

from tests.helpers.gpu_fits import Convolutional, Net, digest, fit, images, watching

pytestmark = pytest.mark.gpu

CASES = {
    "dense": (Net, {}),
    "convolutional": (Convolutional, {"deterministic": True}),
    "bf16-mixed": (Net, {"precision": "bf16-mixed"}),
}


def followed(model, folder, options, **arguments):
    from tests.helpers.wrapped_records import WrappedRecords

    class Looked(WrappedRecords):
        def on_train_end(self, trainer, pl_module):
            self.repeated = self._session.recorder.repeated
            super().on_train_end(trainer, pl_module)

    monitor = watching(Looked, **arguments)
    weights = digest(fit([monitor], folder, "cuda", model, images(shuffle=True), max_steps=40, **options))
    return monitor, weights


@pytest.mark.parametrize("name", CASES)
def test_records_and_training_are_the_same(name, tmp_path):
    model, options = CASES[name]
    plain, without = followed(model, tmp_path, options)
    captured, weights = followed(model, tmp_path, options, cuda_graph=True)
    assert captured.repeated.failed is None, captured.repeated.failed
    assert captured.repeated.captured >= 1
    assert plain.repeated is None
    assert weights == without
    for probe, trajectory in plain.trajectories.items():
        for quantity in trajectory.quantities:
            a, b = (getattr(of.trajectories[probe], quantity) for of in (plain, captured))
            torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
    assert plain.events == captured.events
