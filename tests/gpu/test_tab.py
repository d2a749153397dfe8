"""What TensorBoard's tab gets from a device is what the trajectory says."""

import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger

from lightning_infogeo import Probe, TabSettings
from tests.helpers.gpu_fits import FEATURES, Net, fit, images, watching
from tests.helpers.tab_files import TabFiles


@pytest.mark.parametrize("trained", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("classes", [10, 2000])
def test_rows_of_samples_agree_with_the_curves(classes, trained, accelerator, tmp_path):
    logger, monitor = TensorBoardLogger(tmp_path, name=""), watching(tab=TabSettings("2MB"), embedding=False)
    fit([monitor], tmp_path, accelerator, lambda: Net(classes=classes), images(), logger=logger, precision=trained)
    files, trajectory = TabFiles(logger.log_dir), monitor.trajectories["val"]
    assert files.steps("infogeo/val/answers") == trajectory.steps.tolist()
    whole = files.about["infogeo/val/answers"]["indices"] is None
    for k, (_, answers) in enumerate(files.values["infogeo/val/answers"]):
        own, rival, predicted = torch.tensor(answers).double().T
        labels = torch.tensor(files.about["infogeo/val/answers"]["labels"])
        assert ((own > rival) == (predicted == labels))[own != rival].all()
        if whole:
            assert float(-own.mean() / 2) == pytest.approx(float(trajectory.distance_to_truth[k]), rel=1e-3)
    for _, coded in files.values["infogeo/val/amplitudes"]:
        values = torch.tensor(coded).double()
        if classes == 10:
            assert (values / 255).norm(dim=1).allclose(torch.ones(len(values), dtype=torch.float64), atol=0.01)
        else:
            assert (values - 128).abs().amax(1).unique().tolist() == [127]


@pytest.mark.parametrize("classes", [10, 2000])
def test_probes_without_labels_are_written_too_and_nothing_is_left_on_the_device(classes, accelerator, tmp_path):
    """Fewer samples of few classes, and sketches of many, are taken on the model's device."""
    probe = Probe(torch.randn(3000, FEATURES, generator=torch.Generator().manual_seed(0)))
    logger, monitor = TensorBoardLogger(tmp_path, name=""), watching(probes=probe, tab=TabSettings(10**6))
    fit([monitor], tmp_path, accelerator, lambda: Net(classes=classes), images(), logger=logger)
    files = TabFiles(logger.log_dir)
    about = files.about["infogeo/probe/answers"]
    assert about["samples"] < about["of"] == 3000
    assert (about["sketch"] is None) == (classes == 10)
    assert len(files.steps("infogeo/probe/answers")) == len(monitor.trajectories["probe"])
    rows = monitor._session.recorder.rows
    kept = [*rows._indices.values(), *(sketch._order for sketch in rows._sketches.values())]
    assert kept
    assert all(tensor.device.type == "cpu" for tensor in kept)
