"""Everything of a probe, a group of weights or a marker goes by its name, whatever the order in which it is given."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lightning_infogeo import (
    ConfigurationError,
    InfoGeometryMonitor,
    LogLogKnee,
    OverfittingOnset,
    ParameterDensity,
    Probe,
    Trajectory,
    VelocityChange,
)
from lightning_infogeo.monitor.record_layout import RecordLayout
from lightning_infogeo.trajectory import Series
from tests.helpers.classifiers import IMAGES, LABELS, fit
from tests.helpers.resuming import ByStep, same, saved

pytestmark = [
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`"),
    pytest.mark.filterwarnings("ignore:The dirpath has changed"),
]

PROBES = {
    "train": Probe(IMAGES[:30], LABELS[:30]),
    "train_far": Probe(2 * IMAGES[30:60], LABELS[30:60]),
    "val": Probe(3 * IMAGES[60:90], LABELS[60:90]),
    "shifted": Probe(IMAGES[90:120] + 0.3),
}
GROUPS = {"inner": "net.0", "outer": "net.2"}


def reverse(named):
    return dict(reversed(named.items()))


class Square(ByStep):
    """Two layers of as many weights, which nothing but their names tells apart."""

    def __init__(self):
        super().__init__(nn.Sequential(nn.Linear(64, 10), nn.Tanh(), nn.Linear(10, 64), nn.Linear(64, 10)))


def monitor(probes, groups=GROUPS, **options):
    return InfoGeometryMonitor(probes=probes, schedule=2, parameters=ParameterDensity(groups), **options)


@pytest.mark.parametrize("distributed", ["auto", "shard"])
def test_resuming_with_probes_and_groups_in_another_order_is_resuming(distributed, tmp_path):
    whole = monitor(PROBES, distributed=distributed)
    checkpoints = saved(tmp_path, every_n_train_steps=6)
    fit([whole, checkpoints], tmp_path, Square, max_steps=16, enable_checkpointing=True)
    resumed = monitor(reverse(PROBES), reverse(GROUPS), distributed=distributed)
    trained = fit(resumed, tmp_path, Square, ckpt_path=tmp_path / "step=6.ckpt", seed=99, max_steps=16)
    same(whole.trajectories, resumed.trajectories)
    assert whole.events == resumed.events
    assert whole.verdicts == resumed.verdicts
    for name, trajectory in resumed.trajectories.items():
        for quantity in ("velocity", "length"):
            last = getattr(trajectory, quantity)[-1]
            assert trained.callback_metrics[f"infogeo/{name}/{quantity}"].item() == pytest.approx(last.item())


def test_a_checkpoint_made_in_the_other_order_resumes_and_is_gone_on_with(tmp_path):
    whole = monitor(PROBES)
    fit([whole, saved(tmp_path, every_n_train_steps=6)], tmp_path, Square, max_steps=20, enable_checkpointing=True)
    path = tmp_path / "step=6.ckpt"
    for again, at in ((1, 12), (2, 18)):
        given = (reverse(PROBES), reverse(GROUPS)) if again == 1 else (PROBES, GROUPS)
        resumed, folder = monitor(*given), tmp_path / str(again)
        callbacks = [resumed, saved(folder, every_n_train_steps=6)]
        fit(callbacks, tmp_path, Square, ckpt_path=path, seed=99, max_steps=20, enable_checkpointing=True)
        same(whole.trajectories, resumed.trajectories)
        path = folder / f"step={at}.ckpt"


def test_an_archive_is_gone_on_with_by_name(tmp_path):
    first = monitor(PROBES, archive=tmp_path / "a.zarr")
    checkpoints = saved(tmp_path, every_n_train_steps=6)
    fit([first, checkpoints], tmp_path, Square, max_steps=6, enable_checkpointing=True)
    resumed = monitor(reverse(PROBES), reverse(GROUPS), archive=tmp_path / "a.zarr")
    fit(resumed, tmp_path, Square, ckpt_path=tmp_path / "step=6.ckpt", seed=99, max_steps=12)
    for name in PROBES:
        archived, live = Trajectory.open(tmp_path / "a.zarr", name), resumed.trajectories[name]
        torch.testing.assert_close(archived.entropy, live.entropy, rtol=0, atol=0)
        overlap = archived.amplitudes[len(live) - 1]
        entropy = -(overlap**2 * 2 * overlap.log()).nan_to_num().sum(-1).mean()
        assert entropy.item() == pytest.approx(live.entropy[-1].item(), rel=1e-4)


def test_markers_and_weights_that_are_missing_or_new_after_a_resume_are_told(tmp_path, capsys, lines_are_written):
    probes = {"train": PROBES["train"], "val": PROBES["val"]}
    made = InfoGeometryMonitor(probes=probes, schedule=2, markers=[LogLogKnee(), OverfittingOnset()])
    fit([made, saved(tmp_path, every_n_train_steps=6)], tmp_path, Square, max_steps=6, enable_checkpointing=True)
    capsys.readouterr()
    path = tmp_path / "step=6.ckpt"
    same_again = InfoGeometryMonitor(probes=probes, schedule=2, markers=[LogLogKnee(), OverfittingOnset()])
    fit(same_again, tmp_path, Square, ckpt_path=path, max_steps=8)
    assert "middle of the training" not in capsys.readouterr().err
    resumed = InfoGeometryMonitor(probes=probes, schedule=2, markers=[LogLogKnee(), VelocityChange()], parameters=True)
    fit(resumed, tmp_path, Square, ckpt_path=path, max_steps=8)
    lines = capsys.readouterr().err
    assert "goes on without markers that the training so far had: overfitting." in lines
    assert "begin to watch here, in the middle of the training: knee, velocity_change." in lines
    assert "begins to record here, in the middle of the training: parameters/net.0, " in lines
    assert resumed.trajectories["parameters/network"].steps.tolist() == [8]


@pytest.mark.parametrize("change", ["missing", "new", "renamed"])
def test_other_names_are_refused_in_a_sentence(change, tmp_path):
    fit([monitor(PROBES), saved(tmp_path, every_n_train_steps=6)], tmp_path, max_steps=6, enable_checkpointing=True)
    given = dict(reverse(PROBES))
    moved = given.pop("val") if change != "new" else PROBES["val"]
    if change != "missing":
        given["other"] = moved
    with pytest.raises(ConfigurationError, match=r"probe '(val|other)' is not the one in the checkpoint"):
        fit(monitor(given), tmp_path, ckpt_path=tmp_path / "step=6.ckpt", max_steps=9)


def test_probes_that_have_changed_names_are_refused(tmp_path):
    fit([monitor(PROBES), saved(tmp_path, every_n_train_steps=6)], tmp_path, max_steps=6, enable_checkpointing=True)
    swapped = {**PROBES, "train": PROBES["val"], "val": PROBES["train"]}
    with pytest.raises(ConfigurationError, match="probe 'train' is not the one in the checkpoint"):
        fit(monitor(swapped), tmp_path, ckpt_path=tmp_path / "step=6.ckpt", max_steps=9)


def test_what_is_encoded_by_name_is_decoded_by_name():
    series = (Series("a", "probe", ("x", "y"), trained=True), Series("b", "weights", ("x",)), Series("c", "probe", ()))
    layout = RecordLayout(series, {("m", "b"): 2, ("m", "a"): 1})
    rows = {"c": torch.zeros(0), "b": torch.tensor([3.0]), "a": torch.tensor([1.0, 2.0])}
    readings = {("m", "a"): torch.tensor([6.0]), ("m", "b"): torch.tensor([4.0, 5.0])}
    vector = layout.encode(rows, readings)
    assert vector.tolist() == [1, 2, 3, 4, 5, 6]
    assert len(vector) == layout.size
    record = layout.decode(7, vector.tolist())
    assert record == (7, {"a": {"x": 1, "y": 2}, "b": {"x": 3}, "c": {}}, {("m", "b"): [4, 5], ("m", "a"): [6]})
    assert layout.keys == [("a", "x"), ("a", "y"), ("b", "x")]
    assert layout.values(vector).tolist() == [record.rows[name][quantity] for name, quantity in layout.keys]


@given(st.permutations(range(4)), st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_no_number_changes_its_name_whatever_the_order(order, sizes):
    series = [Series(f"s{k}", "probe", tuple(f"q{i}" for i in range(size))) for k, size in enumerate(sizes)]
    layout = RecordLayout(tuple(series[k] for k in order), {("m", f"s{k}"): 1 for k in order})
    rows = {each.name: torch.tensor([float(f"{k}{i}") for i in range(sizes[k])]) for k, each in enumerate(series)}
    readings = {("m", f"s{k}"): torch.tensor([100.0 + k]) for k in range(4)}
    record = layout.decode(0, layout.encode(rows, readings).tolist())
    for k, size in enumerate(sizes):
        assert record.rows[f"s{k}"] == {f"q{i}": float(f"{k}{i}") for i in range(size)}
        assert record.readings["m", f"s{k}"] == [100.0 + k]


def test_groups_that_have_changed_names_are_refused(tmp_path):
    fit([monitor(PROBES), saved(tmp_path, every_n_train_steps=6)], tmp_path, max_steps=6, enable_checkpointing=True)
    swapped = {"inner": "net.2", "outer": "net.0"}
    with pytest.raises(ConfigurationError, match="finds groups of"):
        fit(monitor(PROBES, swapped), tmp_path, ckpt_path=tmp_path / "step=6.ckpt", max_steps=9)
