"""Short trainings are recorded less often, on fewer samples, so that the monitor evaluates little."""

import re
from pathlib import Path

import pytest
import torch

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor, LogSpaced, Probe
from lightning_infogeo.monitor.arguments import Arguments
from lightning_infogeo.monitor.budget import Afforded, affordable, evaluations
from lightning_infogeo.probe import SourceSize
from lightning_infogeo.schedules import Clock, planned_records
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, fit, train_loader, val_loader
from tests.helpers.resuming import REMARKS_ON_RESUMING, saved

pytestmark = REMARKS_ON_RESUMING


class Counting(Classifier):
    """Counts the samples of its evaluations; those of its training steps are known."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.evaluated = 0

    def forward(self, x):
        if not self.training and not self.trainer.validating:
            self.evaluated += len(x)
        return super().forward(x)


def monitored(tmp_path, steps, batch=32, **options):
    monitor = InfoGeometryMonitor(**{"markers": (), "embedding": False, **options})
    trainer = fit(monitor, tmp_path, Counting, train_loader(1600, batch), val_loader(700), max_steps=steps)
    return monitor, trainer.lightning_module


def sizes(monitor):
    return {name: len(probe) for name, probe in monitor.followed.items()}


def said(capsys):
    return " ".join(capsys.readouterr().err.split())


def test_a_short_training_evaluates_no_more_than_a_quarter_of_what_it_trains(tmp_path, capsys, lines_are_written):
    monitor, model = monitored(tmp_path, 300)
    assert sizes(monitor) == {"train": 64, "val": 64}
    line = "300 steps are few: records 10 times a decade, on up to 64 samples of each probe, and so takes 18% of the"
    assert line in said(capsys)
    assert monitor.trajectories["val"].steps.tolist()[-6:] == [100, 126, 158, 200, 251, 300]
    assert not monitor.trajectories["val"].velocity[1:].isnan().any()
    once = 128  # at the start, to see what the model's outputs are
    assert model.evaluated - once == 128 * evaluations(LogSpaced(10), 1, Clock(0, final=300))
    assert model.evaluated - once <= 0.25 * 3 * 32 * 300


def test_a_training_of_few_steps_can_afford_a_few_evaluations(tmp_path):
    monitor, model = monitored(tmp_path, 4, probe_size=100)
    assert sizes(monitor) == {"train": 100, "val": 100}
    assert monitor.trajectories["val"].steps.tolist() == [0, 1, 2, 3, 4]
    assert 0.25 * 3 * 32 * 4 < model.evaluated - 200 <= 4096


def test_without_a_ceiling_it_records_as_long_trainings_do(tmp_path):
    monitor, model = monitored(tmp_path, 100, budget=None)
    assert sizes(monitor) == {"train": 512, "val": 512}
    assert model.evaluated > 3 * 32 * 100
    assert len(monitor.trajectories["val"].steps) > 30


@pytest.mark.parametrize("probe", ["train", "val"])
@pytest.mark.parametrize("lag", [0, 3])
def test_samples_of_a_short_training_are_among_those_of_a_longer_one(tmp_path, probe, lag):
    monitors = [monitored(tmp_path, steps, lag=lag) for steps in (30, 1000)]
    few, many = ({tuple(image.tolist()) for image in one.followed[probe].inputs} for one, _ in monitors)
    assert few < many
    for steps, (monitor, model) in zip((30, 1000), monitors, strict=True):
        per_decade, (size,) = 10, set(sizes(monitor).values())
        counted = evaluations(LogSpaced(per_decade), lag, Clock(0, final=steps))
        assert model.evaluated == 2 * size * (counted + 1)  # and once at the start


def test_what_the_user_has_chosen_stays(tmp_path):
    given = Probe(IMAGES[:100], LABELS[:100])
    monitor, _ = monitored(tmp_path, 20, probes=given)
    assert sizes(monitor) == {"probe": 100}
    monitor, _ = monitored(tmp_path, 20, schedule=5)
    assert sizes(monitor) == {"train": 512, "val": 512}
    assert monitor.trajectories["val"].steps.tolist() == [0, 5, 10, 15, 20]
    monitor, _ = monitored(tmp_path, 20, schedule=LogSpaced())
    assert monitor.trajectories["val"].schedule == repr(LogSpaced())


def test_a_resumed_training_goes_on_as_it_began_however_long_it_becomes(tmp_path):
    first = InfoGeometryMonitor()
    options = {"train": train_loader(1600, 32), "val": val_loader(700)}
    fit([first, saved(tmp_path, every_n_train_steps=40)], tmp_path, max_steps=40, enable_checkpointing=True, **options)
    second = InfoGeometryMonitor()
    fit(second, tmp_path, max_steps=90, ckpt_path=tmp_path / "step=40.ckpt", **options)
    assert sizes(second) == sizes(first) == {"train": 64, "val": 64}
    assert second.trajectories["val"].steps.tolist()[-4:] == [50, 63, 79, 90]
    assert second.trajectories["val"].schedule == repr(LogSpaced(10))


@pytest.fixture
def resumed(tmp_path):
    """Returns a short training of 128 samples that is gone on with by another monitor."""
    options = {"train": train_loader(1600, 32), "val": val_loader(700)}
    first = InfoGeometryMonitor(markers=(), probe_size=128)
    fit([first, saved(tmp_path, every_n_train_steps=40)], tmp_path, max_steps=40, enable_checkpointing=True, **options)
    assert sizes(first) == {"train": 64, "val": 64}

    def go_on(change=None, **arguments):
        path = tmp_path / "step=40.ckpt"
        if change is not None:
            checkpoint = torch.load(path)
            change(checkpoint["callbacks"][first.state_key]["budget"])
            torch.save(checkpoint, path)
        monitor = InfoGeometryMonitor(markers=(), **arguments)
        fit(monitor, tmp_path, max_steps=90, ckpt_path=path, **options)
        return monitor

    return go_on


@pytest.mark.parametrize("budget", [None, 10.0])
def test_another_ceiling_makes_no_difference_to_a_training_under_way(resumed, budget):
    second = resumed(probe_size=128, budget=budget)
    assert sizes(second) == {"train": 64, "val": 64}
    assert second.trajectories["val"].steps.tolist()[-4:] == [50, 63, 79, 90]


@pytest.mark.parametrize("size", [64, 256])
def test_another_size_of_probes_is_refused_even_that_which_was_chosen(resumed, size):
    with pytest.raises(ConfigurationError, match=rf"\(probe_size={size}\).*begun with probe_size=128; resume with"):
        resumed(probe_size=size)


def test_given_samples_are_refused_for_what_they_are(resumed):
    with pytest.raises(ConfigurationError, match="probe 'probe' is not the one in the checkpoint"):
        resumed(probes=Probe(IMAGES[:64], LABELS[:64]))


def test_another_schedule_is_followed_with_the_samples_there_are(resumed):
    with pytest.warns(UserWarning, match="length depends on the schedule"):
        second = resumed(probe_size=128, schedule=20)
    assert sizes(second) == {"train": 64, "val": 64}
    assert second.trajectories["val"].steps.tolist()[-4:] == [40, 60, 80, 90]


@pytest.mark.parametrize("value", [0, -1, "10", True, 2.5])
def test_a_damaged_choice_is_named(resumed, value):
    with pytest.raises(ConfigurationError, match="the state in the checkpoint is damaged"):
        resumed(lambda kept: kept.update(per_decade=value), probe_size=128)


@pytest.mark.parametrize(
    ("arguments", "options"), [({"budget": None}, {}), ({"schedule": 2}, {}), ({}, {"fast_dev_run": 2})]
)
def test_nothing_is_said_where_nothing_is_to_be_chosen(tmp_path, arguments, options, capsys, lines_are_written):
    monitor = InfoGeometryMonitor(**{"markers": (), **arguments})
    fit(monitor, tmp_path, **{"max_steps": 4, **options})
    written = said(capsys)
    assert "follows" in written
    assert "budget" not in written
    if options:
        assert sizes(monitor) == {"train": 16, "val": 32}  # a batch of each


def test_given_samples_stay_and_the_line_does_not_speak_of_them(tmp_path, capsys, lines_are_written):
    given = Probe(IMAGES[:400], LABELS[:400])
    monitor, _ = monitored(tmp_path, 30, probes=given)
    assert sizes(monitor) == {"probe": 400}
    assert re.search(r"30 steps are few: records \d+ times a decade and so takes \d+% of", said(capsys))
    monitor, _ = monitored(tmp_path, 40, probes={"given": given, "drawn": val_loader(700)})
    assert sizes(monitor) == {"given": 400, "drawn": 32}
    assert "on up to 32 samples of each probe that it draws, and so" in said(capsys)


def test_a_checkpoint_from_before_there_was_a_ceiling_goes_on_without_one(tmp_path):
    first = InfoGeometryMonitor(budget=None, probe_size=40)
    fit([first, saved(tmp_path, every_n_train_steps=8)], tmp_path, enable_checkpointing=True)
    path = tmp_path / "step=8.ckpt"
    checkpoint = torch.load(path)
    del checkpoint["callbacks"][first.state_key]["budget"]
    torch.save(checkpoint, path)
    second = InfoGeometryMonitor(probe_size=40)
    fit(second, tmp_path, max_steps=20, ckpt_path=path)
    assert sizes(second) == sizes(first) == {"train": 40, "val": 40}
    assert second.trajectories["val"].schedule == repr(LogSpaced())


ARGUMENTS = Arguments.of(InfoGeometryMonitor())
TWO = [SourceSize(None), SourceSize(None)]


@pytest.mark.parametrize(("steps", "batch"), [(3_000, 64), (7_000, 32), (100_000, 8)])
def test_long_trainings_are_recorded_in_full(steps, batch):
    assert affordable(0.25 * 3 * steps * batch, ARGUMENTS, TWO, Clock(0, final=steps)) == Afforded(24, 512, asked=512)


def test_the_table_of_the_docs_says_what_there_is():
    text = (Path(__file__).parents[2] / "docs" / "cost.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d,]+) \| (\d+) \| (\d+) \| (\d+) % \| (\d+) % \|$", text, re.MULTILINE)
    assert len(rows) == 5
    for row in rows:
        steps, *rest = (int(cell.replace(",", "")) for cell in row)
        clock, trained = Clock(0, final=steps), 3 * steps * 64
        chosen = affordable(0.25 * trained, ARGUMENTS, TWO, clock)
        both = chosen, Afforded(24, 512, asked=512)
        shares = [round(100 * one.forwards(1, TWO, clock) / trained) for one in both]
        assert rest == [planned_records(LogSpaced(chosen.per_decade), clock), chosen.probe_size, *shares]


def test_the_schedule_is_thinned_before_probes_are_halved():
    found = [affordable(0.25 * 3 * steps * 64, ARGUMENTS, TWO, Clock(0, final=steps)) for steps in range(10, 4000, 10)]
    assert all(one.probe_size == 512 or one.per_decade == 10 for one in found)
    assert {one.probe_size for one in found} == {32, 64, 128, 256, 512}
    assert {one.per_decade for one in found} >= {10, 15, 20, 24}


def test_small_data_sets_and_given_probes_count_as_what_they_are():
    clock, allowed = Clock(0, final=1000), 0.25 * 3 * 1000 * 32
    assert affordable(allowed, ARGUMENTS, [SourceSize(150), SourceSize(50)], clock) == Afforded(24, 512, asked=512)
    assert affordable(allowed, ARGUMENTS, [SourceSize(10_000, given=True)], clock) == Afforded(10, 512, asked=512)
    one_drawn = [SourceSize(10_000, given=True), SourceSize(None)]
    assert affordable(allowed, ARGUMENTS, one_drawn, clock) == Afforded(10, 32, asked=512)


@pytest.mark.parametrize("budget", [0, -1, "much", True, float("inf"), float("nan")])
def test_an_impossible_ceiling_is_refused(budget):
    with pytest.raises(ConfigurationError, match=r"InfoGeometryMonitor\(budget=.*None or a positive number"):
        InfoGeometryMonitor(budget=budget)


@pytest.mark.parametrize("sanity", [0, 1])
def test_held_out_sets_count_whether_or_not_lightning_has_them_already(tmp_path, sanity):
    class Several(Classifier):
        def val_dataloader(self):
            return [val_loader(90, start) for start in (900, 1000, 1100)]

    monitor = InfoGeometryMonitor(markers=())
    train = train_loader(1600, 32)
    fit(monitor, tmp_path, Several, train=train, val=False, max_steps=300, num_sanity_val_steps=sanity)
    of_all, of_two = (
        affordable(0.25 * 3 * 300 * 32, ARGUMENTS, [SourceSize(1600)] + [SourceSize(90)] * n, Clock(0, final=300))
        for n in (3, 1)
    )
    assert (of_all.probe_size, of_two.probe_size) == (32, 64)
    assert sizes(monitor) == {"train": 32, "val": 32, "val_1": 32, "val_2": 32}
