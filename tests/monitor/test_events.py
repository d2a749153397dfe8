"""Markers in real trainings: what fires, what is said, what reaches loggers and files, what a resume continues."""

import logging
import math

import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import ConfigurationError, Event, InfoGeometryMonitor, LogLogKnee, OverfittingOnset, Probe
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, fit, val_loader
from tests.helpers.markers import At, mislabelled
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, saved

pytestmark = REMARKS_ON_RESUMING


def overfit(callbacks, tmp_path, **options):
    return fit(
        callbacks, tmp_path, train=mislabelled(), val=val_loader(400), **{"max_steps": 700, "max_epochs": -1, **options}
    )


def test_overfitting_is_flagged_while_it_happens_and_told_everywhere(tmp_path, caplog, lines_are_written):
    logger, told = TensorBoardLogger(tmp_path), []
    monitor = InfoGeometryMonitor(on_event=told.append)
    with caplog.at_level(logging.INFO):
        made = overfit(monitor, tmp_path, logger=logger)
    (flag,) = (event for event in monitor.events if event.name == "overfitting")
    trajectory = monitor.trajectories["val"]
    closest = int(trajectory.steps[trajectory.distance_to_truth.argmin()])
    assert flag.probe == "val"
    assert 0.7 * closest <= flag.step <= 1.4 * closest
    assert flag.step < flag.detected_at < 500
    assert flag.strength > 0.01
    assert f"overfitting on val since step {flag.step}, known at {flag.detected_at}: " in "\n".join(
        record.getMessage() for record in caplog.records
    )
    assert told == monitor.events
    assert monitor.verdicts["val"].answer == "flagged"
    assert "train" not in monitor.verdicts
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("[infogeo]")]
    assert len(lines) == len(monitor.events)
    assert any(line.endswith(flag.message) for line in lines)
    assert made.callback_metrics["infogeo/overfitting"] == 1
    assert made.callback_metrics["infogeo/overfitting_onset"] == flag.step
    assert made.callback_metrics["infogeo/markers"] == len(monitor.events)

    accumulator = EventAccumulator(logger.log_dir, size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    raised = [(event.step + 1, event.value) for event in accumulator.Scalars("infogeo/overfitting")]
    assert next(step for step, value in raised if value == 1) == flag.detected_at
    assert {value for step, value in raised if step < flag.detected_at} == {0}
    counts = [event.value for event in accumulator.Scalars("infogeo/markers")]
    assert counts == sorted(counts)
    assert counts[-1] == len(monitor.events)
    text = accumulator.Tensors("infogeo/events/text_summary")[-1].tensor_proto.string_val[0].decode()
    for event in monitor.events:
        assert f"- **{event.headline}**: " in text


def test_a_training_that_goes_well_is_not_flagged_and_says_so(tmp_path):
    monitor = InfoGeometryMonitor()
    fit(monitor, tmp_path, train=DataLoader(TensorDataset(IMAGES[:900], LABELS[:900]), batch_size=64), max_steps=80)
    assert not [event for event in monitor.events if event.name == "overfitting"]
    assert monitor.verdicts["val"].answer in ("clean", "undecidable")


@pytest.mark.parametrize("after", [0, 0.25, 1])
def test_training_stops_at_the_first_record_at_which_the_flag_has_stood_if_asked(
    after, tmp_path, capsys, lines_are_written
):
    monitor = InfoGeometryMonitor(on_overfitting="stop", stop_after=after)
    made = overfit(monitor, tmp_path)
    (flag,) = (event for event in monitor.events if event.name == "overfitting")
    steps = monitor.trajectories["val"].steps
    stood = int(steps[steps + 1 >= (1 + after) * (flag.detected_at + 1)][0])
    assert stood <= made.global_step <= stood + 4  # the end of the epoch of four batches
    assert steps[-1] == made.global_step
    said = f"stops the training at step {stood}: a flag of overfitting stands (stop_after={after:g})."
    assert capsys.readouterr().err.count(said) == 1


@pytest.mark.parametrize("held_out", [True, False])
def test_where_nothing_is_held_out_a_line_says_that_there_is_no_flag(held_out, tmp_path, capsys, lines_are_written):
    for markers in ("default", ()):
        monitor = InfoGeometryMonitor(markers=markers)
        fit(monitor, tmp_path, val=None if held_out else False)
        assert ("val" in monitor.trajectories) == held_out
        said = "no flag of overfitting: no held-out samples are followed." in capsys.readouterr().err
        assert said == (markers == "default" and not held_out)


def test_where_what_is_held_out_has_no_labels_the_line_names_it(tmp_path, capsys, lines_are_written):
    fit(InfoGeometryMonitor(probes={"train": TensorDataset(IMAGES, LABELS), "new": Probe(IMAGES[:40])}), tmp_path)
    said = "no flag of overfitting: the monitor knows no labels of 'new'. Are there any? Give them by split="
    assert capsys.readouterr().err.count(said) == 1


class LearnsWrongThenRight(ByStep):
    """Learns labels that are one off until step 120, and the right ones, which it had begun with, from then on."""

    def training_step(self, batch, batch_idx):
        batch = slice(60 * (self.global_step % 15), 60 * (self.global_step % 15) + 60)
        wrong = 12 <= self.global_step < 120
        return torch.nn.functional.cross_entropy(self(IMAGES[batch]), (LABELS[batch] + wrong) % 10)


def test_a_flag_is_withdrawn_once_the_probe_comes_closer_than_before(tmp_path, caplog, lines_are_written):
    logger, told = TensorBoardLogger(tmp_path), []
    monitor = InfoGeometryMonitor(on_event=told.append, on_overfitting="stop", stop_after=50)
    options = {"val": val_loader(400), "max_steps": 300, "max_epochs": -1}
    with caplog.at_level(logging.INFO):
        made = fit(monitor, tmp_path, LearnsWrongThenRight, logger=logger, **options)
    events = [event for event in monitor.events if event.name in ("overfitting", "recovered")]
    assert [event.name for event in events] == ["overfitting", "recovered"]
    flag, recovered = events
    assert flag.step < flag.detected_at < recovered.step <= recovered.detected_at
    trajectory = monitor.trajectories["val"]
    distance = dict(zip(trajectory.steps.tolist(), trajectory.distance_to_truth.tolist(), strict=True))
    earlier = [value for step, value in distance.items() if step < flag.detected_at]
    assert distance[recovered.detected_at] < min(earlier)
    assert recovered in told
    assert "the overfitting flag raised before is withdrawn" in recovered.message
    assert f"since step {recovered.step}, known at" in "\n".join(record.getMessage() for record in caplog.records)
    assert any(recovered.message in record.getMessage() for record in caplog.records)
    assert monitor.verdicts["val"].answer != "flagged"
    assert made.global_step == 300
    assert made.callback_metrics["infogeo/overfitting"] == 0
    assert made.callback_metrics["infogeo/overfitting_onset"] == flag.step  # NaN in loggers, never among metrics
    accumulator = EventAccumulator(logger.log_dir, size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    stands = {event.step + 1: event.value for event in accumulator.Scalars("infogeo/overfitting")}
    assert all((flag.detected_at <= step < recovered.detected_at) == value for step, value in stands.items())
    text = accumulator.Tensors("infogeo/events/text_summary")[-1].tensor_proto.string_val[0].decode()
    assert f"- **{recovered.headline}**: " in text


def test_a_run_resumed_while_its_flag_stands_withdraws_it_as_an_unbroken_one_does(tmp_path):
    options = {"val": val_loader(400), "max_steps": 300, "max_epochs": -1, "limit_train_batches": 100}
    whole, resumed = InfoGeometryMonitor(), InfoGeometryMonitor()
    keeping = saved(tmp_path, every_n_train_steps=50)
    fit([whole, keeping], tmp_path, LearnsWrongThenRight, enable_checkpointing=True, **options)
    flag, recovered = (event for event in whole.events if event.name in ("overfitting", "recovered"))
    between = [step for step in range(50, 300, 50) if flag.detected_at < step < recovered.detected_at]
    path = tmp_path / f"step={between[0]}.ckpt"
    fit(resumed, tmp_path, LearnsWrongThenRight, ckpt_path=path, seed=99, **options)
    assert resumed.events == whole.events
    assert resumed.verdicts == whole.verdicts


def test_early_stopping_can_watch_the_flag_and_lets_healthy_runs_be(tmp_path):
    """As docs/flags.md has it: with the patience that Lightning gives, a flag that is never raised ends a run, too."""

    def stopping():
        return EarlyStopping("infogeo/overfitting", mode="min", patience=10**9, divergence_threshold=0.5)

    monitor = InfoGeometryMonitor()
    made = overfit([monitor, stopping()], tmp_path)
    assert made.global_step < 500
    assert monitor.verdicts["val"].answer == "flagged"
    healthy = InfoGeometryMonitor()
    data = DataLoader(TensorDataset(IMAGES[:900], LABELS[:900]), batch_size=64)
    assert fit([healthy, stopping()], tmp_path, train=data, max_steps=80, max_epochs=-1).global_step == 80
    assert healthy.verdicts["val"].answer != "flagged"


def test_a_run_resumed_between_onset_and_detection_flags_what_an_unbroken_one_does(tmp_path):
    class Noisy(ByStep):
        def training_step(self, batch, batch_idx):
            start = 30 * (self.global_step % 4)
            images, labels = mislabelled().dataset.tensors
            return torch.nn.functional.cross_entropy(self(images[start : start + 30]), labels[start : start + 30])

    options = {"max_steps": 400, "max_epochs": -1, "val": val_loader(400)}
    whole, resumed = InfoGeometryMonitor(), InfoGeometryMonitor()
    fit([whole, saved(tmp_path, every_n_train_steps=10)], tmp_path, Noisy, enable_checkpointing=True, **options)
    (flag,) = (event for event in whole.events if event.name == "overfitting")
    between = range(-(-(flag.step + 1) // 10) * 10, flag.detected_at, 10)
    assert len(between)
    path = tmp_path / f"step={between[0]}.ckpt"
    fit(resumed, tmp_path, Noisy, ckpt_path=path, seed=99, **options)
    assert resumed.events == whole.events
    assert resumed.verdicts == whole.verdicts


def test_events_known_before_a_checkpoint_are_not_told_again(tmp_path):
    told = []
    first, resumed = (InfoGeometryMonitor(markers=[At(3, 8)], schedule=1, on_event=told.append) for _ in range(2))
    fit([first, saved(tmp_path, every_n_train_steps=5)], tmp_path, ByStep, max_steps=6, enable_checkpointing=True)
    assert [(event.probe, event.step) for event in told] == [("train", 2), ("val", 2)]
    fit(resumed, tmp_path, ByStep, ckpt_path=tmp_path / "step=5.ckpt", max_steps=10)
    assert [(event.probe, event.step) for event in told] == [("train", 2), ("val", 2), ("train", 7), ("val", 7)]
    assert resumed.events == told


def test_the_records_of_events_stay_in_the_history(tmp_path):
    from lightning_infogeo import EmbeddingSettings

    monitor = InfoGeometryMonitor(
        markers=[At(5, 9, 13)], schedule=1, embedding=EmbeddingSettings(max_records=16), probe_size=20
    )
    fit(monitor, tmp_path, max_steps=120)
    history = monitor.trajectories["val"].history
    assert history.steps[history.marked].tolist() == [4, 8, 12]


def test_a_failing_on_event_is_warned_of_and_training_goes_on(tmp_path):
    def broken(event):
        raise OSError("no line")

    with pytest.warns(UserWarning, match=r"on_event=\.\.\.\)`: raised OSError: no line"):
        made = fit(InfoGeometryMonitor(markers=[At(2)], schedule=1, on_event=broken), tmp_path, max_steps=6)
    assert made.global_step == 6
    with pytest.raises(OSError, match="no line"):
        fit(InfoGeometryMonitor(markers=[At(2)], schedule=1, on_event=broken, strict=True), tmp_path, max_steps=6)


def test_without_markers_there_are_no_keys_of_theirs(tmp_path):
    made = fit(InfoGeometryMonitor(markers=()), tmp_path, max_steps=4)
    assert not {"infogeo/markers", "infogeo/overfitting"} & made.callback_metrics.keys()
    made = fit(InfoGeometryMonitor(markers=[LogLogKnee()]), tmp_path, max_steps=4)
    assert made.callback_metrics["infogeo/markers"] == 0
    assert "infogeo/overfitting_onset" not in made.callback_metrics  # NaN would stop EarlyStopping


def test_logits_that_are_never_finite_raise_no_event(tmp_path):
    class Never(Classifier):
        def forward(self, x):
            return self.net(x) * (1 if self.training else torch.nan)

    monitor = InfoGeometryMonitor(schedule=1)
    with pytest.warns(UserWarning, match="not all finite"):
        fit(monitor, tmp_path, Never, max_steps=20)
    assert monitor.events == []


class Nameless(At):
    def __init__(self):
        pass


class Elsewhere(At):
    scope = "device"


class Everything(At):
    scope = "samples"


@pytest.mark.parametrize(
    ("markers", "remedy"),
    [
        ("all", 'must be "default", or a list of markers'),
        (3, 'must be "default", or a list of markers'),
        ({"a": 1}, 'must be "default", or a list of markers'),
        ([OverfittingOnset], r"OverfittingOnset'> is no marker: give an instance of a class that derives from"),
        ([object()], r"object object at .* derives from lightning_infogeo\.Marker"),
        ([LogLogKnee(), "knee"], r"'knee' is no marker"),
        ([Nameless()], "lacks `name`"),
        ([Elsewhere()], 'scope must be "record", or "samples"'),
        ([Everything()], r"with observes = \(\"distance_to_truth\",\)"),
        (
            [OverfittingOnset(), OverfittingOnset(alpha=0.1)],
            r"of different names, and say \['overfitting', 'recovered', 'overf",
        ),
    ],
)
def test_impossible_markers_are_named(markers, remedy):
    with pytest.raises(ConfigurationError, match=rf"(?s)InfoGeometryMonitor\(markers=.*{remedy}"):
        InfoGeometryMonitor(markers=markers)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("on_event", 3), ("on_overfitting", "warn"), ("stop_after", -0.1), ("stop_after", True), ("stop_after", math.inf)],
)
def test_impossible_reactions_are_named(argument, value):
    with pytest.raises(ConfigurationError, match=rf"InfoGeometryMonitor\({argument}="):
        InfoGeometryMonitor(**{argument: value})


def test_an_event_is_plain_data():
    event = Event("knee", "val", 3, 5, -0.5, "bends")
    assert list(event) == ["knee", "val", 3, 5, -0.5, "bends"]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("events", [["knee", "val", 1, 2, 0.5, None]]),
        ("events", [["knee", "val", 1, 2, None, "bent"]]),
        ("events", [["knee", "val", 1.5, 2, 0.5, "bent"]]),
        ("events", [["knee", "val", 1, 2, 0.5]]),
        ("counts", [["knee", "val", None]]),
        ("readings", [["knee", "val", [None]]]),
    ],
)
def test_a_checkpoint_whose_events_are_damaged_is_refused(place, value, tmp_path):
    """Rather than that a hook of the training raises when it tells them."""
    monitor = InfoGeometryMonitor(schedule=2)
    fit(monitor, tmp_path)
    state = monitor.state_dict()
    state["watch"] = {**state["watch"], "events": [["knee", "val", 1, 2, 0.5, "bent"]]}
    InfoGeometryMonitor(schedule=2).load_state_dict(state)
    state["watch"][place] = value
    with pytest.raises(ConfigurationError, match="damaged or of another version"):
        InfoGeometryMonitor(schedule=2).load_state_dict(state)


@pytest.mark.parametrize(
    "entry",
    [
        [3, 2, {"val": {"velocity": 1.0}}, [], []],
        [3, 2, {"val": {"length": None}}, [], []],
        [3, 2, {"val": {"length": 1.0}}, [[["markers"], None]], []],
        [None, 2, {}, [], []],
        [3, 2, {}, [], [["knee", "val", 1, 2, 0.5, None]]],
    ],
)
def test_a_checkpoint_with_a_damaged_record_to_tell_is_refused(entry, tmp_path):
    monitor = InfoGeometryMonitor(schedule=2)
    fit(monitor, tmp_path)
    whole = [3, 2, {"val": {"length": 1.0}}, [[["markers"], 1.0]], [["knee", "val", 1, 2, 0.5, "bent"]]]
    InfoGeometryMonitor(schedule=2).load_state_dict({**monitor.state_dict(), "undelivered": [whole]})
    with pytest.raises(ConfigurationError, match="damaged or of another version"):
        InfoGeometryMonitor(schedule=2).load_state_dict({**monitor.state_dict(), "undelivered": [entry]})
