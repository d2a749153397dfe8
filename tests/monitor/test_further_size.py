"""How many further samples "auto" takes: 1 % of what training's own forwards cost, in whole trainings too."""

from types import SimpleNamespace

import pytest

from lightning_infogeo import AtSteps, EveryNSteps, InfoGeometryMonitor, Schedule
from lightning_infogeo.monitor.arguments import Arguments
from lightning_infogeo.monitor.further_size import FORWARDS, LEAST, MOST, SHARE, further_size
from lightning_infogeo.schedules import Clock, LogSpaced
from tests.helpers.classifiers import fit, train_loader, val_loader
from tests.helpers.markers import At, OfSamples


class Unforeseen(Schedule):
    def next_step(self, after, clock):
        raise RuntimeError("asked too early")


def size(final, batch=32, every=1, saved=None, **options):
    monitor = InfoGeometryMonitor(**{"schedule": 100, "markers": [OfSamples()], **options})
    trainer = SimpleNamespace(train_dataloader=train_loader(96, batch), accumulate_grad_batches=every)
    return further_size(Arguments.of(monitor), trainer, saved or {}, Clock(0, final=final))


@pytest.mark.parametrize("final", [1000, 20_000, 200_000])
@pytest.mark.parametrize("batch", [4, 32, 96])
@pytest.mark.parametrize(
    ("schedule", "records"),
    [
        (100, lambda final: final // 100 + 1),
        (1, lambda final: final + 1),
        (7, lambda final: final // 7 + 2),
        ("log", lambda final: sum(1 for _ in steps(LogSpaced(), final)) + 1),
    ],
)
def test_it_is_at_most_one_part_in_a_hundred_of_the_trainings_forwards(schedule, records, batch, final):
    most = size(final, batch, schedule=schedule).together
    trained = 3 * final * batch
    assert most * records(final) <= 0.01 * trained
    assert (most + 1) * (records(final) + 2) > 0.01 * trained


def steps(schedule, final):
    step = 0
    while step < final:
        step = schedule.next_step(step, Clock(step))
        yield step


def test_accumulated_batches_count():
    assert size(1000, every=4).together == pytest.approx(4 * size(1000).together, abs=4)


def test_it_is_bounded():
    assert size(10**6) == (MOST, int(SHARE * FORWARDS * 32 * 10**6 / (10**4 + 1)), LEAST, None)
    assert size(10**6, schedule=1).together == 0
    assert size(10**6, schedule="log").beside("val", 512) == MOST - 512
    assert size(200, schedule=10).beside("val", 512) == 0
    assert size(1000, schedule=Unforeseen()).together == 0
    assert size(10**4, schedule=AtSteps([5, 10])).together == 9600 // 512


@pytest.mark.parametrize(
    "options", [{"final": None}, {"final": 10**4, "markers": [At(4)]}, {"final": 10**4, "markers": ()}]
)
def test_nothing_where_the_end_is_not_known_or_nobody_sees_them(options):
    assert size(**options) is None


def test_a_number_is_taken_at_its_word():
    assert size(None, flag_size=2000).beside("val", 512) == 1488
    assert size(10, flag_size=520).beside("val", 512) == 8
    assert size(10, flag_size=512).beside("val", 512) == 0


def test_what_a_checkpoint_says_holds():
    saved = {"further": {"val": {"asked": 70, "samples": 70, "fingerprint": ""}}}
    for options in ({"final": 10**9}, {"final": None}, {"final": 10, "flag_size": 5000}):
        assert size(saved=saved, **options).beside("val", 512) == 70
        assert size(saved=saved, **options).beside("other", 512) == 0
        assert size(saved={"probes": {}}, **options).beside("val", 512) == 0


@pytest.mark.parametrize("asked", [0, -5, True, "70", 0.5, None])
def test_a_damaged_number_is_refused(asked):
    with pytest.raises(ValueError, match="no numbers of samples"):
        size(10, saved={"further": {"val": {"asked": asked}}})


@pytest.mark.parametrize(("max_steps", "further"), [(400, 200), (99, 0), (12, 0)])
def test_auto_in_a_training(max_steps, further, tmp_path):
    """Of 400 steps of 64 samples, with 3 records: 768 ÷ 3 = 256, and 200 there are."""
    monitor = InfoGeometryMonitor(schedule=EveryNSteps(400), probe_size=300, markers=[OfSamples()])
    train, val = train_loader(256, 64), val_loader(500)
    fit(monitor, tmp_path, train=train, val=val, max_steps=max_steps, max_epochs=-1)
    assert monitor.verdicts["val"].samples == 300 + further
