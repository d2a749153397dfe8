"""What happens to single samples of a run: lists at a record, the cartography, and one sample's course."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infogeo_tensorboard.answers import Answers, moved
from infogeo_tensorboard.json_values import rounded
from infogeo_tensorboard.library import Pictures
from infogeo_tensorboard.points import on_sphere
from infogeo_tensorboard.problems import RequestError
from infogeo_tensorboard.recording import Recording

TOP = 10
"""Samples of a list, unless more are asked for."""
MOST = 100
"""Samples of a list at most."""
CLASSES = 20
"""Up to this many, all probabilities of a sample are given."""

Floats = NDArray[np.float64]


class SampleCourses:
    """The samples of a run's records.

    Args:
        recording: of the run.
        pictures: of samples, where there are some.

    Attributes:
        recording: its records at which all answers are numbers.
        answers: at these records, of which there is at least one.

    Raises:
        RequestError: where no record has answers.
    """

    def __init__(self, recording: Recording, pictures: Pictures | None = None) -> None:
        answers = Answers(recording.answers, recording.metadata.labels)
        if not len(answers):
            raise RequestError(400, "there is no record with answers yet")
        self.recording, self.answers, self._pictures = recording, answers, pictures

    @property
    def steps(self) -> list[int]:
        """Optimizer steps of the records."""
        return [int(step) for step in self.recording.steps[self.answers.records]]

    @property
    def course(self) -> Floats:
        """Probability of the label, or without labels of the predicted class, shape (T, N)."""
        return self.answers.p_predicted if self.answers.labels is None else self.answers.p

    def nearest(self, step: int) -> int:
        """Returns which record is nearest to an optimizer step, of two the earlier."""
        return min(range(len(self.steps)), key=lambda record: abs(self.steps[record] - step))

    def amplitudes(self, record: int) -> NDArray[np.float32]:
        """Returns the unit vectors of a record, shape (N, W)."""
        metadata = self.recording.metadata
        return on_sphere(self.recording.amplitudes[self.answers.records[record]], metadata.sketched)

    def moved(self, record: int) -> Floats | None:
        """Returns how far each sample has moved since the record before, rad; None of the first."""
        return None if record == 0 else moved(self.amplitudes(record - 1), self.amplitudes(record))

    def items(self, samples: Iterable[int], record: int, far: Floats | None) -> list[dict[str, Any]]:
        """Returns what is shown of some samples at a record.

        Args:
            samples: positions among those written.
            record: among ``steps``.
            far: how far each sample has moved, or None.
        """
        answers, labels, course = self.answers, self.answers.labels, self.course
        since = None if labels is None else answers.right_since(record)
        surest = answers.p_predicted[record]
        return [
            {
                "sample": self.recording.metadata.index_in_probe(int(n)),
                "label": None if labels is None else int(labels[n]),
                "predicted": int(answers.predicted[record, n]),
                "p": rounded(course[record, n]),
                "p_predicted": rounded(surest[n]),
                "mean_p": rounded(course[: record + 1, n].mean()),
                "since": None if since is None or since[n] < 0 else self.steps[since[n]],
                "moved": None if far is None else rounded(far[n]),
                "course": rounded(course[:, n], 3),
                "picture": self.has_picture(int(n)),
            }
            for n in samples
        ]

    def has_picture(self, position: int) -> bool:
        """Returns whether there is a picture of the sample at a position among those written."""
        return self._pictures is not None and position in self._pictures.place

    def lists(self, step: int, top: int = TOP) -> dict[str, Any]:
        """Returns the samples that moved, were forgotten, are wrong, … at the record nearest to a step.

        Args:
            step: optimizer step.
            top: samples of a list at most; "totals" says how many there are in all.
        """
        record = self.nearest(step)
        answers, far = self.answers, self.moved(record)
        none = np.array([], np.int64)
        found: dict[str, Any] = {"moved": none if far is None else np.argsort(-far, kind="stable")}
        found["moved"] = found["moved"] if far is None else found["moved"][far[found["moved"]] > 0]
        if answers.labels is None:
            found |= {"forgotten": none, "confidently_wrong": none, "never_learnt": none}
        else:
            found["forgotten"] = answers.forgotten(record)
            found["confidently_wrong"] = answers.confidently_wrong(record)
            found["never_learnt"] = answers.never_learnt(record)
        trained = self.recording.metadata.trained and answers.labels is not None
        if trained:
            found["memorised_late"] = answers.memorised_late(record)
        shown = {name: self.items(samples[:top], record, far) for name, samples in found.items()}
        return {
            "step": self.steps[record],
            "before": self.steps[record - 1] if record else None,
            "steps": self.steps,
            "lists": {"memorised_late": None} | shown,
            "totals": {name: len(samples) for name, samples in found.items()},
        }

    def cartography(self) -> dict[str, Any]:
        """Returns confidence, variability, forgetting and margins of all samples over all records.

        Raises:
            RequestError: where the probe has no labels.
        """
        answers, metadata = self.answers, self.recording.metadata
        if answers.labels is None:
            raise RequestError(400, "the probe has no labels, so nothing is right or wrong")
        margin = answers.area_under_margin()
        positions = range(metadata.samples)
        return {
            "samples": [metadata.index_in_probe(n) for n in positions],
            "confidence": rounded(answers.confidence()),
            "variability": rounded(answers.variability()),
            "correctness": rounded(answers.correctness()),
            "forgetting": answers.forgetting_events().tolist(),
            "area_under_margin": rounded(margin),
            "label": answers.labels.tolist(),
            "predicted": answers.predicted[-1].tolist(),
            "picture": [self.has_picture(n) for n in positions],
            "ranked": [metadata.index_in_probe(int(n)) for n in answers.ranked()],
        }

    def one(self, position: int) -> dict[str, Any]:
        """Returns the course of one sample.

        Args:
            position: among those written.
        """
        answers, metadata = self.answers, self.recording.metadata
        probabilities = None
        if not metadata.sketched and metadata.classes <= CLASSES:
            points = on_sphere(self.recording.amplitudes[answers.records, position], False).astype(np.float64)
            probabilities = rounded(np.square(points), 4)
        return {
            "sample": metadata.index_in_probe(position),
            "label": None if answers.labels is None else int(answers.labels[position]),
            "steps": self.steps,
            "p": rounded(self.course[:, position]),
            "predicted": answers.predicted[:, position].tolist(),
            "probabilities": probabilities,
        }


def position_of(recording: Recording, sample: int) -> int:
    """Returns where a sample of the probe is among those written.

    Raises:
        RequestError: where it is not.
    """
    metadata = recording.metadata
    if metadata.indices is None and 0 <= sample < metadata.samples:
        return sample
    if metadata.indices is not None and sample in metadata.indices:
        return metadata.indices.index(sample)
    raise RequestError(404, f"there is no sample {sample} among those written")
