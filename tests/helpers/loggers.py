"""Loggers that keep what they get, and what event files hold."""

from types import SimpleNamespace

from lightning.pytorch.loggers import Logger
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lightning_infogeo import Event
from lightning_infogeo.loggers import LoggerWriter

FLAG = Event("overfitting", "val", 683, 909, 0.18, "it turns")
OTHER_FLAG = Event("overfitting", "val_1", 700, 950, 0.18, "so does this")
WITHDRAWAL = Event("recovered", "val", 1400, 1500, 0.1, "it is closer")
KNEE = Event("knee", "val", 20, 60, 0.4, "it bends")


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


class Calls:
    """Keeps the calls of every method asked for, as a logger's own object stands in for one that is not installed."""

    def __init__(self, *methods):
        self.made = []
        for method in methods:
            setattr(self, method, self._keeping(method))

    def _keeping(self, method):
        return lambda *args, **options: self.made.append((method, args, options))

    def of(self, method):
        return [(args, options) for name, args, options in self.made if name == method]


def write_everything(logger, prefix="infogeo"):
    """Writes two records, a picture at each, and events of three kinds, as a monitor does."""
    connector = SimpleNamespace(_callback_metrics={})
    trainer = SimpleNamespace(loggers=[logger], is_global_zero=True, _logger_connector=connector)
    writer, events = LoggerWriter(prefix, strict=True), []
    for x, new in ((0, [KNEE]), (908, [FLAG]), (949, [OTHER_FLAG]), (1499, [WITHDRAWAL])):
        events += new
        writer.write_scalars(trainer, x, {("val", "length"): x / 4})
        writer.write_events(trainer, events, new, x)
        writer.write_figure(trainer, "embedding", Figure((2, 1), dpi=50), x)
    writer.write_events(trainer, events, [], 1500)


STEPS = [0, 908, 949, 1499]
LENGTHS = [(x, x / 4) for x in STEPS]
STATES = [FLAG.headline, f"{FLAG.headline}; {OTHER_FLAG.headline}", OTHER_FLAG.headline]
"""Of the flag, after each event that changes it."""
