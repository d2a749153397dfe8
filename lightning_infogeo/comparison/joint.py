"""One InPCA embedding of all checkpoints of all runs, with ignorance, truth and the geodesic between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.comparison.checkpoints import Checkpoints, digest, read
from lightning_infogeo.comparison.compatibility import agreed_labels
from lightning_infogeo.comparison.exact_distances import exact_distances
from lightning_infogeo.comparison.jobs import Work, fingerprint_of
from lightning_infogeo.comparison.landmarks import landmark_inpca
from lightning_infogeo.comparison.run import RecordedRun, Recording
from lightning_infogeo.embedding.inpca import inpca
from lightning_infogeo.geodesics import geodesic, ignorance, truth

_MILESTONES = 11
_EXACT = 5000
_LANDMARKS = 500


class JointEmbedding(NamedTuple):
    """The checkpoints of all runs on common axes.

    Attributes:
        coordinates: of the checkpoints, one run after the other, shape (M, k), axes in the order of |eigenvalue|.
        member: index of the run of each, shape (M,).
        steps: of each, shape (M,).
        milestones: coordinates of ignorance P_0 and, with labels, of ten more points of the geodesic to truth, the last
            being truth P_*; shape (11 or 1, k). They are among the embedded points.
        eigenvalues: shape (k,), negative for time-like axes. With landmarks, of the landmarks.
        explained_stress: 1 − √(1 − Σ_{i ≤ k} Λ_i² / Σ Λ_i²), range [0, 1]. With landmarks, theirs, each weighted by the
            number of points nearest to it.
        explained_distance: 1 − Σ |D̂ − D| / Σ D, at most 1. With landmarks, theirs.
        distances: d_B between all M checkpoints and milestones, these last, shape (M + 11, M + 11) or (M + 1, M + 1);
            None with landmarks.
        landmarks: indices among the checkpoints and milestones, shape (L,); None where all distances were taken.
        error: Σ |D̂ − D| / Σ D over pairs of random checkpoints, none a landmark, with D exact; without landmarks
            1 − explained_distance.
    """

    coordinates: Tensor
    member: Tensor
    steps: Tensor
    milestones: Tensor
    eigenvalues: Tensor
    explained_stress: float
    explained_distance: float
    distances: Tensor | None
    landmarks: Tensor | None
    error: float

    def stress(self, dimensions: int) -> float:
        """Returns the explained stress of the first axes, at most all k."""
        squares = self.eigenvalues.square()
        whole = float(squares.sum()) / max(1 - (1 - self.explained_stress) ** 2, 1e-300)
        share = float(squares[:dimensions].sum()) / whole if whole else 1.0
        return 1 - math.sqrt(max(1 - share, 0.0))


def joint_embedding(
    trajectories: Sequence[RecordedRun],
    landmarks: int | None = None,
    same_probe: bool = False,
    *,
    n_components: int = 3,
    seed: int = 0,
    work: Work | None = None,
) -> JointEmbedding:
    """Returns the checkpoints of all runs on common InPCA axes.

    P_0 and, where the probe has labels, P_* and the geodesic between them are embedded with the checkpoints. Every
    checkpoint counts the same, so that a run with more records weighs more.

    Args:
        trajectories: runs recorded on one probe.
        landmarks: number L of landmarks, chosen farthest from each other beginning with P_0, on whose axes the rest is
            placed; time then grows with L · M rather than with M². None for all distances up to 5,000 points in all and
            500 landmarks beyond; 0 for all distances whatever their number.
        same_probe: assumes that runs with different fingerprints saw the same samples, where N, C and labels agree.
        n_components: number of axes k.
        seed: of the random choices made with landmarks.
        work: memory, folder for finished tiles, device, progress bars.

    Raises:
        ValueError: where there are no runs, or their probes, shapes or labels differ.
    """
    check_landmarks(landmarks, "joint_embedding")
    labels = agreed_labels(trajectories, same_probe, "joint_embedding")
    work = work or Work()
    content = digest(Checkpoints(trajectories), work) if work.folder is not None else ""
    return embed(trajectories, labels, landmarks, n_components, seed, work, content)


def embed(
    trajectories: Sequence[RecordedRun],
    labels: Tensor | None,
    landmarks: int | None,
    n_components: int,
    seed: int,
    work: Work,
    content: str,
) -> JointEmbedding:
    """Returns ``joint_embedding`` of runs whose compatibility has been checked."""
    milestones = _milestones(trajectories[0], labels)
    runs, marks = Checkpoints(trajectories), len(milestones.steps)
    points = Checkpoints([*trajectories, milestones])
    content = fingerprint_of(content, labels if labels is None else labels.tolist())
    if landmarks is None:
        landmarks = _LANDMARKS if len(points) > _EXACT else 0
    indices: Tensor | None = None
    if 0 < landmarks < len(points):
        settings: dict[str, Any] = {"n_components": n_components, "seed": seed, "content": content}
        coordinates, axes, indices, _, error = landmark_inpca(points, landmarks, work, first=len(runs), **settings)
    else:
        axes = inpca(exact_distances(points, work, content=content), n_components)
        coordinates, error = axes.coordinates, 1 - float(axes.explained_distance)
    # An eigenvector has no sign: the first axis points from ignorance to truth, the others to where the last run ends.
    sides = coordinates[len(runs) - 1].clone()
    if marks > 1:
        sides[0] = coordinates[-1, 0] - coordinates[len(runs), 0]
    coordinates = coordinates * torch.where(sides < 0, -1.0, 1.0)
    return JointEmbedding(
        coordinates=coordinates[: len(runs)],
        member=runs.member,
        steps=runs.steps,
        milestones=coordinates[len(runs) :],
        eigenvalues=axes.eigenvalues,
        explained_stress=float(axes.explained_stress),
        explained_distance=float(axes.explained_distance),
        distances=axes.distances if indices is None else None,
        landmarks=indices,
        error=error,
    )


def _milestones(run: RecordedRun, labels: Tensor | None) -> Recording:
    like = read(run, torch.tensor([0]))[0]
    points = ignorance(like)[None]
    if labels is not None:
        at = torch.linspace(0, 1, _MILESTONES, dtype=like.dtype)
        points = geodesic(points[0], truth(labels, like), at)
    return Recording("milestones", torch.arange(len(points)), points)


def check_landmarks(landmarks: int | None, function: str) -> None:
    """Raises ``ValueError`` for a number of landmarks that cannot be used."""
    if landmarks is not None and (landmarks < 0 or landmarks == 1):
        raise ValueError(f"`{function}(landmarks={landmarks!r})`: must be 2 or more, such as 500; 0 for all distances.")
