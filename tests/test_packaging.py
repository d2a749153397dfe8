"""What is built can be installed: wheel and sdist hold what they should, and no more. Needs hatchling.

The wheel is unpacked into a fresh environment, which is all that installing a pure one means, beside the dependencies
of this interpreter; so no index is asked.
"""

import contextlib
import importlib.metadata
import importlib.util
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
PACKAGES = ("lightning_infogeo", "infogeo_tensorboard")
FOUND = importlib.util.find_spec("hatchling") is not None
pytestmark = pytest.mark.skipif(not FOUND, reason="hatchling is not installed")


def build(root, kind, folder):
    code = "import sys; from hatchling import build; print(getattr(build, f'build_{sys.argv[1]}')(sys.argv[2]))"
    done = subprocess.run([sys.executable, "-c", code, kind, folder], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Path(folder) / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    return build(ROOT, "wheel", folder), build(ROOT, "sdist", folder)


def modules():
    """All that belongs into the packages: what is tracked or could be, without caches."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*"))
    paths = (path for path in files if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in paths}


def test_the_wheel_holds_the_packages_alone(built):
    with zipfile.ZipFile(built[0]) as wheel:
        names = set(wheel.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        about = wheel.read(metadata).decode()
        (entry,) = (name for name in names if name.endswith("entry_points.txt"))
        points = wheel.read(entry).decode()
        assert "lightning-infogeo = lightning_infogeo.cli:main" in points
        assert "[tensorboard_plugins]\ninfogeo = infogeo_tensorboard:InfogeoLoader" in points
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == modules()
    assert {f"{package}/py.typed" for package in PACKAGES} <= inside
    assert "infogeo_tensorboard/static/index.js" in inside
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert "Name: lightning-infogeo" in about
    assert "Requires-Dist: torch>=2.6" in about


def test_the_sdist_holds_tests_and_documents_and_builds_the_same_wheel(built, tmp_path):
    with tarfile.open(built[1]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
        sdist.extractall(tmp_path, filter="data")
    for needed in (
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "SECURITY.md",
        "Makefile",
        "constraints.txt",
    ):
        assert needed in names
    assert modules() <= names
    assert "tests/helpers/oracles.py" in names
    assert "docs/guide.md" in names
    assert not [name for name in names if name.startswith(("shared", ".venv")) or "__pycache__" in name]
    (root,) = tmp_path.iterdir()
    again = build(root, "wheel", tmp_path)
    with zipfile.ZipFile(built[0]) as first, zipfile.ZipFile(again) as second:
        assert {n: first.getinfo(n).CRC for n in first.namelist()} == {
            n: second.getinfo(n).CRC for n in second.namelist()
        }


def test_unpacked_in_a_fresh_environment_it_is_imported_and_its_command_runs(built, tmp_path):
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    where = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    site = Path(subprocess.run([python, "-c", where], capture_output=True, text=True, check=True).stdout.strip())
    with zipfile.ZipFile(built[0]) as wheel:
        wheel.extractall(site)
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    code = (
        "import importlib.metadata as m, lightning_infogeo as g; print(g.__file__, m.version(g.__name__), sep='\\n');"
        "from tensorboard.default import get_dynamic_plugins as found;"
        "assert 'infogeo_tensorboard' in [one.__module__ for one in found()];"
        "g.InfoGeometryMonitor(); from lightning_infogeo.cli import main; main(['--version'])"
    )
    done = subprocess.run([python, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    file, version, said = done.stdout.splitlines()
    assert Path(file).is_relative_to(site)
    assert version in said


def test_every_pinned_version_is_one_for_python_3_11_from_its_first_release_on():
    """Debian 12 has 3.11.2: a pin that needs a later one would end both commands of the README."""
    pinned = [line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    required = {}
    for name in pinned:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            required[name] = importlib.metadata.metadata(name)["Requires-Python"]
    assert len(required) > len(pinned) / 2
    assert [name for name, versions in required.items() if versions and "3.11.0" not in SpecifierSet(versions)] == []
