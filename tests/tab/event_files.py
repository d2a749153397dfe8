"""Writes log directories as the tab reads them, with TensorBoard's protos alone."""

import json
import time
from dataclasses import dataclass, field

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto

CLASSES = 10
SAMPLES = 32


@dataclass(frozen=True)
class WrittenProbe:
    """What is said of a probe; ``extra`` replaces or adds to its metadata."""

    name: str = "val"
    fingerprint: str = "9f"
    samples: int = SAMPLES
    classes: int = CLASSES
    labels: tuple | None = ()
    trained: bool = False
    floor: float = 1e-12
    quantities: tuple = ("optimizer_step", "distance_to_truth", "progress")
    extra: dict = field(default_factory=dict)

    @property
    def truth(self):
        """Labels, shape (N,); by default the classes in turn."""
        if self.labels is None:
            return None
        return np.array(self.labels or [n % self.classes for n in range(self.samples)])

    def metadata(self, kind, monitor, run):
        """Returns what its tags say, as bytes."""
        labels = self.truth
        content = {
            "format": 1,
            "kind": kind,
            "monitor": monitor,
            "probe": self.name,
            "fingerprint": self.fingerprint,
            "trained": self.trained,
            "samples": self.samples,
            "of": self.samples,
            "indices": None,
            "classes": self.classes,
            "class_names": None,
            "labels": None if labels is None else labels.tolist(),
            "inputs": None,
            "width": self.classes,
            "sketch": None,
            "floor": self.floor,
            "quantities": list(self.quantities),
            "schedule": "every step",
            "run": run,
        }
        return json.dumps(content | self.extra).encode()


def amplitudes_of(probabilities):
    """Returns what is written of probabilities (..., C): uint8."""
    return np.round(255 * np.sqrt(probabilities)).astype(np.uint8)


def answers_of(probabilities, labels, dtype=np.float16):
    """Returns what is written of answers, (N, 3), from probabilities (N, C)."""
    with np.errstate(divide="ignore"):
        log_p = np.log(np.asarray(probabilities, np.float64))
    predicted = log_p.argmax(-1)
    answers = np.full((len(log_p), 3), np.nan)
    answers[:, 2] = predicted
    for n, row in enumerate(log_p):
        if labels is None:
            answers[n, 1] = row.max()
        else:
            answers[n, 0], answers[n, 1] = row[labels[n]], np.delete(row, labels[n]).max()
    return answers.astype(dtype)


def trajectory(records, seed=0, samples=SAMPLES, classes=CLASSES, labels=None):
    """Returns probabilities of a training, shape (T, N, C): from near ignorance to near the labels, with noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(samples) % classes if labels is None else np.asarray(labels)
    pull = np.eye(classes)[labels] * np.linspace(0, 6, records)[:, None, None]
    noise = np.cumsum(random.standard_normal((records, samples, classes)), 0) / np.sqrt(records)
    exponentials = np.exp(pull + noise)
    return exponentials / exponentials.sum(-1, keepdims=True)


class RunFiles:
    """One event file of a run.

    Args:
        folder: of the run.
        monitor: prefix.
        run: what metadata say of the run.
    """

    def __init__(self, folder, monitor="infogeo", run=None):
        self.monitor = monitor
        self.run = {"id": str(folder), "continues": None, "metadata": {}} if run is None else run
        self.writer = EventFileWriter(str(folder))
        self._known = set()

    def tensor(self, tag, value, step, content=None, wall=None):
        """Writes one tensor; its metadata at the first of a tag, as TensorBoard's writers do."""
        metadata = None
        if content is not None and tag not in self._known:
            self._known.add(tag)
            data = summary_pb2.SummaryMetadata.PluginData(plugin_name="infogeo", content=content)
            metadata = summary_pb2.SummaryMetadata(plugin_data=data, data_class=summary_pb2.DATA_CLASS_TENSOR)
        tensor = value if isinstance(value, tensor_pb2.TensorProto) else make_tensor_proto(value)
        one = summary_pb2.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
        event = event_pb2.Event(step=step, summary=summary_pb2.Summary(value=[one]))
        event.wall_time = time.time() if wall is None else wall
        self.writer.add_event(event)

    def record(self, step, probe, probabilities, x=None, wall=None, **numbers):
        """Writes a record of a probe, probabilities (N, C); ``x`` is the step of the event, by default ``step``."""
        labels = probe.truth
        if labels is not None:
            p = np.asarray(probabilities)[np.arange(len(labels)), labels]
            numbers.setdefault("distance_to_truth", float(-np.log(np.maximum(p, 1e-300)).mean() / 2))
            numbers.setdefault("progress", float(p.mean()))
        row = [float(step), *[numbers.get(name, np.nan) for name in probe.quantities[1:]]]
        self.part(probe, "numbers", np.array(row), step if x is None else x, wall)
        self.part(probe, "amplitudes", amplitudes_of(probabilities), step if x is None else x, wall)
        self.part(probe, "answers", answers_of(probabilities, labels), step if x is None else x, wall)

    def part(self, probe, kind, value, step, wall=None):
        """Writes one tensor of a probe."""
        content = probe.metadata(kind, self.monitor, self.run)
        self.tensor(f"{self.monitor}/{probe.name}/{kind}", value, step, content, wall)

    def events(self, step, known):
        """Writes what is known: an object, or a text that need not be JSON."""
        text = known if isinstance(known, str) else json.dumps(known)
        content = json.dumps({"format": 1, "kind": "events", "monitor": self.monitor}).encode()
        self.tensor(f"{self.monitor}/events", text.encode(), step, content)

    def pictures(self, probe, images, samples, step=0):
        """Writes images, uint8 (n, h, w, c), of samples by position."""
        said = {"format": 1, "kind": "pictures", "monitor": self.monitor, "probe": probe.name}
        content = json.dumps({**said, "fingerprint": probe.fingerprint, "samples": list(samples)}).encode()
        self.tensor(f"{self.monitor}/{probe.name}/pictures", images, step, content)

    def flush(self):
        """Brings everything to the disk."""
        self.writer.flush()

    def close(self):
        """Ends the file."""
        self.writer.close()


def write_run(folder, probabilities, probe=None, steps=None, **of_run):
    """Writes a run of one probe, probabilities (T, N, C), and returns its steps."""
    probe = probe or WrittenProbe(samples=probabilities.shape[1], classes=probabilities.shape[2])
    steps = range(len(probabilities)) if steps is None else steps
    files = RunFiles(folder, **of_run)
    for step, one in zip(steps, probabilities, strict=True):
        files.record(step, probe, one)
    files.close()
    return list(steps)
