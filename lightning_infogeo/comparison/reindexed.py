"""Runs at equal progress: distances between trajectories, and their spread around the mean one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.comparison.checkpoints import Checkpoints, read
from lightning_infogeo.comparison.compatibility import agreed_labels
from lightning_infogeo.comparison.course import courses
from lightning_infogeo.comparison.jobs import Work, fingerprint_of, sum_over_ranks
from lightning_infogeo.comparison.run import RecordedRun
from lightning_infogeo.distances import bhattacharyya, pairwise_bhattacharyya
from lightning_infogeo.geodesics import Objective, brackets, geodesic


class ReindexedRun:
    """A run at n equally spaced values of progress in (0, 1], as ``reindex`` gives it, interpolated as it is read."""

    def __init__(self, run: RecordedRun, progress: Tensor, n: int) -> None:
        self.run = run
        self.before, self.after, self.fraction = brackets(progress, n)

    def read(self, values: slice, samples: slice = slice(None)) -> Tensor:
        """Returns the run at some of the values, shape (g, n, C)."""
        before, after = self.before[values], self.after[values]
        which, inverse = torch.unique(torch.cat([before, after]), return_inverse=True)
        records = read(self.run, which, samples)
        a, b = inverse.chunk(2)
        return geodesic(records[a], records[b], self.fraction[values].to(records.dtype))


class Tube(NamedTuple):
    """Distances d_B of runs from their mean trajectory: the mean amplitudes at equal progress, scaled to unit length.

    Attributes:
        mean: of the runs, at each value of progress, shape (n,), nats per sample.
        largest: of the runs, shape (n,).
    """

    mean: Tensor
    largest: Tensor


def trajectory_distance(
    a: RecordedRun,
    b: RecordedRun,
    same_probe: bool = False,
    *,
    objective: Objective = "arc",
    n: int = 100,
    memory: int = 2**28,
) -> float:
    """Returns the distance between two trajectories: d_B at equal progress, averaged over the grid of progress.

    Both are re-indexed by their progress from ignorance to truth (arXiv 2305.01604), so that only their paths matter,
    not their speed.

    Args:
        a: a run.
        b: another on the same probe, with labels.
        same_probe: accepts differing fingerprints where N, C and labels agree.
        objective: of ``progress``.
        n: values of progress in (0, 1].
        memory: bytes of working memory to use at most.

    Returns:
        Nats per sample; 0 for trajectories through the same points, whatever the number of steps.

    Raises:
        ValueError: where the runs do not share a probe, or have no labels.

    Example:
        One run at twice the speed of the other.

        >>> from lightning_infogeo.comparison import Recording
        >>> from lightning_infogeo.geodesics import geodesic, ignorance, truth
        >>> labels = torch.tensor([0, 1, 2])
        >>> like = torch.empty(3, 3)
        >>> path = geodesic(ignorance(like), truth(labels, like), torch.linspace(0, 1, 9))
        >>> slow = Recording("slow", torch.arange(9), path, labels)
        >>> fast = Recording("fast", torch.arange(5), path[::2], labels)
        >>> round(trajectory_distance(slow, fast), 5)
        0.0
    """
    labels = agreed_labels([a, b], same_probe, "trajectory_distance")
    if labels is None:
        raise ValueError("`trajectory_distance(a, b)`: progress needs labels, and the runs have none.")
    work, points = Work(memory), Checkpoints([a, b])
    all_courses = courses(points, labels, objective, work, "")
    runs = [ReindexedRun(run, course.progress, n) for run, course in zip(points.runs, all_courses, strict=True)]
    return float(at_equal_progress(runs, n, {}, work)[0][0, 1])


def at_equal_progress(
    runs: Sequence[ReindexedRun], n: int, members: Mapping[str, Sequence[int]], work: Work, content: str = ""
) -> tuple[Tensor, dict[str, Tube]]:
    """Returns the distances between trajectories, shape (R, R), and the tube around the mean of each set of members.

    All runs are read side by side, at a few values of progress and on as many samples as fit into memory, so that the
    amount read grows with the number of runs and not of pairs. The ranks share these jobs.
    """
    samples, classes = runs[0].run.amplitudes.shape[1:]
    sets = list(members.items())
    # All runs in up to 8 bytes a number, the mean of each set, and the temporaries of interpolating one run.
    row = 8 * classes * (len(runs) + len(sets) + 8)
    room = max(1, work.memory // 2 // row)
    width = max(1, min(samples, room))
    grid = max(1, min(room // width, n // 10, n))
    jobs = [
        (slice(g, min(g + grid, n)), slice(s, min(s + width, samples)))
        for g in range(0, n, grid)
        for s in range(0, samples, width)
    ]

    dtype = torch.float64 if any(run.read(slice(0, 1)).dtype == torch.float64 for run in runs) else torch.float32

    def compute(job: int) -> Tensor:
        values, part = jobs[job]
        shape = (len(runs), values.stop - values.start, part.stop - part.start, classes)
        stack = torch.empty(shape, dtype=dtype, device=work.device)
        for k, run in enumerate(runs):
            stack[k] = run.read(values, part)
        result = torch.zeros(len(runs), len(runs) + len(sets) * n, dtype=torch.float64)
        for u in range(stack.shape[1]):
            distances = pairwise_bhattacharyya(stack[:, u], memory=work.memory // 4)
            result[:, : len(runs)] += distances.cpu() * stack.shape[2]
        for s, (_, indices) in enumerate(sets):
            mean_run = torch.nn.functional.normalize(
                sum((stack[k] for k in indices), torch.zeros_like(stack[0])), dim=-1
            )
            columns = slice(len(runs) + s * n + values.start, len(runs) + s * n + values.stop)
            for k in indices:
                result[k, columns] = bhattacharyya(stack[k], mean_run, "sum").double().cpu()
        return result

    sums = torch.zeros(len(runs), len(runs) + len(sets) * n, dtype=torch.float64)
    fingerprint = fingerprint_of(content, grid, width, n, sets)
    for _, result in work.results("equal-progress", len(jobs), compute, fingerprint):
        sums += result
    sums = sum_over_ranks(sums) / samples
    distances = sums[:, : len(runs)] / n
    tubes = {}
    for s, (key, indices) in enumerate(sets):
        widths = sums[list(indices), len(runs) + s * n : len(runs) + (s + 1) * n]
        tubes[key] = Tube(widths.mean(0), widths.amax(0))
    return distances, tubes
