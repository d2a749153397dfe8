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
    return of_the_page(tmp_path)["Overconfidence"]


def of_the_page(folder):
    """The classes of the page, by name."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    path = folder / "of_the_page.py"
    path.write_text("\n\n".join(blocks), encoding="utf-8")
    return runpy.run_path(str(path))


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


def test_the_marker_of_samples_of_the_page_fires_at_the_first_record_with_so_many_far_ones(tmp_path):
    seen = {}

    class Watched(of_the_page(tmp_path)["FarSamples"]):
        def extend(self, state, step, observation, trained):
            seen[step] = float((observation > 2).double().mean())
            return super().extend(state, step, observation, trained)

    monitor = InfoGeometryMonitor(budget=None, schedule=5, markers=[Watched(share=0.05)])
    fit(monitor, tmp_path, ByHeart, **OPTIONS)
    (event,) = monitor.events
    first = next(step for step, share in seen.items() if share > 0.05)
    assert (event.name, event.probe, event.step, event.detected_at) == ("far samples", "val", first, first)
    assert event.strength == pytest.approx(seen[first])
    assert event.message.startswith(f"{event.strength:.0%} of val are farther")


def test_the_marker_of_the_page_that_condenses_tells_what_the_one_of_all_samples_tells(tmp_path):
    found = of_the_page(tmp_path)
    whole, condensed = found["FarSamples"](share=0.05), found["FarShare"](share=0.05)
    assert condensed.on_host
    assert not whole.on_host
    monitor = InfoGeometryMonitor(budget=None, schedule=5, markers=[whole, condensed])
    fit(monitor, tmp_path, ByHeart, **OPTIONS)
    first, second = sorted(monitor.events, key=lambda event: event.name)
    assert (first.name, second.name) == ("far samples", "far share")
    assert first._replace(name="") == second._replace(name="")

    distances = torch.tensor([0.1, 2.5, 3.0, 0.2])
    state = condensed.extend(condensed.start(distances), 7, distances, torch.tensor([]))  # without a training
    assert state.firing.strength == 0.5
