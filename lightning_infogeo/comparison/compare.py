"""Many runs on one map: embedding, distances between trajectories, what groups them, and how fast they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lightning_infogeo.comparison.checkpoints import Checkpoints, digest
from lightning_infogeo.comparison.compatibility import agreed_labels, unique_names
from lightning_infogeo.comparison.course import Course, courses
from lightning_infogeo.comparison.dendrogram import dendrogram
from lightning_infogeo.comparison.grouping import factors, grouping
from lightning_infogeo.comparison.jobs import Watch, Work
from lightning_infogeo.comparison.joint import check_landmarks, embed
from lightning_infogeo.comparison.nulls import shuffle_null, shuffled_within_classes
from lightning_infogeo.comparison.reindexed import ReindexedRun, at_equal_progress
from lightning_infogeo.comparison.result import Comparison
from lightning_infogeo.comparison.run import RecordedRun
from lightning_infogeo.comparison.speed import steps_to_reach
from lightning_infogeo.geodesics import Objective


def compare(
    trajectories: Sequence[RecordedRun],
    landmarks: int | None = None,
    same_probe: bool = False,
    *,
    group_by: str | Sequence[str] | None = None,
    n_components: int = 3,
    objective: Objective = "arc",
    progress_values: Sequence[float] = (0.25, 0.5, 0.75, 0.9),
    n: int = 100,
    draws: int = 4,
    permutations: int | None = None,
    seed: int = 0,
    memory: int = 2**28,
    folder: str | Path | None = None,
    device: str | torch.device = "cpu",
    watch: Watch | None = None,
) -> Comparison:
    """Returns what runs recorded on one probe have in common, and how they differ (after arXiv 2305.01604).

    Runs are read block by block, never all amplitudes at once. Where ``torch.distributed`` is initialised, as under
    Lightning Fabric or torchrun, the ranks share the work; each gets the whole result, which depends on their number
    only by rounding (1e-12).

    Args:
        trajectories: runs with labels on one probe.
        landmarks: of the embedding, as of ``joint_embedding``: None for all distances up to 5,000 checkpoints and 500
            landmarks beyond; 0 for all distances always.
        same_probe: assumes that runs with different fingerprints saw the same samples, where N, C and labels agree.
        group_by: key or keys of the metadata, dotted where nested; None for every key whose values differ between runs
            while some runs share one. Given keys also have their groups' tubes computed.
        n_components: number of axes of the embedding.
        objective: of progress, "arc" or "bhattacharyya"; never compare across these.
        progress_values: values in (0, 1] for which the steps to reach them are found.
        n: values of progress at which trajectories are compared, those that both of a pair reach.
        draws: shuffles behind the null of each run; the first also serves to compare run A with shuffled run B. 0 for
            none of either.
        permutations: further shuffles, behind the p-values of pairs as close as A and shuffled B, taken at every tenth
            value of progress. None for as many as cost little: 99 up to 28 runs, then fewer, none from 65 runs on. 0
            for none.
        seed: of shuffles and landmarks.
        memory: bytes of working memory to use at most in each process, beside results.
        folder: where finished parts are kept, so that an interrupted comparison can continue; shared by all ranks. All
            records are then read once more, for a fingerprint, so that parts of other data are never used.
        device: on which distances are computed.
        watch: called as (stage, done, total) in the first process, for progress bars.

    Raises:
        ValueError: where probes, shapes or labels of the runs differ, or one is empty or holds NaN, naming the runs;
            and where there are no labels, without which there is no progress (``joint_embedding`` needs none).
        ModuleNotFoundError: where SciPy is not installed.
    """
    values = _checked(landmarks, n, draws, permutations, n_components, progress_values)
    labels = agreed_labels(trajectories, same_probe, "compare")
    if labels is None:
        raise ValueError(
            "`compare(...)`: progress needs labels, and the runs have none. `joint_embedding(...)` works without them."
        )
    dendrogram(torch.zeros(1, 1))  # raises where SciPy is missing, before hours of work
    metadata = [run.metadata for run in trajectories]
    keys = factors(metadata) if group_by is None else [group_by] if isinstance(group_by, str) else list(group_by)
    no_distances = torch.zeros(len(trajectories), len(trajectories), dtype=torch.float64)
    members = {"all": list(range(len(trajectories)))}
    for key in keys:
        groups = grouping(no_distances, key, metadata)  # raises for an unknown key, before hours of work
        if group_by is not None:
            for g, value in enumerate(groups.values):
                members[f"{key}={value}"] = (groups.member == g).nonzero().flatten().tolist()

    work = Work(memory, None if folder is None else Path(folder), torch.device(device), watch)
    points = Checkpoints(trajectories)
    content = digest(points, work) if work.folder is not None else ""
    all_courses = courses(points, labels, objective, work, content)
    runs = [ReindexedRun(run, course.progress, n) for run, course in zip(points.runs, all_courses, strict=True)]
    name = f"{content} {objective}"
    null, lengths = shuffle_null(runs, labels, n, draws, seed, work, name)
    shuffle = shuffled_within_classes(labels, seed) if draws else None
    further = _affordable(len(runs)) if permutations is None else permutations
    seeds = range(seed + draws, seed + draws + (further if draws else 0))
    orders = torch.stack([shuffled_within_classes(labels, each) for each in seeds]) if seeds else None
    apart = at_equal_progress(runs, n, members, work, name, shuffle, orders)
    embedding = embed(trajectories, labels, landmarks, n_components, seed, work, content)
    return Comparison(
        names=unique_names([run.name for run in trajectories]),
        embedding=embedding,
        distances=apart.distances,
        whole_range=apart.whole_range,
        tree=dendrogram(apart.distances),
        null=null,
        shuffled=apart.shuffled,
        permuted=apart.permuted,
        courses=tuple(all_courses),
        reindexed_lengths=lengths,
        geodesic_length=2 * math.acos(points.classes**-0.5),
        progress_values=values,
        speed=torch.stack([steps_to_reach(course.steps, course.progress, values) for course in all_courses]),
        tubes=apart.tubes,
        groups={key: grouping(apart.distances, key, metadata) for key in keys},
        metadata=tuple(metadata),
        notes=_notes(trajectories, all_courses),
    )


def _affordable(runs: int) -> int:
    """Returns as many permutations as take no longer than the rest; none where they are too few for p = 5 %."""
    found = min(99, 80_000 // runs**2)
    return found if found >= 19 else 0


def _checked(
    landmarks: int | None,
    n: int,
    draws: int,
    permutations: int | None,
    n_components: int,
    progress_values: Sequence[float],
) -> Tensor:
    check_landmarks(landmarks, "compare")
    if n < 1 or draws < 0 or n_components < 1 or (permutations or 0) < 0:
        raise ValueError(
            f"`compare(n={n!r}, draws={draws!r}, permutations={permutations!r}, n_components={n_components!r})`: n and "
            "n_components must be positive, such as 100 and 3, draws and permutations not negative."
        )
    if not all(0 < value <= 1 for value in progress_values):
        raise ValueError(f"`compare(progress_values={progress_values!r})`: must lie in (0, 1], such as (0.5, 0.9).")
    return torch.tensor(tuple(progress_values), dtype=torch.float64)


def _notes(runs: Sequence[RecordedRun], all_courses: Sequence[Course]) -> tuple[str, ...]:
    """Returns notes for the reader on what limits the numbers."""
    notes = []
    half = [run.name for run in runs if str(run.amplitudes[:1].dtype).endswith("float16")]
    if half:
        notes.append(
            f"{len(half)} of {len(runs)} runs are stored in half precision: lengths made of steps below 1e-2 are off "
            "by 1 % and more."
        )
    first = runs[0].steps.tolist()
    if any(run.steps.tolist() != first for run in runs):
        notes.append("Runs were recorded at different steps: compare re-indexed lengths, not lengths over records.")
    short = sum(float(course.progress.max()) < _SHORT for course in all_courses)
    if short:
        notes.append(
            f"{short} of {len(runs)} runs never reach progress {_SHORT:g}: their distances are over the progress that "
            "they reach, and compare only beginnings. Distances over the whole range repeat their last record."
        )
    return tuple(notes)


_SHORT = 0.8
"""Progress below which a run is noted: a fifth of the grid or more is then not compared."""
