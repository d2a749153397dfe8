"""A figure, and a logger, of one's own, as CONTRIBUTING.md says it."""

from lightning.pytorch.loggers import Logger
from matplotlib.figure import Figure

from lightning_infogeo import EmbeddingSettings, InfoGeometryMonitor
from lightning_infogeo.loggers import LoggerWriter
from tests.helpers.classifiers import fit
from tests.helpers.loggers import Minimal


class Notebook(Logger):
    """A logger of Lightning's interface that takes figures."""

    name, version = "notebook", 0

    def __init__(self):
        super().__init__()
        self.scalars, self.figures = {}, {}

    def log_metrics(self, metrics, step=None):
        for key, value in metrics.items():
            self.scalars.setdefault(key, []).append((step, value))

    def log_hyperparams(self, *args, **kwargs):
        pass

    def log_figure(self, key, figure, step):
        self.figures[key, step] = figure


class Lines:
    """What no logger here has: a method of its own for texts and figures."""

    def __init__(self):
        self.written = []

    def write(self, *line):
        self.written.append(line)


def speeds(trajectories):
    """Returns the velocity of each probe against its distance to truth."""
    figure = Figure()
    axes = figure.subplots()
    for name, trajectory in trajectories.items():
        axes.loglog(trajectory.distance_to_truth, trajectory.velocity, label=name)
    return figure


def test_a_logger_gets_every_record_and_the_pictures(tmp_path):
    logger, monitor = Notebook(), InfoGeometryMonitor(schedule=3, embedding=EmbeddingSettings(share=1.0), strict=True)
    fit(monitor, tmp_path, logger=logger, max_steps=12)
    lengths = [value for _, value in logger.scalars["infogeo/val/length"]]
    assert lengths == monitor.trajectories["val"].length[1:].tolist()
    assert [step for step, _ in logger.scalars["infogeo/val/length"]] == [2, 5, 8, 11]
    assert {key for key, _ in logger.figures} == {"infogeo/curves", "infogeo/embedding", "infogeo/distances"}
    assert all(isinstance(figure, Figure) for figure in logger.figures.values())


def test_a_figure_shows_what_was_recorded_and_reaches_the_loggers_that_take_one(tmp_path):
    takes, takes_not = Notebook(), Minimal()
    monitor = InfoGeometryMonitor(schedule=3, strict=True)
    trainer = fit(monitor, tmp_path, logger=[takes, takes_not], max_steps=12)
    figure = speeds(monitor.trajectories)
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    for name, trajectory in monitor.trajectories.items():
        assert lines[name].get_xdata().tolist() == trajectory.distance_to_truth.tolist()
    LoggerWriter("infogeo", strict=True).write_figure(trainer, "speeds", figure, 11)
    assert takes.figures["infogeo/speeds", 11] is figure


def test_an_adapter_is_all_that_another_kind_of_logger_needs(tmp_path, monkeypatch):
    from lightning_infogeo.loggers import adapters

    class LinesAdapter(adapters.LoggerAdapter):
        takes = frozenset({"text", "figures"})

        @staticmethod
        def fits(logger):
            return isinstance(logger, WithLines)

        def write_scalars(self, scalars, x):
            self.logger.lines.write("scalars", x, len(scalars))

        def write_text(self, key, markdown, x):
            self.logger.lines.write("text", x, key)

        def write_figure(self, key, figure, x):
            self.logger.lines.write("figure", x, key)

    class WithLines(Minimal):
        def __init__(self):
            super().__init__()
            self.lines = Lines()

    monkeypatch.setattr(adapters, "ADAPTERS", (LinesAdapter, *adapters.ADAPTERS))
    logger = WithLines()
    fit(InfoGeometryMonitor(schedule=6, embedding=EmbeddingSettings(share=1.0), strict=True), tmp_path, logger=logger)
    written = logger.lines.written
    assert [x for kind, x, _ in written if kind == "scalars"] == [5, 11]
    assert {key for kind, _, key in written if kind == "figure"} == {
        "infogeo/curves",
        "infogeo/embedding",
        "infogeo/distances",
    }
    LoggerWriter("infogeo", strict=True).write_text(fit([], tmp_path, logger=logger, max_steps=1), "notes", "*", 0)
    assert written[-1] == ("text", 0, "infogeo/notes")
