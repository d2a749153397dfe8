"""The demo, the options of the command line, and what importing the package costs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lightning_infogeo import InfoGeometryMonitor
from lightning_infogeo.cli import main
from tests.helpers.loggers import scalars

ROOT = Path(__file__).parents[2]


def test_the_demo_says_how_to_watch_tells_of_events_and_sums_up(tmp_path, capsys, lines_are_written):
    main(["demo", "--logdir", str(tmp_path), "--max-steps", "1000", "--seed", "1"])
    written = capsys.readouterr()
    beside = [line for line in written.err.splitlines() if line.startswith("[infogeo]")]
    assert any(f"--logdir {tmp_path}" in line for line in beside)
    assert any("pinnedCards=" in line for line in beside)
    assert "GPU available" not in written.err
    shown = " ".join(written.out.split())
    before, after = shown.split("Information geometry of this training")
    told = [*re.finditer(r"overfitting on val since step (\d+), known at (\d+): val has moved away", before)][-1]
    assert f"In short: it overfits since step {told[1]}; the monitor knew at step {told[2]}" in after
    assert all(len(line) <= 80 for line in written.out.splitlines() if str(tmp_path) not in line)
    picture = tmp_path / "version_0" / "curves.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert str(picture) in shown
    logged = scalars(tmp_path / "version_0")
    assert {"train_loss", "val_loss", "infogeo/train/velocity", "infogeo/val/distance_to_truth"} <= logged.keys()
    assert logged["infogeo/val/length"][-1][0] == 999


def test_a_short_demo_sums_up_too(tmp_path, capsys):
    main(["demo", "--logdir", str(tmp_path), "--max-steps", "20"])
    assert "In short: no sign of overfitting in 20 steps." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["demo", "--max-steps", "0"], "max-steps"), (["demo", "--seed", "-1"], "seed"), (["dance"], "dance"), ([], "")],
)
def test_impossible_arguments_exit_with_two(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_missing_extra_names_its_install_command(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit) as stopped:
        main(["demo", "--logdir", str(tmp_path)])
    assert stopped.value.code == 1
    assert "pip install 'lightning-infogeo[demo]'" in capsys.readouterr().err


def test_pandas_is_only_needed_for_frames(monkeypatch, tmp_path):
    from lightning_infogeo import Trajectory
    from lightning_infogeo.trajectory import export

    monkeypatch.setitem(sys.modules, "pandas", None)
    trajectory = Trajectory(["length"], "", 1, "")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'lightning-infogeo\[analysis\]'"):
        export.to_frame(trajectory)


def test_the_command_is_installed():
    done = subprocess.run([Path(sys.executable).parent / "lightning-infogeo", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "demo" in done.stdout


@pytest.mark.filterwarnings("ignore:LightningCLI's args parameter is intended to run from within Python")
@pytest.mark.filterwarnings("ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning")  # raised by Lightning
class TestLightningCLI:
    @pytest.fixture
    def run(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(str(ROOT / "examples"))
        from lightning_cli import main

        return main

    def test_the_example_configures_the_monitor_from_yaml(self, run):
        cli = run(["fit", "--config", str(ROOT / "examples" / "lightning_cli.yaml"), "--trainer.max_steps=60"])
        first, second = (c for c in cli.trainer.callbacks if isinstance(c, InfoGeometryMonitor))
        assert (first.schedule.per_decade, len(first.followed["val"])) == (12, 256)
        assert second.trajectories["val"].steps.tolist() == [0, 50, 60]
        written = scalars(cli.trainer.logger.log_dir)
        assert {"infogeo/val/length", "cooled/val/length", "val_loss"} <= written.keys()

    @pytest.mark.parametrize("form", ["one", "named"])
    def test_probes_can_be_given_in_yaml(self, form, run, tmp_path):
        (tmp_path / "held.py").write_text(
            "from torch.utils.data import Dataset\n"
            "from tests.helpers.classifiers import IMAGES, LABELS\n"
            "class Held(Dataset):\n"
            "    def __init__(self, size: int = 5):\n"
            "        self.size = size\n"
            "    def __len__(self):\n"
            "        return self.size\n"
            "    def __getitem__(self, k):\n"
            "        return IMAGES[k], LABELS[k]\n"
            "def plain(module, inputs):\n"
            "    return module(inputs)\n"
        )
        one = "{class_path: held.Held, init_args: {size: 7}}"
        probes = one if form == "one" else f"{{held: {one}}}"
        monitor = "lightning_infogeo.InfoGeometryMonitor"
        arguments = f"{{class_path: {monitor}, init_args: {{logits_fn: held.plain, probes: {probes}}}}}"
        (tmp_path / "probes.yaml").write_text(f"trainer: {{max_steps: 2, callbacks: [{arguments}]}}")
        sys.path.insert(0, str(tmp_path))
        try:
            base = ["--config", str(ROOT / "examples" / "lightning_cli.yaml")]
            cli = run(["fit", *base, "--config", str(tmp_path / "probes.yaml"), "--trainer.logger=false"])
        finally:
            sys.path.remove(str(tmp_path))
        found = next(c for c in cli.trainer.callbacks if isinstance(c, InfoGeometryMonitor))
        assert {name: len(probe) for name, probe in found.followed.items()} == {"probe" if form == "one" else "held": 7}

    def test_help_shows_the_arguments(self, run, capsys):
        with pytest.raises(SystemExit):
            run(["fit", "--trainer.callbacks.help=lightning_infogeo.InfoGeometryMonitor"])
        shown = capsys.readouterr().out
        assert "probe_size" in shown
        assert "the most samples to take" in shown

    def test_it_runs_as_its_docstring_says(self, tmp_path):
        command = [sys.executable, ROOT / "examples" / "lightning_cli.py", "fit", "--config"]
        command += [ROOT / "examples" / "lightning_cli.yaml", "--trainer.max_steps=5"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
