"""The recipe for a marker of one's own, as it stands on its page, in real trainings."""

import re
import runpy
from pathlib import Path

import pytest
import torch

from lightning_infogeo import InfoGeometryMonitor, Trajectory
from tests.helpers.classifiers import fit, val_loader
from tests.helpers.markers import mislabelled
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, same, saved

pytestmark = REMARKS_ON_RESUMING

PAGE = Path(__file__).parents[2] / "docs" / "own_marker.md"


@pytest.fixture
def overconfidence(tmp_path):
    """The class of the page."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    path = tmp_path / "overconfidence.py"
    path.write_text(block, encoding="utf-8")
    return runpy.run_path(str(path))["Overconfidence"]


class ByHeart(ByStep):
    """Learns wrong labels by heart."""

    def training_step(self, batch, batch_idx):
        start = 30 * (self.global_step % 4)
        images, labels = mislabelled().dataset.tensors
        return torch.nn.functional.cross_entropy(self(images[start : start + 30]), labels[start : start + 30])


OPTIONS = {"max_steps": 300, "max_epochs": -1, "val": val_loader(100)}


def test_the_marker_of_the_page_fires_where_it_says_and_goes_on_after_a_resume(overconfidence, tmp_path):
    told = []
    whole = InfoGeometryMonitor(
        budget=None, markers=[overconfidence()], on_event=told.append, archive=tmp_path / "a.zarr"
    )
    trainer = fit(
        [whole, saved(tmp_path, every_n_train_steps=10)], tmp_path, ByHeart, enable_checkpointing=True, **OPTIONS
    )
    event, trajectory = whole.events[0], whole.trajectories["val"]
    over = (2 * trajectory.distance_to_truth > 2.0 * trajectory.entropy).tolist()
    first = next(k for k in range(len(over)) if all(over[k : k + 3]) and len(over[k : k + 3]) == 3)
    assert (event.name, event.probe) == ("overconfidence", "val")
    assert (event.step, event.detected_at) == tuple(trajectory.steps[[first, first + 2]].tolist())
    assert event.strength > 2
    assert {one.probe for one in whole.events} == {"val"}
    assert told == whole.events
    assert trainer.callback_metrics["infogeo/markers"] == len(told)
    assert trainer.callback_metrics["infogeo/overfitting"] == 0
    assert Trajectory.open(tmp_path / "a.zarr", "val").events[0]["message"] == event.message
    assert whole.verdicts == {}

    between = next(step for step in range(0, 300, 10) if event.step <= step < event.detected_at)  # records are counted
    resumed = InfoGeometryMonitor(budget=None, markers=[overconfidence()])
    fit(resumed, tmp_path, ByHeart, ckpt_path=tmp_path / f"step={between}.ckpt", seed=99, **OPTIONS)
    same(whole.trajectories, resumed.trajectories)
    assert resumed.events == whole.events


def test_another_setting_of_it_stays_silent(overconfidence, tmp_path):
    monitor = InfoGeometryMonitor(markers=[overconfidence(factor=1e6)])
    fit(monitor, tmp_path, ByHeart, **{**OPTIONS, "max_steps": 60})
    assert monitor.events == []
