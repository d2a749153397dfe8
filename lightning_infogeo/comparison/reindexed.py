"""Runs at equal progress: distances between trajectories, and their spread around the mean one."""

from __future__ import annotations

import math
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
    """A run at n equally spaced values of progress in (0, 1], as ``reindex`` gives it, interpolated as it is read.

    It reaches the first ``reach`` of these values, at least one; at those beyond, its last record is repeated.
    """

    def __init__(self, run: RecordedRun, progress: Tensor, n: int) -> None:
        self.run = run
        self.before, self.after, self.fraction = brackets(progress, n)
        # Progress is known to 6e-8: a run that ends on a value of the grid reaches it.
        self.reach = max(1, min(n, math.floor(n * (float(progress.max()) + 1e-6))))

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


class EqualProgress(NamedTuple):
    """What R runs are apart at equal progress, d_B averaged over the values of progress, nats per sample.

    Attributes:
        distances: over the range of progress that both runs of a pair reach, shape (R, R).
        whole_range: over (0, 1]; the last record of a run that stops early is repeated. Shape (R, R).
        shuffled: of run i from run j with the probe's samples shuffled within classes, over the range that both reach,
            shape (R, R), not symmetric; (0, 0) without a shuffle.
        permuted: at every tenth value of progress only, first as the samples are and then with each of the further
            permutations, shape (1 + permutations, R, R), the mean of both ways; NaN for a pair that reaches none of
            these values; (0, 0, 0) without permutations.
        tubes: around the mean of each set of members, over (0, 1].
    """

    distances: Tensor
    whole_range: Tensor
    shuffled: Tensor
    permuted: Tensor
    tubes: dict[str, Tube]


def trajectory_distance(
    a: RecordedRun,
    b: RecordedRun,
    same_probe: bool = False,
    *,
    whole_range: bool = False,
    objective: Objective = "arc",
    n: int = 100,
    memory: int = 2**28,
) -> float:
    """Returns the distance between two trajectories: d_B at equal progress, averaged over the progress that both reach.

    Both are re-indexed by their progress from ignorance to truth (arXiv 2305.01604), so that only their paths matter,
    not their speed. Beyond the largest progress of the run that comes less far there is nothing to compare (so arXiv
    2210.17011); its last record could only be repeated, which makes a run that stops early look far.

    Args:
        a: a run.
        b: another on the same probe, with labels.
        same_probe: accepts differing fingerprints where N, C and labels agree.
        whole_range: averages over (0, 1] all the same, repeating the last record.
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

        One that stops half way is on the same path, and far from its end.

        >>> half = Recording("half", torch.arange(5), path[:5], labels)
        >>> round(trajectory_distance(slow, half), 5), round(trajectory_distance(slow, half, whole_range=True), 5)
        (0.0, 0.02006)
    """
    labels = agreed_labels([a, b], same_probe, "trajectory_distance")
    if labels is None:
        raise ValueError("`trajectory_distance(a, b)`: progress needs labels, and the runs have none.")
    work, points = Work(memory), Checkpoints([a, b])
    all_courses = courses(points, labels, objective, work, "")
    runs = [ReindexedRun(run, course.progress, n) for run, course in zip(points.runs, all_courses, strict=True)]
    found = at_equal_progress(runs, n, {}, work)
    return float((found.whole_range if whole_range else found.distances)[0, 1])


def at_equal_progress(
    runs: Sequence[ReindexedRun],
    n: int,
    members: Mapping[str, Sequence[int]],
    work: Work,
    content: str = "",
    shuffle: Tensor | None = None,
    permutations: Tensor | None = None,
) -> EqualProgress:
    """Returns the distances between trajectories, and the tube around the mean of each set of members.

    All runs are read side by side, at a few values of progress and on as many samples as fit into memory, so that the
    amount read grows with the number of runs and not of pairs. The ranks share these jobs.

    Args:
        runs: re-indexed on the same grid.
        n: values of it.
        members: indices of the runs of each tube.
        work: memory, device, and the folder in which finished jobs are kept.
        content: of ``digest``; needed where a folder is given.
        shuffle: permutation of the samples for the distances of runs from shuffled ones, shape (N,); None for none.
        permutations: further ones, for a permutation test, shape (D, N); None for none.
    """
    samples, classes = runs[0].run.amplitudes.shape[1:]
    count, sets = len(runs), list(members.items())
    # All runs in up to 8 bytes a number, shuffled ones too, the mean of each set, the temporaries of interpolating one.
    row = 8 * classes * ((1 if shuffle is None else 2) * count + len(sets) + 8)
    room = max(1, work.memory // 2 // row)
    width = max(1, min(samples, room))
    grid = max(1, min(room // width, n // 10, n))
    jobs = [
        (slice(g, min(g + grid, n)), slice(s, min(s + width, samples)))
        for g in range(0, n, grid)
        for s in range(0, samples, width)
    ]
    reach = torch.tensor([run.reach for run in runs])
    both = torch.minimum(reach[:, None], reach)
    tables = 2 if shuffle is None else 3
    orders = permutations if permutations is not None and len(permutations) else None
    thin = max(1, n // _TESTED)
    tested = 0 if orders is None else 1 + len(orders)
    at_tests = tables * count + len(sets) * n
    columns = at_tests + tested * count

    dtype = torch.float64 if any(run.read(slice(0, 1)).dtype == torch.float64 for run in runs) else torch.float32

    def compute(job: int) -> Tensor:
        values, part = jobs[job]
        shape = (count, values.stop - values.start, part.stop - part.start, classes)
        stack = torch.empty(shape, dtype=dtype, device=work.device)
        for k, run in enumerate(runs):
            stack[k] = run.read(values, part)
        result = torch.zeros(count, columns, dtype=torch.float64)

        def from_shuffled(these: Tensor, u: int, order: Tensor) -> Tensor:
            if width == samples:
                other = these[:, order]
            else:  # the samples that take the place of this part's may be any
                at = slice(values.start + u, values.start + u + 1)
                other = torch.stack([run.read(at)[0][order[part]] for run in runs]).to(these)
            return pairwise_bhattacharyya(these, other, memory=work.memory // 4).cpu() * these.shape[1]

        for u in range(stack.shape[1]):
            reached = both > values.start + u
            distances = pairwise_bhattacharyya(stack[:, u], memory=work.memory // 4).cpu() * stack.shape[2]
            result[:, :count] += torch.where(reached, distances, 0)
            result[:, count : 2 * count] += distances
            if shuffle is not None and reached.any():
                result[:, 2 * count : 3 * count] += torch.where(reached, from_shuffled(stack[:, u], u, shuffle), 0)
            if orders is not None and (values.start + u + 1) % thin == 0 and reached.any():
                result[:, at_tests : at_tests + count] += torch.where(reached, distances, 0)
                for draw, order in enumerate(orders, 1):
                    at = slice(at_tests + draw * count, at_tests + (draw + 1) * count)
                    result[:, at] += torch.where(reached, from_shuffled(stack[:, u], u, order), 0)
        for s, (_, indices) in enumerate(sets):
            mean_run = torch.nn.functional.normalize(
                sum((stack[k] for k in indices), torch.zeros_like(stack[0])), dim=-1
            )
            start = tables * count + s * n
            for k in indices:
                apart = bhattacharyya(stack[k], mean_run, "sum").double().cpu()
                result[k, start + values.start : start + values.stop] = apart
        return result

    sums = torch.zeros(count, columns, dtype=torch.float64)
    order = None if shuffle is None else shuffle.tolist()
    further = None if orders is None else orders.tolist()
    fingerprint = fingerprint_of(content, grid, width, n, sets, reach.tolist(), order, further)
    for _, result in work.results("equal-progress", len(jobs), compute, fingerprint):
        sums += result
    sums = sum_over_ranks(sums) / samples
    common, whole, *shuffled = torch.split(sums[:, : tables * count], count, dim=1)
    tubes = {}
    for s, (key, indices) in enumerate(sets):
        widths = sums[list(indices), tables * count + s * n : tables * count + (s + 1) * n]
        tubes[key] = Tube(widths.mean(0), widths.amax(0))
    none = torch.zeros(0, 0, dtype=torch.float64)
    ways = sums[:, at_tests:].view(count, tested, count).transpose(0, 1) / (both // thin)
    permuted = (ways + ways.mT) / 2 if tested else none[None, :0]
    return EqualProgress(common / both, whole / n, shuffled[0] / both if shuffled else none, permuted, tubes)


_TESTED = 10
"""Values of progress at which permutations are compared: as good as all, since neighbouring ones say the same."""
