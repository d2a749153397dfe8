"""Many runs on one map: embedding, distances between trajectories, what groups them, and how fast they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lightning_infogeo.comparison.checkpoints import Checkpoints, digest
from lightning_infogeo.comparison.compatibility import agreed, distinct
from lightning_infogeo.comparison.course import Course, courses
from lightning_infogeo.comparison.dendrogram import dendrogram
from lightning_infogeo.comparison.grouping import factors, grouping
from lightning_infogeo.comparison.jobs import Watch, Work
from lightning_infogeo.comparison.joint import checked_landmarks, embedded
from lightning_infogeo.comparison.nulls import shuffle_null
from lightning_infogeo.comparison.reindexed import Reindexed, at_equal_progress
from lightning_infogeo.comparison.result import Comparison
from lightning_infogeo.comparison.run import Recorded
from lightning_infogeo.comparison.speed import steps_to_reach
from lightning_infogeo.geodesics import Objective


def compare(
    trajectories: Sequence[Recorded],
    landmarks: int | None = None,
    same_probe: bool = False,
    *,
    group_by: str | Sequence[str] | None = None,
    n_components: int = 3,
    objective: Objective = "arc",
    progress_values: Sequence[float] = (0.25, 0.5, 0.75, 0.9),
    n: int = 100,
    draws: int = 4,
    seed: int = 0,
    memory: int = 2**28,
    folder: str | Path | None = None,
    device: str | torch.device = "cpu",
    watch: Watch | None = None,
) -> Comparison:
    """Returns what runs recorded on one probe have in common, and in what they differ (after arXiv 2305.01604).

    Nothing holds all amplitudes at once: runs are read block by block. Where ``torch.distributed`` is initialised, as
    under Lightning Fabric or torchrun, the work is shared by all ranks; each gets the whole result, which does not
    depend on their number but for rounding (1e-12).

    Args:
        trajectories: runs with labels on one probe.
        landmarks: of the embedding, as of ``joint_embedding``: None for all distances up to 5,000 checkpoints and 500
            landmarks beyond; 0 for all distances always.
        same_probe: takes runs of differing fingerprints to have seen the same samples, where N, C and labels agree.
        group_by: key or keys of the metadata, dotted where nested; None for every key whose values differ between runs
            while some runs share one. Given keys also have their groups' tubes computed.
        n_components: number of axes of the embedding.
        objective: of progress, "arc" or "bhattacharyya"; never compare across these.
        progress_values: for which the steps to reach them are found, each in (0, 1].
        n: values of progress at which trajectories are compared.
        draws: shuffles behind the null.
        seed: of shuffles and landmarks.
        memory: bytes of working memory to use at most in each process, beside results.
        folder: where finished pieces are kept, so that a run cut short goes on where it stopped; shared by all ranks.
            All records are then read once more, for a fingerprint, so that pieces of other data are never taken.
        device: on which distances are computed.
        watch: called as (stage, done, total) in the first process, for progress bars.

    Raises:
        ValueError: naming the runs, where they do not belong on one map (other probes, shapes or labels), one is empty,
            or holds NaN; where there are no labels, without which there is no progress: ``joint_embedding`` does
            without them.
        ModuleNotFoundError: where SciPy is not installed.
    """
    values = _checked(landmarks, n, draws, n_components, progress_values)
    labels = agreed(trajectories, same_probe, "compare")
    if labels is None:
        raise ValueError(
            "`compare(...)`: progress needs labels, and the runs have none. `joint_embedding(...)` works without."
        )
    dendrogram(torch.zeros(1, 1))  # a missing SciPy is said before hours of work
    metadata = [run.metadata for run in trajectories]
    keys = factors(metadata) if group_by is None else [group_by] if isinstance(group_by, str) else list(group_by)
    whole = torch.zeros(len(trajectories), len(trajectories), dtype=torch.float64)
    members = {"all": list(range(len(trajectories)))}
    for key in keys:
        groups = grouping(whole, key, metadata)  # an unknown key too
        if group_by is not None:
            for g, value in enumerate(groups.values):
                members[f"{key}={value}"] = (groups.member == g).nonzero().flatten().tolist()

    work = Work(memory, None if folder is None else Path(folder), torch.device(device), watch)
    points = Checkpoints(trajectories)
    content = digest(points, work) if work.folder is not None else ""
    followed = courses(points, labels, objective, work, content)
    runs = [Reindexed(run, course.progress, n) for run, course in zip(points.runs, followed, strict=True)]
    name = f"{content} {objective}"
    null, lengths = shuffle_null(runs, labels, n, draws, seed, work, name)
    distances, tubes = at_equal_progress(runs, n, members, work, name)
    embedding = embedded(trajectories, labels, landmarks, n_components, seed, work, content)
    return Comparison(
        names=distinct([run.name for run in trajectories]),
        embedding=embedding,
        distances=distances,
        tree=dendrogram(distances),
        null=null,
        courses=tuple(followed),
        reindexed_lengths=lengths,
        geodesic_length=2 * math.acos(points.classes**-0.5),
        progress_values=values,
        speed=torch.stack([steps_to_reach(one.steps, one.progress, values) for one in followed]),
        tubes=tubes,
        groups={key: grouping(distances, key, metadata) for key in keys},
        metadata=tuple(metadata),
        notes=_notes(trajectories, followed),
    )


def _checked(landmarks: int | None, n: int, draws: int, n_components: int, progress_values: Sequence[float]) -> Tensor:
    checked_landmarks(landmarks, "compare")
    if n < 1 or draws < 0 or n_components < 1:
        raise ValueError(
            f"`compare(n={n!r}, draws={draws!r}, n_components={n_components!r})`: n and n_components must be positive, "
            "such as 100 and 3, draws not negative."
        )
    if not all(0 < value <= 1 for value in progress_values):
        raise ValueError(f"`compare(progress_values={progress_values!r})`: must lie in (0, 1], such as (0.5, 0.9).")
    return torch.tensor(tuple(progress_values), dtype=torch.float64)


def _notes(runs: Sequence[Recorded], followed: Sequence[Course]) -> tuple[str, ...]:
    """What the reader of the numbers should know."""
    notes = []
    half = [run.name for run in runs if str(run.amplitudes[:1].dtype).endswith("float16")]
    if half:
        notes.append(
            f"{len(half)} of {len(runs)} runs are stored in half precision: lengths made of steps below 1e-2 are off "
            "by 1 % and more."
        )
    first = runs[0].steps.tolist()
    if any(run.steps.tolist() != first for run in runs):
        notes.append("Runs were recorded at different steps: lengths over records do not compare, re-indexed ones do.")
    short = sum(float(course.progress.max()) < _SHORT for course in followed)
    if short:
        notes.append(
            f"{short} of {len(runs)} runs never reach progress {_SHORT:g}: their last record stands for them from "
            "there on, which makes their distances larger."
        )
    return tuple(notes)


_SHORT = 0.8
"""Of progress: a run that ends before it is compared by its last record over a fifth of the grid and more."""
