"""DVCLive: the calls that are made; ``benchmarks/loggers.py`` makes them for real."""

import sys
from types import SimpleNamespace

import pytest

from tests.helpers.loggers import FLAG, KNEE, LENGTHS, OTHER_FLAG, STATES, STEPS, WITHDRAWAL, Calls, Minimal
from tests.helpers.loggers import write_everything as write


class DVCLiveLogger(Minimal):
    """Of the name of DVCLive's, with its way of counting: a step of 0 is the one after the last."""

    def __init__(self):
        super().__init__()
        self.experiment = Calls("log_metric", "log_image")
        self.experiment.step = 0

    def log_metrics(self, metrics, step=None):
        self.experiment.step = step if step else self.experiment.step + 1
        super().log_metrics(metrics, self.experiment.step)


@pytest.fixture
def logger(monkeypatch):
    monkeypatch.setitem(sys.modules, "dvclive.lightning", SimpleNamespace(DVCLiveLogger=DVCLiveLogger))
    return DVCLiveLogger()


def test_curves_and_pictures_are_at_their_steps_the_first_too(logger):
    write(logger)
    assert [(step, metrics["infogeo/val/length"]) for step, metrics in logger.calls] == LENGTHS
    names = [(name, image.shape) for (name, image), _ in logger.experiment.of("log_image")]
    assert names == [(f"infogeo/embedding/{x}.png", (50, 100, 4)) for x in STEPS]


def test_events_and_the_flag_are_words_among_the_metrics(logger):
    write(logger)
    calls = logger.experiment.of("log_metric")
    assert all(options == {"plot": False} for _, options in calls)
    words = {}
    for (key, text), _ in calls:
        words.setdefault(key, []).append(text)
    assert words["infogeo/events"][-1] == "; ".join(e.headline for e in (KNEE, FLAG, OTHER_FLAG, WITHDRAWAL))
    assert words["infogeo/overfitting_flag"] == STATES
