"""Aim: the calls that are made; ``benchmarks/loggers.py`` makes them for real."""

import sys
from types import SimpleNamespace

import pytest

from lightning_infogeo.loggers.adapters import LoggerAdapter, adapter_of
from tests.helpers.loggers import FLAG, LENGTHS, OTHER_FLAG, STATES, STEPS, WITHDRAWAL, Calls, Minimal, write_everything


class AimLogger(Minimal):
    """Of the name and methods of Aim's."""

    def __init__(self):
        super().__init__()
        self.experiment = Calls("track", "set", "log_warning")


@pytest.fixture
def logger(monkeypatch):
    words = SimpleNamespace(Text=lambda text: ("text", text), Image=lambda image, format: (format, image.size))
    monkeypatch.setitem(sys.modules, "aim", words)
    monkeypatch.setitem(sys.modules, "aim.sdk.adapters.pytorch_lightning", SimpleNamespace(AimLogger=AimLogger))
    return AimLogger()


def test_curves_pictures_and_events_are_at_their_steps(logger):
    write_everything(logger)
    assert [(step, metrics["infogeo/val/length"]) for step, metrics in logger.calls] == LENGTHS
    tracked = [(*value, options["name"], options["step"]) for (value,), options in logger.experiment.of("track")]
    assert [each for each in tracked if each[0] == "png"] == [("png", (100, 50), "infogeo/embedding", x) for x in STEPS]
    texts = [each for each in tracked if each[0] == "text"]
    assert [each[2:] for each in texts] == [("infogeo/events", x) for x in STEPS]
    assert f"- **{WITHDRAWAL.headline}**" in texts[-1][1]


def test_each_flag_and_each_withdrawal_warns_once(logger):
    write_everything(logger)
    warned = [text for (text,), _ in logger.experiment.of("log_warning")]
    assert warned == [f"{each.headline}: {each.message}" for each in (FLAG, OTHER_FLAG, WITHDRAWAL)]
    assert [args for args, _ in logger.experiment.of("set")] == [("infogeo_overfitting_flag", s) for s in STATES]


def test_it_is_known_only_once_somebody_has_imported_it(logger, monkeypatch):
    assert type(adapter_of(logger)) is not LoggerAdapter
    monkeypatch.delitem(sys.modules, "aim.sdk.adapters.pytorch_lightning")
    assert type(adapter_of(logger)) is LoggerAdapter
