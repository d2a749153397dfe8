"""Slow references: float64 NumPy by the definitions, and mpmath where float64 runs out of digits."""

import mpmath
import numpy as np

mpmath.mp.dps = 50


def softmax(logits):
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(-1, keepdims=True)
    p = np.exp(shifted)
    return p / p.sum(-1, keepdims=True)


def overlap(p, q):
    return np.sqrt(p * q).sum(-1)


def hellinger(p, q):
    return (1 - overlap(p, q)).mean(-1)


def arc(p, q):
    return np.arccos(np.clip(overlap(p, q), 0, 1)).mean(-1)


def bhattacharyya(p, q):
    return -np.log(overlap(p, q)).mean(-1)


def fisher_rao(p, q):
    return 2 * np.sqrt((np.arccos(np.clip(overlap(p, q), 0, 1)) ** 2).mean(-1))


def exact_distances(before, after):
    """(d_B, d_FR) of two lists of logits, to 40 digits."""
    log_overlaps, arcs = [], []
    for z, w in zip(before, after, strict=True):
        p = [mpmath.exp(mpmath.mpf(float(v))) for v in z]
        q = [mpmath.exp(mpmath.mpf(float(v))) for v in w]
        both = mpmath.sqrt(sum(p) * sum(q))
        bc = sum(mpmath.sqrt(a * b) for a, b in zip(p, q, strict=True)) / both
        log_overlaps.append(mpmath.log(bc))
        arcs.append(mpmath.acos(min(bc, mpmath.mpf(1))))
    n = len(arcs)
    return -sum(log_overlaps) / n, 2 * mpmath.sqrt(sum(t * t for t in arcs) / n)


def parameter_velocity(before, after, dt=1.0):
    """The histogram estimator by the definition."""
    x, y = (np.asarray(sample, dtype=np.float64).ravel() for sample in (before, after))
    bins = int(1.4 * 2.59 * np.cbrt(x.size))
    joint = (min(x.min(), y.min()), max(x.max(), y.max()))
    p, q = (np.histogram(sample, bins, joint)[0] / sample.size for sample in (x, y))
    return np.sqrt(4 * ((np.sqrt(q) - np.sqrt(p)) ** 2).sum()) / dt


def normal_distance(mean, variance, to_mean, to_variance):
    """The Fisher–Rao distance of two normal distributions, to 40 digits, by the textbook's arcosh."""
    m, s, n, t = (mpmath.mpf(float(value)) for value in (mean, variance, to_mean, to_variance))
    square = (m - n) ** 2 / 2 + (mpmath.sqrt(s) - mpmath.sqrt(t)) ** 2
    return mpmath.sqrt(2) * mpmath.acosh(1 + square / (2 * mpmath.sqrt(s * t)))
