"""MLflow: the calls that are made; ``benchmarks/loggers.py`` makes them for real."""

from lightning.pytorch.loggers import MLFlowLogger

from lightning_infogeo.loggers.adapters import adapter_of
from tests.helpers.loggers import FLAG, LENGTHS, STATES, STEPS, Calls, write_everything


class Client(Calls):
    """With the arguments of MLflow's own."""

    def __init__(self):
        super().__init__("log_text", "set_tag")

    def log_image(self, run_id, image, artifact_file=None, key=None, step=None):
        self.made.append(("log_image", (run_id, image), {"key": key, "step": step}))


class EarlyClient(Calls):
    """As of a time when images had no steps."""

    def __init__(self):
        super().__init__("log_text", "set_tag")

    def log_image(self, run_id, image, artifact_file):
        self.made.append(("log_image", (run_id, image, artifact_file), {}))


class FileStore(MLFlowLogger):
    """Lightning's logger, on a client that keeps calls."""

    run_id = "r1"

    def __init__(self, client=Client):
        self.client, self.scalars = client(), []

    experiment = property(lambda self: self.client)

    def log_metrics(self, metrics, step=None):
        self.scalars += [(step, value) for value in metrics.values()]


def test_curves_and_pictures_are_at_their_steps():
    logger = FileStore()
    write_everything(logger)
    assert logger.scalars == LENGTHS
    assert [(run, options) for (run, _), options in logger.client.of("log_image")] == [
        ("r1", {"key": "infogeo/embedding", "step": x}) for x in STEPS
    ]
    assert all(image.shape == (50, 100, 4) for (_, image), _ in logger.client.of("log_image"))


def test_events_are_one_artifact_rewritten():
    logger = FileStore()
    write_everything(logger)
    texts = [args for args, _ in logger.client.of("log_text")]
    assert {(run, path) for run, _, path in texts} == {("r1", "infogeo/events.md")}
    assert [text.count("\n") + 1 for _, text, _ in texts] == [1, 2, 3, 4]


def test_the_tag_says_which_flags_stand():
    logger = FileStore()
    write_everything(logger)
    assert [args for args, _ in logger.client.of("set_tag")] == [("r1", "infogeo.overfitting", s) for s in STATES]


def test_once_no_flag_stands_the_tag_says_that_it_was_withdrawn():
    logger = FileStore()
    event = FLAG._replace(name="recovered")
    adapter_of(logger).write_alert("infogeo/overfitting", event, event.headline)
    (((_, _, words), _),) = logger.client.of("set_tag")
    assert words == "recovered on val since step 683, known at 909"


def test_names_that_mlflow_refuses_lose_what_it_refuses():
    logger = FileStore()
    write_everything(logger, prefix="geo: [a]")
    assert {options["key"] for _, options in logger.client.of("log_image")} == {"geo a/embedding"}
    assert {path for (_, _, path), _ in logger.client.of("log_text")} == {"geo a/events.md"}
    assert {tag for (_, tag, _), _ in logger.client.of("set_tag")} == {"geo a.overfitting"}


def test_where_images_have_no_steps_each_is_a_file_of_its_own():
    logger = FileStore(EarlyClient)
    write_everything(logger)
    assert [path for (_, _, path), _ in logger.client.of("log_image")] == [f"infogeo/embedding/{x}.png" for x in STEPS]
