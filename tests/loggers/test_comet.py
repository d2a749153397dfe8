"""Comet: the calls that are made; ``benchmarks/loggers.py`` makes them for real."""

from lightning.pytorch.loggers import CometLogger
from PIL.Image import Image

from tests.helpers.loggers import FLAG, LENGTHS, OTHER_FLAG, STATES, STEPS, WITHDRAWAL, Calls, write_everything


class Offline(CometLogger):
    """Lightning's logger, on an experiment that keeps calls."""

    def __init__(self):
        self.calls = Calls("log_image", "log_text", "log_other", "send_notification")
        self.scalars = []

    experiment = property(lambda self: self.calls)

    def log_metrics(self, metrics, step=None):
        self.scalars.append((step, metrics["infogeo/val/length"]))


def test_curves_pictures_and_events_are_at_their_steps():
    logger = Offline()
    write_everything(logger)
    assert logger.scalars == LENGTHS
    images = logger.calls.of("log_image")
    assert [options for _, options in images] == [{"name": "infogeo/embedding", "step": x} for x in STEPS]
    assert all(isinstance(image, Image) and image.size == (100, 50) for (image,), _ in images)
    texts = logger.calls.of("log_text")
    assert [options["step"] for _, options in texts] == STEPS
    assert f"- **{WITHDRAWAL.headline}**" in texts[-1][0][0]


def test_each_flag_and_each_withdrawal_notifies_once():
    logger = Offline()
    write_everything(logger)
    told = [args[0] for args, _ in logger.calls.of("send_notification")]
    assert told == [each.headline for each in (FLAG, OTHER_FLAG, WITHDRAWAL)]
    assert [args for args, _ in logger.calls.of("log_other")] == [("infogeo/overfitting_flag", s) for s in STATES]
