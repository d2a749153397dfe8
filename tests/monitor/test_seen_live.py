"""What a user sees while a training runs, read back from real event files and from the progress bar."""

import csv
import itertools
import math

import lightning.pytorch as pl
import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lightning_infogeo import ConfigurationError, EmbeddingSettings, InfoGeometryMonitor, Probe
from lightning_infogeo.quantities import PROBE_QUANTITIES, names
from tests.helpers.classifiers import IMAGES, LABELS, fit, val_loader
from tests.helpers.loggers import Minimal, records, scalars
from tests.helpers.markers import mislabelled

UNBOUNDED = EmbeddingSettings(share=1.0)


def images(directory, tag):
    accumulator = EventAccumulator(str(directory), size_guidance={"images": 0})
    accumulator.Reload()
    return accumulator.Images(tag)


@pytest.mark.parametrize(("steps", "schedule"), [(60, 1), (700, "log")])
def test_pictures_come_early_and_then_at_equal_ratios_of_steps(steps, schedule, tmp_path):
    logger = TensorBoardLogger(tmp_path)
    fit(InfoGeometryMonitor(schedule=schedule, embedding=UNBOUNDED), tmp_path, logger=logger, max_steps=steps)
    for tag in ("infogeo/curves", "infogeo/embedding"):
        drawn = images(logger.log_dir, tag)
        at = [image.step + 1 for image in drawn]
        assert 12 <= len(at) <= 30
        assert at[0] == 3
        assert at[-1] == steps
        even = min(10 ** (1 / 5), (steps / 3) ** (1 / 13))
        assert all(b / a <= even * 1.4 or b - a <= 2 for a, b in itertools.pairwise(at))
        assert {(image.width, image.height) for image in drawn} == {(760, 400)}
    assert [image.step + 1 for image in images(logger.log_dir, "infogeo/distances")] == [steps]


@pytest.mark.parametrize("final", [15, 100, 4_000, 10**6, 10**9, None])
def test_a_training_of_any_length_has_between_twelve_and_thirty(final):
    due = [0]
    while due[-1] < (final or 10**6):
        due.append(UNBOUNDED.next_picture(due[-1], final))
    assert 12 <= len([step for step in due[1:] if step < (final or 10**6)]) + 1 <= 31
    assert due[1] == 3


def test_a_training_that_was_planned_too_long_and_is_ended_early_has_twelve_too():
    due = [0]
    while due[-1] < 1000:
        due.append(UNBOUNDED.next_picture(due[-1], final=10**6))
    assert len(due) - 1 >= 12


def test_the_probe_that_is_drawn_is_the_first_held_out_one_or_those_asked_for(tmp_path):
    for settings, expected in (
        (EmbeddingSettings(), {"infogeo/embedding", "infogeo/curves", "infogeo/distances"}),
        (
            EmbeddingSettings(probes=("train", "val")),
            {
                "infogeo/embedding",
                "infogeo/embedding/val",
                "infogeo/curves",
                "infogeo/distances",
                "infogeo/distances/val",
            },
        ),
    ):
        logger = TensorBoardLogger(tmp_path)
        monitor = InfoGeometryMonitor(embedding=settings)
        fit(monitor, tmp_path, logger=logger, max_steps=8)
        accumulator = EventAccumulator(logger.log_dir)
        accumulator.Reload()
        assert set(accumulator.Tags()["images"]) == expected
        assert monitor.picture("train").texts[0].get_text().startswith("train: ")
        first = (settings.probes or ("val",))[0]
        assert monitor.picture().texts[0].get_text().startswith(f"{first}: ")
    with pytest.raises(KeyError, match=r"picture\(probe='test'\)"):
        monitor.picture("test")


def test_probes_to_draw_that_are_not_there_are_named_before_training(tmp_path):
    with pytest.raises(ConfigurationError, match=r"EmbeddingSettings\(probes=\('test',\)\)`: there is no probe 'test'"):
        fit(InfoGeometryMonitor(embedding=EmbeddingSettings(probes=("test",))), tmp_path, max_steps=3)


def test_loggers_get_five_quantities_by_default_and_trajectories_all(tmp_path):
    logger, monitor = TensorBoardLogger(tmp_path), InfoGeometryMonitor()
    trainer = fit(monitor, tmp_path, logger=logger)
    five = ("distance_to_truth", "velocity", "length", "progress", "entropy")
    expected = {f"infogeo/{probe}/{name}" for probe in ("train", "val") for name in five}
    own = {tag for tag in scalars(logger.log_dir) if tag.startswith("infogeo/")}
    assert own == expected | {"infogeo/markers", "infogeo/overfitting"}
    assert monitor.trajectories["val"].straightness[-1] > 0
    assert "infogeo/val/straightness" in trainer.callback_metrics


@pytest.mark.parametrize("asked", ["all", ["straightness", "velocity"], ()])
def test_loggers_get_the_quantities_that_are_asked_for(asked, tmp_path):
    logger = TensorBoardLogger(tmp_path)
    fit(InfoGeometryMonitor(quantities=asked, schedule=3), tmp_path, logger=logger)
    chosen = names(PROBE_QUANTITIES) if asked == "all" else asked
    logged = {tag.rsplit("/", 1)[1] for tag in scalars(logger.log_dir) if tag.startswith("infogeo/val/")}
    assert logged == set(chosen)


@pytest.mark.parametrize("quantities", ["velocity", ["speed"], [1], None, {"velocity"}])
def test_impossible_quantities_are_named_with_those_there_are(quantities):
    with pytest.raises(ConfigurationError, match=r"InfoGeometryMonitor\(quantities=.*must be \"default\".*velocity"):
        InfoGeometryMonitor(quantities=quantities)


def test_weights_and_references_are_not_among_the_quantities_of_probes(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    fit(InfoGeometryMonitor(quantities=[], parameters=True), tmp_path, logger=logger)
    logged = {tag for tag in scalars(logger.log_dir) if tag.startswith("infogeo/") and tag.count("/") > 1}
    assert logged
    assert all(tag.startswith("infogeo/parameters/") for tag in logged)


def test_no_point_in_a_logger_is_nan_and_the_onset_is_told_once(tmp_path):
    loggers, monitor = [TensorBoardLogger(tmp_path), CSVLogger(tmp_path), Minimal()], InfoGeometryMonitor()
    fit(monitor, tmp_path, train=mislabelled(), val=val_loader(400), logger=loggers, max_steps=300, max_epochs=-1)
    written = scalars(loggers[0].log_dir)
    assert all(math.isfinite(value) for points in written.values() for _, value in points)
    (flag,) = (event for event in monitor.events if event.name == "overfitting")
    assert written["infogeo/overfitting_onset"] == [(flag.detected_at - 1, flag.step)]
    assert [
        metrics["infogeo/overfitting_onset"]
        for _, metrics in loggers[2].calls
        if "infogeo/overfitting_onset" in metrics
    ] == [flag.step]


def test_a_second_onset_after_a_withdrawn_one_is_told_again():
    from lightning_infogeo.markers import Event
    from lightning_infogeo.markers.runner import MarkerRunner

    runner = MarkerRunner((), strict=True)
    runner.markers = (object(),)
    first, back, again = (
        Event("overfitting", "val", 10, 20, 1.0, ""),
        Event("recovered", "val", 30, 40, 1.0, ""),
        Event("overfitting", "val", 50, 60, 1.0, ""),
    )
    told = []
    for event in (first, back, again):
        runner.events.append(event)
        told += [runner.scalars([event]).get(("overfitting_onset",)), runner.scalars([]).get(("overfitting_onset",))]
    assert told == [10, None, None, None, 50, None]


class Look(pl.Callback):
    """Keeps what a progress bar would show after each step."""

    def __init__(self):
        self.shown = {}

    def on_train_batch_end(self, trainer, *args):
        self.shown[trainer.global_step] = trainer.progress_bar_metrics.get("infogeo")


def test_the_progress_bar_says_the_verdict_of_the_moment(tmp_path):
    # A record at every step: of few, rounding decides whether one falls between "watch" and the flag.
    look, monitor = Look(), InfoGeometryMonitor(schedule=1, budget=None)
    fit(
        [monitor, look],
        tmp_path,
        train=mislabelled(),
        val=val_loader(400),
        max_steps=300,
        max_epochs=-1,
        enable_progress_bar=True,
    )
    (flag,) = (event for event in monitor.events if event.name == "overfitting")
    said = look.shown
    assert set(said.values()) <= {None, "clean", "watch", f"flag since {flag.step}"}
    assert "watch" in said.values()
    assert all((word == f"flag since {flag.step}") == (step > flag.detected_at) for step, word in said.items())


def test_several_held_out_probes_are_named_in_the_progress_bar(tmp_path):
    probes = {
        "train": Probe(IMAGES[:60], LABELS[:60]),
        "a": Probe(IMAGES[900:990], LABELS[900:990]),
        "b": Probe(IMAGES[990:1080], LABELS[990:1080]),
    }
    monitor = InfoGeometryMonitor(probes)
    trainer = fit(monitor, tmp_path, train=mislabelled(), max_steps=400, max_epochs=-1)
    flagged = [event for event in monitor.events if event.name == "overfitting"]
    assert flagged
    assert trainer.progress_bar_metrics["infogeo"] == f"{flagged[0].probe}: flag since {flagged[0].step}"


def test_keys_of_a_logger_are_the_same_at_every_record_but_where_a_quantity_is_not_defined(tmp_path):
    logger = Minimal()
    fit(InfoGeometryMonitor(schedule=2, quantities="all"), tmp_path, logger=logger, max_steps=9)
    _, keys = records(logger)
    assert len({frozenset(key for key in found if not key.endswith("/roughness")) for found in keys}) == 1
    assert len({frozenset(found) for found in keys}) == 2


class Interrupts(pl.Callback):
    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == 37:
            raise ValueError("as if somebody pressed Ctrl-C")


def test_an_interrupted_training_keeps_its_pictures_and_has_the_last_one(tmp_path):
    logger, monitor = TensorBoardLogger(tmp_path), InfoGeometryMonitor(schedule=5, embedding=UNBOUNDED)
    with pytest.raises(ValueError, match="as if"):
        fit([monitor, Interrupts()], tmp_path, logger=logger, max_steps=60)
    assert monitor.trajectories["val"].steps[-1] == 35
    drawn = [image.step for image in images(logger.log_dir, "infogeo/curves")]
    assert drawn[:-1] == [4, 9, 14, 19, 24, 34]
    assert drawn[-1] == images(logger.log_dir, "infogeo/distances")[-1].step == 35


class Numbers(pl.Callback):
    """Takes all that a progress bar shows for numbers, as progress bars of users' own do."""

    def __init__(self):
        self.read = set()

    def on_train_batch_end(self, trainer, *args):
        for value in trainer.progress_bar_metrics.values():
            assert f"{value:.3f}"
            self.read.add(float(value))


def test_who_takes_the_verdict_for_a_number_gets_whether_a_flag_stands(tmp_path):
    numbers, monitor = Numbers(), InfoGeometryMonitor()
    fit([monitor, numbers], tmp_path, train=mislabelled(), val=val_loader(400), max_steps=150, max_epochs=-1)
    assert [event for event in monitor.events if event.name == "overfitting"]
    assert {0.0, 1.0} <= numbers.read


def test_a_fast_run_and_a_logger_without_pictures_have_nothing_drawn(tmp_path, monkeypatch):
    def never(*args):
        raise AssertionError("nobody sees it")

    monkeypatch.setattr("lightning_infogeo.monitor.host.drawing.Drawing.pictures", never)
    for options in ({"fast_dev_run": 12}, {"logger": CSVLogger(tmp_path), "max_steps": 12}):
        monitor = InfoGeometryMonitor(embedding=UNBOUNDED, strict=True)
        fit(monitor, tmp_path, **options)
        assert monitor.trajectories["val"].steps[-1] >= 6


class OtherFigures(CSVLogger):
    def log_figure(self, figure, title):
        """Of another signature."""


def test_a_logger_that_takes_figures_in_another_way_keeps_its_curves(tmp_path):
    logger = OtherFigures(tmp_path)
    with pytest.warns(UserWarning, match="raised TypeError.*It gets no more figures"):
        fit(InfoGeometryMonitor(schedule=1, embedding=UNBOUNDED), tmp_path, logger=logger, max_steps=20)
    with open(f"{logger.log_dir}/metrics.csv") as file:
        assert len([row for row in csv.DictReader(file) if row["infogeo/val/length"]]) == 20
