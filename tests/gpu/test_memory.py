"""However many records are made, what the device holds stays the same; and nothing is left behind."""

import gc

import lightning.pytorch as pl
import pytest
import torch

from tests.helpers.gpu_fits import CLASSES, PROBE, fit, watching

SHAPE = (PROBE.stop - PROBE.start, CLASSES)


def held(device):
    """Bytes of tensors on the device; on the CPU, where curves are kept too, of predictions on the probe."""
    gc.collect()  # what fits before this one have left in circles
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()  # inputs that two streams used count until both are seen to be done with them
        return torch.cuda.memory_allocated(device)
    return sum(t.nbytes for t in gc.get_objects() if type(t) is torch.Tensor and t.shape[-2:] == SHAPE)


class Held(pl.Callback):
    """Notes what is held after every so many steps; comes after the monitor."""

    def __init__(self, every):
        self.every, self.bytes = every, []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step % self.every == 0:
            self.bytes.append(held(pl_module.device))


@pytest.mark.parametrize("options", [{}, {"parameters": True}, {"lag": 5, "schedule": 10}])
def test_it_stays_flat_over_many_records(options, accelerator, tmp_path):
    steps = 800 if accelerator == "cuda" else 80
    noted = Held(steps // 4)
    fit([watching(memory=44_000, **options), noted], tmp_path, accelerator, max_steps=steps, max_epochs=-1)
    assert len(noted.bytes) == 4
    assert min(noted.bytes) > 0
    # A history of eight records is full before; one record may be on its way to the host, or not.
    assert max(noted.bytes[1:]) - min(noted.bytes[1:]) <= 2**14


@pytest.mark.gpu
def test_nothing_of_a_monitor_is_left_on_the_device(tmp_path):
    def left(callbacks):
        fit(callbacks, tmp_path, "cuda")
        return held(torch.device("cuda"))

    left([watching(parameters=True)])  # what libraries take once and for good
    monitor, without = watching(parameters=True), left([])
    assert left([monitor]) == without
    assert len(monitor.trajectories["val"]) == 13
