"""Resumed on the device, the curves go on to the last bit, under deterministic algorithms."""

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn

from tests.helpers.gpu_fits import Net, X, Y, fit, images, watching

pytestmark = [  # Lightning's remarks on what these tests do on purpose
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]


class ByStep(Net):
    """The batch is a function of the step: Lightning restores neither random streams nor the place in an epoch."""

    def __init__(self):
        super().__init__(dropout=0.0)

    def training_step(self, batch, batch_idx):
        rows = (13 * self.global_step + torch.arange(32)) % 192
        return nn.functional.cross_entropy(self(X[rows].to(self.device)), Y[rows].to(self.device))


@pytest.mark.parametrize("options", [{}, {"parameters": True}, {"lag": 3, "schedule": "log"}, {"lag": 0}])
@pytest.mark.parametrize("at", [6, 9])
def test_the_curves_go_on(options, at, accelerator, tmp_path):
    saved = ModelCheckpoint(tmp_path, filename="{step}", save_top_k=-1, every_n_train_steps=at)
    whole, resumed = watching(**options), watching(**options)
    common = {"model": ByStep, "loader": images(), "max_steps": 15, "deterministic": True}
    fit([whole, saved], tmp_path, accelerator, **common, enable_checkpointing=True)
    fit([resumed], tmp_path, accelerator, **common, ckpt_path=tmp_path / f"step={at}.ckpt")
    assert whole.trajectories.keys() == resumed.trajectories.keys()
    for name, trajectory in whole.trajectories.items():
        assert resumed.trajectories[name].steps.tolist() == trajectory.steps.tolist()
        left, right = (monitor.trajectories[name].state_dict()["values"] for monitor in (whole, resumed))
        torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)
