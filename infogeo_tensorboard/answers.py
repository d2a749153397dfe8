"""What happens to the single samples of a probe over a training, in NumPy alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Answers:
    """A model's answers on the N samples of a probe at T records.

    Records that hold NaN, as those whose logits were not finite, are left out. Everything here counts the T′ others:
    a record is an index into ``records``, negative from the last.

    Args:
        values: shape (T, N, 3): ln p(label) and ln p(strongest class other than the label), nats in [−∞, 0], and the
            predicted class. Without labels the first is NaN and the second ln p(predicted).
        labels: shape (N,), classes from 0; None for a probe without.

    Attributes:
        records: which of the T records are in it, shape (T′,), increasing.
        labels: shape (N,), int64, or None.
        predicted: predicted classes, shape (T′, N), int64.

    Raises:
        ValueError: where the shapes do not fit, or a label is negative.

    Example:
        Two samples at three records; the second is learnt and forgotten.

        >>> half, third = np.log(0.5), np.log(0.3)
        >>> right, wrong = (half, third, 1), (third, half, 0)
        >>> answers = Answers([[right, wrong], [right, right], [right, wrong]], [1, 1])
        >>> answers.forgetting_events(), answers.forgotten(), answers.correctness().round(2)
        (array([0, 1]), array([1]), array([1.  , 0.33]))
    """

    def __init__(self, values: ArrayLike, labels: ArrayLike | None = None) -> None:
        table = np.asarray(values)
        if table.ndim != 3 or table.shape[2] != 3:
            raise ValueError(f"`Answers(values)`: has shape {table.shape}, must be (records, samples, 3).")
        self.labels = None if labels is None else _checked_labels(labels, table.shape[1])
        needed = table[:, :, 1:] if labels is None else table
        self.records: Whole = np.flatnonzero(~np.isnan(needed).any(axis=(1, 2)))
        kept = table if len(self.records) == len(table) else table[self.records]
        self._of_label: Floats = kept[:, :, 0].astype(np.float64)
        self._of_other: Floats = kept[:, :, 1].astype(np.float64)
        self.predicted: Whole = kept[:, :, 2].astype(np.int64)

    @classmethod
    def of(cls, amplitudes: ArrayLike, labels: ArrayLike | None = None) -> Answers:
        """Returns the answers of predictions.

        Args:
            amplitudes: shape (T, N, C); see ``answers_of``.
            labels: shape (N,); None for a probe without.

        Raises:
            ValueError: where the shapes do not fit.
        """
        return cls(answers_of(amplitudes, labels), labels)

    def __len__(self) -> int:
        """Returns the number of records, T′."""
        return len(self.records)

    @property
    def log_p(self) -> Floats:
        """Logarithms of p(label), nats, shape (T′, N)."""
        self._labelled("log_p")
        return self._of_label

    @property
    def p(self) -> Floats:
        """Probability of the label, in [0, 1], shape (T′, N): the course of each sample."""
        self._labelled("p")
        return np.exp(self._of_label)

    @property
    def p_predicted(self) -> Floats:
        """Probability of the predicted class, in [0, 1], shape (T′, N)."""
        return np.exp(self._of_other if self.labels is None else np.maximum(self._of_label, self._of_other))

    @property
    def margins(self) -> Floats:
        """Margins ln p(label) − ln p(strongest other), differences of two logits, nats, shape (T′, N)."""
        self._labelled("margins")
        with np.errstate(invalid="ignore"):
            # Both −∞ only where neither got any probability: the label is then no nearer than the other.
            return np.nan_to_num(self._of_label - self._of_other, nan=0.0, posinf=np.inf, neginf=-np.inf)

    @property
    def right(self) -> Flags:
        """Whether the predicted class is the label, shape (T′, N); of equally strong classes the first is predicted."""
        return np.asarray(self.predicted == self._labelled("right"))

    def forgetting_events(self) -> Whole:
        """Returns how often each sample was right at a record and wrong at the next, shape (N,).

        Source: Toneva et al., ICLR 2019, arXiv 1812.05159, who count at every presentation of a sample; between records
        that lie further apart some go unseen.
        """
        right = self.right
        return np.asarray((right[:-1] & ~right[1:]).sum(0), np.int64)

    def confidence(self, weights: ArrayLike | None = None) -> Floats:
        """Returns the mean of p(label) over records, in [0, 1], shape (N,) (Swayamdipta et al. 2020).

        Args:
            weights: of the records, shape (T′,), not negative; None for equal ones.
        """
        return self._mean(self.p, weights)

    def variability(self, weights: ArrayLike | None = None) -> Floats:
        """Returns the standard deviation of p(label) over records, in [0, ½], shape (N,).

        That of the population, divided by T′. Source: Swayamdipta et al., EMNLP 2020, arXiv 2009.10795.
        """
        p = self.p
        return np.asarray(np.sqrt(self._mean(np.square(p - self._mean(p, weights)), weights)))

    def correctness(self, weights: ArrayLike | None = None) -> Floats:
        """Returns the share of records at which each sample is right, in [0, 1], shape (N,)."""
        return self._mean(self.right.astype(np.float64), weights)

    def area_under_margin(self, weights: ArrayLike | None = None) -> Floats:
        """Returns the mean over records of ``margins``, nats, shape (N,); smallest where a label error is likeliest.

        Source: Pleiss et al., NeurIPS 2020, arXiv 2001.10528. They average over epochs; by default the records weigh
        equally here, however many steps lie between them.

        Args:
            weights: of the records, shape (T′,), not negative; None for equal ones.
        """
        return self._mean(self.margins, weights)

    def ranked(self, weights: ArrayLike | None = None) -> Whole:
        """Returns the samples by ``area_under_margin``, likeliest label error first, shape (N,)."""
        return np.argsort(self.area_under_margin(weights), kind="stable")

    def forgotten(self, record: int = -1) -> Whole:
        """Returns the samples right at some earlier record and wrong at this one, smallest p(label) first."""
        at = self._at(record)
        right = self.right
        return _ordered(np.any(right[:at], axis=0) & ~right[at], self._of_label[at])

    def confidently_wrong(self, record: int = -1) -> Whole:
        """Returns the samples that are wrong at a record, largest probability of the predicted class first."""
        at = self._at(record)
        return _ordered(~self.right[at], -self.p_predicted[at])

    def never_learnt(self, record: int = -1) -> Whole:
        """Returns the samples right at no record up to this one, smallest mean of p(label) first."""
        at = self._at(record)
        return _ordered(~np.any(self.right[: at + 1], axis=0), self.p[: at + 1].mean(0))

    def memorised_late(self, record: int = -1) -> Whole:
        """Returns the samples right from some record on without a break up to this one, the latest such record first.

        Of those of the same record the smallest mean of p(label) comes first. Samples right from the first record on
        are not among them. It says something of samples that the model is trained on.
        """
        at = self._at(record)
        since = self.right_since(at)
        return _ordered(since > 0, -since, self.p[: at + 1].mean(0))

    def right_since(self, record: int = -1) -> Whole:
        """Returns the record from which on each sample is right up to this one, −1 where it is wrong, shape (N,)."""
        at = self._at(record)
        wrong = ~self.right[: at + 1][::-1]
        since = np.where(wrong.any(0), at + 1 - wrong.argmax(0), 0)
        return np.where(since > at, -1, since).astype(np.int64)

    def _at(self, record: int) -> int:
        count = len(self)
        if not -count <= record < count:
            raise IndexError(f"`Answers`: there is no record {record} among {count}.")
        return record % count

    def _mean(self, values: Floats, weights: ArrayLike | None) -> Floats:
        if not len(self):
            raise ValueError("`Answers`: there is no record with finite predictions.")
        if weights is None:
            return np.asarray(values.mean(0))
        return np.asarray(np.average(values, axis=0, weights=np.asarray(weights, np.float64)))

    def _labelled(self, name: str) -> Whole:
        if self.labels is None:
            raise ValueError(f"`Answers.{name}`: the probe has no labels; give labels=.")
        return self.labels


def answers_of(amplitudes: ArrayLike, labels: ArrayLike | None = None) -> Floats:
    """Returns ln p(label), ln p(strongest other) and the predicted class, as ``Answers`` takes them.

    Args:
        amplitudes: square roots of probabilities, shape (..., N, C), C ≥ 2, of any length: each sample's are normalised
            to norm 1. A zero counts as the smallest positive number of its type, so that no logarithm is infinite.
        labels: shape (N,), from 0 to C − 1; None for a probe without: the first number is then NaN, and the second
            ln p(predicted).

    Returns:
        Shape (..., N, 3), nats and a class. Where a sample's amplitudes hold NaN or are all zero: NaN.

    Raises:
        ValueError: where shapes or labels do not fit, or an amplitude is negative, as in a sketch.

    Example:
        >>> np.exp(answers_of(np.sqrt([[0.2, 0.3, 0.5]]), [1]))[:, :2].round(6)
        array([[0.3, 0.5]])
    """
    given = np.asarray(amplitudes)
    if given.ndim < 2 or given.shape[-1] < 2:
        raise ValueError(f"`answers_of(amplitudes)`: has shape {given.shape}, must be (..., samples, classes ≥ 2).")
    if (given < 0).any():
        raise ValueError("`answers_of(amplitudes)`: some are negative; sketches have no classes.")
    smallest = float(np.finfo(given.dtype).smallest_subnormal) if given.dtype.kind == "f" else 0.5
    a = given.astype(np.float64)
    length = np.linalg.norm(a, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        log_p = 2 * (np.log(np.maximum(a, smallest)) - np.log(length)[..., None])
    predicted = a.argmax(-1)
    answers = np.full((*a.shape[:-1], 3), np.nan)
    answers[..., 2] = predicted
    if labels is None:
        answers[..., 1] = log_p.max(-1)
    else:
        at = _checked_labels(labels, a.shape[-2])
        if (at >= a.shape[-1]).any():
            raise ValueError(f"`answers_of(labels)`: has {at.max()}, but there are {a.shape[-1]} classes from 0.")
        place = np.broadcast_to(at[:, None], (*a.shape[:-1], 1))
        answers[..., 0] = np.take_along_axis(log_p, place, -1)[..., 0]
        np.put_along_axis(log_p, place, -np.inf, -1)
        answers[..., 1] = log_p.max(-1)
    invalid = ~(length > 0)  # NaN or nothing
    answers[invalid] = np.nan
    return answers


def moved(before: ArrayLike, after: ArrayLike) -> Floats:
    """Returns the Fisher–Rao distance of each sample between two predictions, 2 arccos Σ_c sqrt(p q).

    Taken from the chord, 4 arcsin(‖a − b‖ / 2), which keeps small distances that the overlap loses.

    Args:
        before: amplitudes or sketches of them, shape (N, C), of any length: each sample's are normalised to norm 1.
        after: the same of the later prediction.

    Returns:
        Shape (N,), radians in [0, π]; NaN where a sample's amplitudes hold NaN or are all zero.

    Raises:
        ValueError: where the shapes differ.

    Example:
        >>> moved([[1, 0], [1, 1]], [[0, 1], [3, 3]]).round(6)
        array([3.141593, 0.      ])
    """
    a, b = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if a.ndim != 2 or a.shape != b.shape:
        raise ValueError(f"`moved(before, after)`: shapes {a.shape} and {b.shape} must both be (samples, classes).")
    chord = np.linalg.norm(_normalised(a) - _normalised(b), axis=1)
    return np.asarray(4 * np.arcsin(np.minimum(chord, np.sqrt(2)) / 2))  # a sketch's overlap may be negative


def _normalised(a: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(a / np.linalg.norm(a, axis=1, keepdims=True))


def _ordered(which: Flags, *keys: NDArray[Any]) -> Whole:
    """Returns the indices of ``which``, by the first key, then the next, smallest first, then by index."""
    chosen = np.flatnonzero(which)
    return chosen[np.lexsort([key[chosen] for key in reversed(keys)])]


def _checked_labels(labels: ArrayLike, samples: int) -> Whole:
    classes = np.asarray(labels)
    if classes.shape != (samples,) or classes.dtype.kind not in "iub":
        raise ValueError(
            f"`labels`: have shape {classes.shape} and type {classes.dtype}; must be one class for each of {samples} "
            "samples; of a multi-label probe, each label of each input is a sample of two classes."
        )
    if len(classes) and classes.min() < 0:
        raise ValueError(f"`labels`: have {classes.min()}; classes count from 0.")
    return classes.astype(np.int64)
