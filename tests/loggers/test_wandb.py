"""Weights & Biases: the calls that are made; ``benchmarks/loggers.py`` makes them for real."""

from lightning.pytorch.loggers import WandbLogger

from lightning_infogeo.loggers.adapters import adapter_of
from tests.helpers.loggers import FLAG, KNEE, LENGTHS, OTHER_FLAG, STATES, STEPS, WITHDRAWAL, Calls, write_everything


class Offline(WandbLogger):
    """Lightning's logger as it is, on a run that keeps calls."""

    def __init__(self):
        self.run, self.images, self.tables = Calls("log", "alert"), [], []
        self.run.summary = {}
        self._prefix, self._wandb_init = "", {}

    experiment = property(lambda self: self.run)

    def log_image(self, key, images, step=None, **kwargs):
        self.images.append((key, step, *images))

    def log_text(self, key, columns=None, data=None, dataframe=None, step=None):
        self.tables.append((key, step, columns, data))


def test_rows_carry_the_step_of_lightnings_axis(recwarn):
    logger = Offline()
    write_everything(logger)
    rows = [row for (row,), _ in logger.run.of("log")]
    assert [(row["trainer/global_step"], row["infogeo/val/length"]) for row in rows] == LENGTHS
    assert not recwarn.list


def test_pictures_are_images_of_one_key():
    logger = Offline()
    write_everything(logger)
    assert [(key, step, image.shape) for key, step, image in logger.images] == [
        ("infogeo/embedding", x, (50, 100, 4)) for x in STEPS
    ]


def test_events_are_rows_of_one_table():
    logger = Offline()
    write_everything(logger)
    key, step, columns, rows = logger.tables[-1]
    assert (key, step, columns) == ("infogeo/events", STEPS[-1], ["event", "what it means"])
    assert rows == [[event.headline, event.message] for event in (KNEE, FLAG, OTHER_FLAG, WITHDRAWAL)]
    assert len(logger.tables) == 4


def test_each_flag_and_each_withdrawal_alerts_once():
    logger = Offline()
    write_everything(logger)
    alerts = [options for _, options in logger.run.of("alert")]
    assert [alert["title"] for alert in alerts] == [each.headline for each in (FLAG, OTHER_FLAG, WITHDRAWAL)]
    assert {alert["level"] for alert in alerts} == {"WARN"}
    assert alerts[0]["text"] == "overfitting on val since step 683, known at 909: it turns"
    assert logger.run.summary == {"infogeo/overfitting_flag": STATES[-1]}


def test_a_title_is_as_short_as_wandb_demands_and_the_text_whole():
    logger, event = Offline(), FLAG._replace(probe="a" * 80)
    adapter_of(logger).write_alert("infogeo/overfitting", event, event.headline)
    ((_, alert),) = logger.run.of("alert")
    assert len(alert["title"]) < 64
    assert event.headline in alert["text"]
