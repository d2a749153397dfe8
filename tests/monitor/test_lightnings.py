"""Whichever package of Lightning a project imports, before the callback or after it, and never both.

Each training is in a process of its own, which sees one package alone.
"""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "helpers" / "lightnings_run.py"
LOADED = {"lightning.pytorch": ["lightning"], "pytorch_lightning": ["lightning_fabric", "pytorch_lightning"]}
OTHER = {"lightning.pytorch": "pytorch_lightning", "pytorch_lightning": "lightning.pytorch"}
DISTRIBUTIONS = {"lightning.pytorch": "lightning", "pytorch_lightning": "pytorch-lightning"}
packages = pytest.mark.parametrize("package", LOADED)
orders = pytest.mark.parametrize("order", ["before", "after"])


def command(*arguments, folder=ROOT, **environment):
    """What a process of Python has printed, and whether it ended well."""
    paths = {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    options = {"cwd": folder, "capture_output": True, "text": True, "timeout": 540, "check": False}
    done = subprocess.run([sys.executable, *map(str, arguments)], env={**os.environ, **paths, **environment}, **options)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]


def seen(case, folder, package, order="before"):
    """What a case of ``lightnings_run`` has seen of one package; the other was not loaded."""
    command(SCRIPT, case, folder, package, order)
    found = json.loads((folder / "seen.json").read_text())
    assert case == "mixed" or found["loaded"] == LOADED[package]
    return found


@packages
def test_every_logger_gets_everything_and_what_a_forward_logs_is_unchanged(package, tmp_path):
    found = seen("logs", tmp_path, package)
    events, rows = found["with"]["events"], found["with"]["csv"]
    assert {"infogeo/train/velocity", "infogeo/train/length", "infogeo/markers", "size"} <= set(events["scalars"])
    assert {"infogeo/embedding", "infogeo/distances"} <= set(events["images"])
    assert any(tag.startswith("infogeo/train/points") for tag in events["tensors"])
    assert "third on train since step 1, known at 2" in events["events"]
    assert [line for line in found["said"] if line.startswith("[infogeo] third on train since step 1, known at 2: ")]
    assert len([row for row in rows if row["infogeo/train/length"]]) == 12
    own = ("size", "largest", "smallest")
    logged = [[{key: row[key] for key in own} for row in run if row["size"]] for run in (rows, found["without"]["csv"])]
    assert logged[0] == logged[1]
    assert len({row["size"] for row in logged[0]}) == 12  # of 12 batches; one of the probe would be another


@orders
@packages
def test_the_callback_and_its_error_belong_to_the_package_that_is_loaded(package, order, tmp_path):
    found = seen("belongs", tmp_path, package, order)
    del found["loaded"]
    assert found == {"subclass": True, "copied": True, "error": "ConfigurationError", "recorded": 1}


@orders
@packages
def test_a_command_line_takes_it_by_name_in_yaml_and_as_arguments(package, order, tmp_path):
    recorded = seen("cli", tmp_path, package, order)["recorded"]
    assert recorded == {"named": list(range(9)), "arguments": [0, 2, 4, 6, 8]}


@pytest.mark.parametrize("start", ["forked", "spawned"])
@packages
def test_two_processes_record_the_same(package, start, tmp_path):
    seen(start, tmp_path, package)
    ranks = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("rank*.json"))]
    processes, steps, length, loaded = ranks[0]
    assert ranks == [ranks[0]] * 2
    assert (processes, steps, loaded) == (2, list(range(7)), LOADED[package])
    assert 0 < length[1] < length[-1]


@packages
def test_a_checkpoint_of_one_package_resumes_in_the_other(package, tmp_path):
    folders = {name: tmp_path / name for name in ("saves", "resumes", "unbroken")}
    for folder in folders.values():
        folder.mkdir()
    versions = seen("saves", folders["saves"], package)["versions"]
    assert versions[DISTRIBUTIONS[package]] == version(DISTRIBUTIONS[package])
    assert DISTRIBUTIONS[OTHER[package]] not in versions
    shutil.copy(folders["saves"] / "half.ckpt", folders["resumes"])
    resumed, unbroken = (seen("resumes", folders[name], OTHER[package]) for name in ("resumes", "unbroken"))
    assert resumed == unbroken
    assert len(resumed["length"]) == 17


@packages
def test_both_in_one_process_are_served_and_what_cannot_go_together_is_named(package, tmp_path):
    found = seen("mixed", tmp_path, package, "after")
    assert found["loaded"] == sorted(name for names in LOADED.values() for name in names)
    assert {"infogeo/embedding", "infogeo/distances"} <= set(found["events"]["images"])  # a logger of the other
    assert "third on train since step 1, known at 2" in found["events"]["events"]
    first, second = found["lengths"]  # by a Trainer of each
    assert first == second
    assert len(first) == 13
    assert found["module"][0] == "TypeError"  # Lightning's own, before any callback is asked
    advice = f"write `import {package} as pl` instead of `import {OTHER[package]} as pl`"
    error, message = found["data"]
    assert error == "ConfigurationError"
    assert f"the Trainer is from `{package}`, but `Data` from `{OTHER[package]}`" in message
    assert advice in message
    assert f"`Theirs` from `{OTHER[package]}`" in found["setup"]
    assert advice in found["setup"]


WRITTEN_FOR_ONE = {
    "monitor/test_compatibility": [
        "test_training_is_unchanged_and_curves_are_right",
        "test_the_precision_of_training_is_followed_where_asked_for",
        "test_beside_weight_averaging_the_weights_in_training_are_probed_and_the_average_on_request",
        "test_the_last_record_of_stochastic_weight_averaging_is_of_the_average",
    ],
    "monitor/test_logging": [
        "test_tensorboard_holds_every_record_at_the_step_of_lightnings_own_metrics",
        "test_csv_has_every_record_and_no_new_columns_later",
        "test_every_logger_of_the_trainer_gets_the_same_keys_at_every_record",
        "test_early_stopping_and_checkpoints_can_monitor_a_curve",
        "test_several_validation_loaders_are_followed_each_by_name",
    ],
    "monitor/host/test_embedding_plots": [
        "test_pictures_reach_tensorboard_at_log_spaced_records_and_at_the_end",
        "test_mesh_and_projector_on_request",
    ],
    "monitor/test_events": [
        "test_overfitting_is_flagged_while_it_happens_and_told_everywhere",
        "test_training_stops_at_the_first_record_at_which_the_flag_has_stood_if_asked",
    ],
    "monitor/test_resume": [
        "test_resuming_after_an_interruption_in_the_middle_of_an_epoch",
        "test_resuming_with_two_optimizers_dropout_and_augmented_data",
        "test_a_second_fit_goes_on",
        "test_the_checkpoint_holds_tensors_and_plain_values_only",
    ],
    "monitor/test_setup": [
        "test_a_sharded_strategy_is_refused_in_setup",
        "test_what_needs_more_than_a_part_of_the_model_is_refused_in_setup",
    ],
    "monitor/distributed/test_ddp": [
        "test_trajectories_and_metrics_are_the_same_in_every_process_and_weights_unchanged[2]",
        "test_an_error_in_the_set_up_is_raised_in_every_process",
    ],
    "monitor/distributed/test_probe_shards": ["test_processes_that_share_the_probes_record_what_one_does[curves-2]"],
    "monitor/distributed/test_model_parts": [
        "test_processes_that_hold_a_part_of_the_model_record_what_one_does[gathered-1e-06-2]"
    ],
}
ALONE = """
import sys

def pytest_sessionfinish(session):
    assert not {"lightning", "lightning.pytorch"} & {*sys.modules}, "a process saw both"
"""


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory):
    """A folder with these tests as they are where every import of one package is of the other."""
    folder = tmp_path_factory.mktemp("rewritten")
    for path in [*(ROOT / "tests").rglob("*.py"), ROOT / "pyproject.toml"]:
        text = path.read_text().replace("lightning.pytorch", "pytorch_lightning")
        place = folder / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text.replace("lightning.fabric", "lightning_fabric"))
    (folder / "conftest.py").write_text(ALONE)
    (folder / "lightning_infogeo").symlink_to(ROOT / "lightning_infogeo")
    return folder


@pytest.mark.parametrize("file", WRITTEN_FOR_ONE)
def test_what_holds_for_one_package_holds_for_the_other(file, rewritten, tmp_path):
    tests = [f"tests/{file}.py::{test}" for test in WRITTEN_FOR_ONE[file]]
    options = ["-q", "-p", "no:cacheprovider", "--basetemp", tmp_path / "made"]
    command("-m", "pytest", *options, *tests, folder=rewritten, PYTEST_ADDOPTS="")
