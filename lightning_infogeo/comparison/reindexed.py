"""Runs at equal progress: distances between trajectories, and their spread around the mean one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.comparison.checkpoints import Checkpoints, read
from lightning_infogeo.comparison.compatibility import agreed
from lightning_infogeo.comparison.course import courses
from lightning_infogeo.comparison.jobs import Work, named, total
from lightning_infogeo.comparison.run import Recorded
from lightning_infogeo.distances import bhattacharyya, pairwise_bhattacharyya
from lightning_infogeo.geodesics import Objective, brackets, geodesic


class Reindexed:
    """A run at n equally spaced values of progress in (0, 1], as ``reindex`` gives it, interpolated as it is read."""

    def __init__(self, run: Recorded, progress: Tensor, n: int) -> None:
        self.run = run
        self.before, self.after, self.fraction = brackets(progress, n)

    def read(self, values: slice, samples: slice = slice(None)) -> Tensor:
        """Returns the run at some of the values, shape (g, n, C)."""
        before, after = self.before[values], self.after[values]
        which, back = torch.unique(torch.cat([before, after]), return_inverse=True)
        records = read(self.run, which, samples)
        a, b = back.chunk(2)
        return geodesic(records[a], records[b], self.fraction[values].to(records.dtype))


class Tube(NamedTuple):
    """How far runs are from their mean trajectory: the mean of amplitudes at equal progress, scaled to unit length.

    Attributes:
        mean: of d_B from the runs to it, at each value of progress, shape (n,), nats per sample.
        largest: of these, shape (n,).
    """

    mean: Tensor
    largest: Tensor


def trajectory_distance(
    a: Recorded,
    b: Recorded,
    same_probe: bool = False,
    *,
    objective: Objective = "arc",
    n: int = 100,
    memory: int = 2**28,
) -> float:
    """Returns the distance between two trajectories: d_B at equal progress, averaged over the grid of progress.

    Both are re-indexed by their progress from ignorance to truth (arXiv 2305.01604), so that how fast they went does
    not matter, only where.

    Args:
        a: a run.
        b: another on the same probe, with labels.
        same_probe: accepts differing fingerprints where N, C and labels agree.
        objective: of ``progress``.
        n: values of progress in (0, 1].
        memory: bytes of working memory to use at most.

    Returns:
        Nats per sample; 0 for trajectories that pass the same points, in whatever number of steps.

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
    labels = agreed([a, b], same_probe, "trajectory_distance")
    if labels is None:
        raise ValueError("`trajectory_distance(a, b)`: progress needs labels, and the runs have none.")
    work, points = Work(memory), Checkpoints([a, b])
    followed = courses(points, labels, objective, work, "")
    runs = [Reindexed(run, course.progress, n) for run, course in zip(points.runs, followed, strict=True)]
    return float(at_equal_progress(runs, n, {}, work)[0][0, 1])


def at_equal_progress(
    runs: Sequence[Reindexed], n: int, members: Mapping[str, Sequence[int]], work: Work, content: str = ""
) -> tuple[Tensor, dict[str, Tube]]:
    """Returns the distances between trajectories, shape (R, R), and the tube around the mean of each set of members.

    All runs are read side by side, at a few values of progress and on as many samples as the memory holds, so that
    what is read grows with the number of runs, not of pairs. These pieces are dealt to the ranks.
    """
    samples, classes = runs[0].run.amplitudes.shape[1:]
    sets = list(members.items())
    # All runs in up to 8 bytes a number, the mean of each set, and what interpolating one of them takes.
    row = 8 * classes * (len(runs) + len(sets) + 8)
    room = max(1, work.memory // 2 // row)
    width = max(1, min(samples, room))
    grid = max(1, min(room // width, n // 10, n))
    pieces = [
        (slice(g, min(g + grid, n)), slice(s, min(s + width, samples)))
        for g in range(0, n, grid)
        for s in range(0, samples, width)
    ]

    kind = torch.float64 if any(run.read(slice(0, 1)).dtype == torch.float64 for run in runs) else torch.float32

    def compute(piece: int) -> Tensor:
        values, part = pieces[piece]
        shape = (len(runs), values.stop - values.start, part.stop - part.start, classes)
        stack = torch.empty(shape, dtype=kind, device=work.device)
        for k, run in enumerate(runs):
            stack[k] = run.read(values, part)
        result = torch.zeros(len(runs), len(runs) + len(sets) * n, dtype=torch.float64)
        for u in range(stack.shape[1]):
            distances = pairwise_bhattacharyya(stack[:, u], memory=work.memory // 4)
            result[:, : len(runs)] += distances.cpu() * stack.shape[2]
        for s, (_, some) in enumerate(sets):
            centre = torch.nn.functional.normalize(sum((stack[k] for k in some), torch.zeros_like(stack[0])), dim=-1)
            at = slice(len(runs) + s * n + values.start, len(runs) + s * n + values.stop)
            for k in some:
                result[k, at] = bhattacharyya(stack[k], centre, "sum").double().cpu()
        return result

    found = torch.zeros(len(runs), len(runs) + len(sets) * n, dtype=torch.float64)
    name = named(content, grid, width, n, sets)
    for _, result in work.results("equal-progress", len(pieces), compute, name):
        found += result
    found = total(found) / samples
    distances = found[:, : len(runs)] / n
    tubes = {}
    for s, (key, some) in enumerate(sets):
        widths = found[list(some), len(runs) + s * n : len(runs) + (s + 1) * n]
        tubes[key] = Tube(widths.mean(0), widths.amax(0))
    return distances, tubes
