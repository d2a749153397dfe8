"""What goes to which logger, and what one that raises loses."""

from types import SimpleNamespace

import pytest

from lightning_infogeo.loggers import LoggerWriter, adapters
from tests.helpers.loggers import FLAG, KNEE, WITHDRAWAL, Minimal


class Alerted(adapters.LoggerAdapter):
    """Keeps alerts, or raises at them."""

    takes = frozenset({"alerts"})

    def write_alert(self, key, event, state):
        if self.logger.broken:
            raise ConnectionError("no route")
        self.logger.alerts.append((key, event, state))


def trainer_of(*broken, zero=True):
    loggers = [Minimal() for _ in broken]
    for logger, each in zip(loggers, broken, strict=True):
        logger.broken, logger.alerts = each, []
    return SimpleNamespace(loggers=loggers, is_global_zero=zero)


@pytest.fixture(autouse=True)
def _alerted(monkeypatch):
    monkeypatch.setattr(adapters, "ADAPTERS", (Alerted,))


def test_only_flags_and_withdrawals_alert_and_each_once():
    trainer, writer = trainer_of(False), LoggerWriter("infogeo", strict=True)
    writer.write_events(trainer, [KNEE], [KNEE], 1)
    writer.write_events(trainer, [KNEE, FLAG], [FLAG], 2)
    writer.write_events(trainer, [KNEE, FLAG], [], 3)
    writer.write_events(trainer, [KNEE, FLAG, WITHDRAWAL], [WITHDRAWAL], 4)
    key = "infogeo/overfitting"
    expected = [(key, FLAG, FLAG.headline), (key, WITHDRAWAL, WITHDRAWAL.headline)]
    assert trainer.loggers[0].alerts == expected


def test_a_logger_that_raises_at_an_alert_loses_only_itself():
    trainer, writer = trainer_of(True, False), LoggerWriter("infogeo", strict=False)
    with pytest.warns(UserWarning, match="`Minimal` raised ConnectionError: no route"):
        writer.write_events(trainer, [FLAG], [FLAG], 2)
    writer.write_events(trainer, [FLAG, WITHDRAWAL], [WITHDRAWAL], 3)
    assert [len(logger.alerts) for logger in trainer.loggers] == [0, 2]


def test_other_processes_and_records_without_an_x_write_nothing():
    other, first = trainer_of(False, zero=False), trainer_of(False)
    writer = LoggerWriter("infogeo", strict=True)
    writer.write_events(other, [FLAG], [FLAG], 2)
    writer.write_events(first, [FLAG], [FLAG], None)
    assert other.loggers[0].alerts == first.loggers[0].alerts == []
