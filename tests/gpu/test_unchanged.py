"""Training on the device is bit for bit what it is without the monitor, its random streams included."""

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

from tests.helpers.gpu_fits import (
    CLASSES,
    FEATURES,
    Convolutional,
    Net,
    NoisyInEvaluation,
    digest,
    fit,
    streams,
    watching,
)
from tests.helpers.wrapped_records import WrappedRecords

DETERMINISTIC = {"deterministic": True}
CASES = {
    "dense": (Net, {}),
    "convolutional": (Convolutional, DETERMINISTIC),
    "noisy in evaluation": (NoisyInEvaluation, {}),
    "bf16-mixed": (Net, {"precision": "bf16-mixed"}),
    "gradient clipping": (Net, {"gradient_clip_val": 0.1}),
}


class Drawing(pl.Callback):
    """A naive probe: it draws from the device's stream."""

    def on_train_batch_end(self, trainer, pl_module, *args):
        torch.rand(1, device=pl_module.device)


class Guarded(WrappedRecords):
    """Compares the random streams before and after every record."""

    records = 0

    def _record(self, *args, **kwargs):
        before = streams()
        super()._record(*args, **kwargs)
        assert streams() == before
        self.records += 1


@pytest.mark.parametrize("name", CASES)
def test_training_is_bit_for_bit_the_same(name, accelerator, tmp_path):
    model, options = CASES[name]
    with_monitor = digest(fit([watching(parameters=True)], tmp_path, accelerator, model, **options))
    without = digest(fit([], tmp_path, accelerator, model, **options))
    assert with_monitor == without


@pytest.mark.gpu
def test_training_in_float16_is_bit_for_bit_the_same(tmp_path):
    with_monitor, without = (
        digest(fit(callbacks, tmp_path, "cuda", precision="16-mixed")) for callbacks in ([watching()], [])
    )
    assert with_monitor == without


def test_a_probe_that_draws_from_the_stream_is_noticed(accelerator, tmp_path):
    """Negative control."""
    assert digest(fit([Drawing()], tmp_path, accelerator)) != digest(fit([], tmp_path, accelerator))


def test_every_random_stream_is_where_it_was_after_every_record(accelerator, tmp_path):
    monitor = watching(Guarded)
    fit([monitor], tmp_path, accelerator, NoisyInEvaluation)
    assert monitor.records > 12


def test_a_model_that_draws_in_evaluation_gets_the_same_numbers_at_every_record(accelerator, tmp_path):
    """At a rate of zero nothing moves, so that a displacement would be other noise."""

    class Still(NoisyInEvaluation):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(FEATURES, CLASSES))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.0)

    monitor = watching()
    fit([monitor], tmp_path, accelerator, Still, max_steps=4)
    assert monitor.trajectories["val"].displacement.abs().max() < 1e-6
