"""Loggers that keep what they get, and what event files hold."""

from lightning.pytorch.loggers import Logger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def scalars(directory):
    events = EventAccumulator(str(directory), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


class Minimal(Logger):
    """Only what the base class demands."""

    def __init__(self):
        super().__init__()
        self.calls = []

    name, version = "minimal", 0

    def log_metrics(self, metrics, step=None):
        self.calls.append((step, metrics))

    def log_hyperparams(self, *args, **kwargs):
        pass


def records(logger, separator="/"):
    marked = [(x, m) for x, m in logger.calls if any(key.startswith(f"infogeo{separator}") for key in m)]
    return [x for x, _ in marked], [set(m) for _, m in marked]
