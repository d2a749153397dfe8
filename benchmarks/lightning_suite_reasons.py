"""Why a test of Lightning's may end otherwise with the monitor in every Trainer: part of ``lightning_suite.py``."""

from typing import NamedTuple


class Reason(NamedTuple):
    """A line of the table.

    Attributes:
        test: pattern of the tests' ids.
        difference: regular expression, found in what is different, so that a test that fails otherwise is not excused.
        why: the reason it is by design.
    """

    test: str
    difference: str
    why: str


REFUSED = r"^fails: (?s:.*)ConfigurationError: (?s:.*)"
ANY = "*"

REASONS = [
    Reason(
        ANY,
        REFUSED + r"(is not the one in the checkpoint|checkpoint is of another)",
        "It resumes a checkpoint with other data, random numbers of a new module: refused, since the trajectory of one "
        "training cannot go on in another.",
    ),
    Reason(
        ANY,
        REFUSED + r"training reads ([2-9]|\d\d+) loaders at once",
        "Training reads several loaders at once, so it cannot be told what the model is called with: refused.",
    ),
    Reason(
        ANY,
        REFUSED + r"(cannot tell inputs from labels|must be integer class indices|must return floating logits)",
        "The model is no classifier, or its batches are of a kind of the test's own: refused.",
    ),
    Reason(
        ANY,
        REFUSED + r"is probabilities",
        "The model returns probabilities, not logits: refused.",
    ),
    Reason(
        ANY,
        REFUSED + r"calling `\w+` raised",
        "The model has no `forward`, or one that is not called with what a batch holds, or that fails on purpose: "
        "refused.",
    ),
    Reason(
        ANY,
        REFUSED + r"(can be read only once|cannot pickle 'generator')",
        "The data are a generator, which can be read only once: refused.",
    ),
    Reason(
        ANY,
        r"^fails: (?s:.*)more than one stateful callback of type `InfoGeometryMonitor`",
        "It gives one list of callbacks to two Trainers, and Lightning adds a monitor to it each time.",
    ),
    Reason(
        ANY,
        r"^fails: (?s:.*)assert(?s:.*)infogeo/",
        "It compares all names that were logged with a list of its own; the monitor logs curves.",
    ),
    Reason(
        ANY,
        r"^fails: (?s:.*)assert(?s:.*)InfoGeometryMonitor object at",
        "It compares the Trainer's callbacks with a list of its own.",
    ),
    Reason(
        "*test_skip_training_step_not_allowed*",
        REFUSED + r"`SingleDeviceStrategy` is not supported",
        "It says by a mock that there are two devices, under a strategy of one: refused, as every such strategy.",
    ),
    Reason(
        "*test_tqdm_progress_bar_disabled_when_not_rank_zero*",
        r"^fails: TypeError: cannot unpack",
        "It says by a mock that this process is not the first, and there is no first one to decide.",
    ),
    Reason(
        "*test_log_metrics_epoch_step_values*",
        r"^fails: AssertionError: Calls not found(?s:.*)infogeo/",
        "It compares all calls of a logger with a list of its own; the monitor logs curves.",
    ),
    Reason(
        "*test_on_epoch_logging_with_sum_and_on_batch_start*",
        r"^fails: assert False(?s:.*)on_validation_epoch_end",
        "It asks that all that was logged has one value; the monitor logs curves.",
    ),
    Reason(
        "*test_time_and_epoch_gated_val_check*",
        r"^fails: (?s:.*)Expected validation at batches",
        "It takes every call of `time.monotonic` for a second, and the monitor calls it, too.",
    ),
    Reason(
        "*test_resume_mid_epoch_warning*",
        r"^fails: (?s:.*)DID NOT WARN",
        "It resumes with another validation set, random numbers of a new module: refused before Lightning can warn.",
    ),
    Reason(
        "*test_training_step_none_batches*",
        r"^fails: (?s:.*)(DID NOT WARN|does not follow 'train')",
        "All batches are None: refused before Lightning can warn.",
    ),
]
