"""Runs that cannot be compared are named, with a remedy."""

import pytest
import torch

from lightning_infogeo.comparison import Recording, compare, joint_embedding
from lightning_infogeo.comparison.compatibility import unique_names
from tests.helpers.synthetic_runs import training

RUN = training(0)


def test_runs_of_other_probes_are_named():
    others = [training(1), training(2)._replace(fingerprint="other"), training(3)._replace(fingerprint="third")]
    with pytest.raises(ValueError, match=r"runs 'w0-s0', 'w0-s1' and 'w0-s2', 'w0-s3' differ in probe fingerprint"):
        compare([RUN, *others])
    with pytest.raises(ValueError, match="pass same_probe=True"):
        joint_embedding([RUN, others[1]])


def test_the_same_probe_by_word_is_accepted_where_shapes_and_labels_agree():
    other = RUN._replace(name="augmented", fingerprint="other")
    assert compare([RUN, other], same_probe=True).distances[0, 1] < 1e-12
    with pytest.raises(ValueError, match=r"'w0-s0' and 'augmented' differ in labels\."):
        compare([RUN, other._replace(labels=RUN.labels.roll(1))], same_probe=True)
    with pytest.raises(ValueError, match=r"differ in samples and classes \(N, C\): \(40, 5\) and \(39, 5\)"):
        compare([RUN, other._replace(amplitudes=RUN.amplitudes[:, 1:], labels=RUN.labels[1:])], same_probe=True)
    with pytest.raises(ValueError, match="differ in labels"):
        compare([RUN, other._replace(labels=None)], same_probe=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": torch.arange(3)}, r"increasing steps, one for each of its 25 records, got shape \(3,\)"),
        ({"steps": torch.zeros(25, dtype=torch.int64)}, "increasing steps"),
        ({"steps": torch.arange(0), "amplitudes": torch.zeros(0, 40, 5)}, "run 'w0-s0' has no records; leave it out"),
        ({"amplitudes": torch.zeros(25, 0, 5)}, r"N and C at least 1, got \(25, 0, 5\)"),
        ({"amplitudes": torch.zeros(25, 40)}, r"shape \(T, N, C\)"),
        ({"labels": RUN.labels + 1}, r"must have shape \(40,\) and lie in \[0, 5\), got shape \(40,\), values 1 to 5"),
        ({"labels": RUN.labels[1:]}, r"got shape \(39,\)"),
        ({"labels": RUN.labels[:0]}, r"labels of no sample"),
        ({"steps": list(range(25))}, r"has steps of type list; pass torch.as_tensor\(steps\)"),
        ({"labels": RUN.labels.numpy()}, "has labels of type ndarray"),
        ({"amplitudes": RUN.amplitudes.square()}, r"must hold amplitudes, unit vectors √p: pass amplitudes\(logits\)"),
        ({"amplitudes": -RUN.amplitudes}, "must hold amplitudes"),
        ({"labels": None}, r"progress needs labels, .* `joint_embedding\(...\)` works without"),
        ({"amplitudes": RUN.amplitudes.index_fill(0, torch.tensor(7), torch.inf)}, "holds NaN or ∞ at step 7"),
    ],
)
def test_malformed_runs_are_named_with_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        compare([RUN._replace(**change)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"landmarks": 1}, r"`compare\(landmarks=1\)`: must be 2 or more"),
        ({"landmarks": -3}, r"landmarks=-3"),
        ({"n": 0}, r"`compare\(n=0, draws=4, permutations=None, n_components=3\)`"),
        ({"n_components": 0}, r"n_components=0"),
        ({"draws": -1}, r"draws=-1"),
        ({"progress_values": (0.5, 1.5)}, r"must lie in \(0, 1\]"),
        ({"group_by": "depth"}, r"`group_by='depth'`: no run has this key"),
        ({"objective": "euclid"}, r"objective='euclid'"),
    ],
)
def test_arguments_out_of_range_are_named_with_a_remedy(arguments, message):
    with pytest.raises(ValueError, match=message):
        compare([RUN], **arguments)


def test_no_runs_are_an_error():
    with pytest.raises(ValueError, match=r"`compare\(trajectories=\[\]\)`: needs at least one run"):
        compare([])


def test_unlabelled_runs_can_be_embedded():
    runs = [run._replace(labels=None) for run in (RUN, training(1))]
    found = joint_embedding(runs)
    assert found.milestones.shape == (1, 3)
    assert found.coordinates.shape == (50, 3)


def test_names_are_told_apart():
    assert unique_names(["a", "b", "a", "a"]) == ("a", "b", "a (2)", "a (3)")


def test_a_recording_of_arrays_needs_no_more_than_name_steps_and_amplitudes():
    bare = Recording("bare", torch.arange(2), torch.full((2, 1, 1), 1.0).numpy())
    assert joint_embedding([bare, bare]).coordinates.abs().max() < 1e-6
