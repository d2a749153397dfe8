"""What a run has skipped stands in its last lines, with the reason, in one process and in several."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SKIPPING = """
    import pytest

    @pytest.mark.parametrize("n", range(3))
    def test_on_a_device(n):
        pytest.skip("needs a device")

    @pytest.mark.skipif(True, reason="needs a browser: install one")
    def test_in_a_browser(): pass

    def test_that_passes(): pass
"""
MODULE = """
    import pytest

    pytest.importorskip("no_such_package", reason="needs no_such_package")

    def test_never(): pass
"""
PASSING = "def test_that_passes(): pass"
FAILING = "def test_that_fails(): assert 'a reason to look at' == ''"


def last_lines(folder, files, options):
    """Runs pytest on files of its own and returns what stands at the end of what it writes."""
    (folder / "conftest.py").write_text("from tests.helpers.skipped import pytest_terminal_summary")
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text("\n".join(line.removeprefix("    ") for line in text.split("\n")))
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider", "--rootdir", ".", *options]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["one process", "two processes"])
def test_the_last_lines_name_what_was_skipped_and_why(tmp_path, options):
    written = last_lines(tmp_path, {"some": SKIPPING, "other": SKIPPING, "whole": MODULE, "bad": FAILING}, options)
    assert written[-4:-1] == [
        "6 skipped: needs a device (test_other.py, test_some.py)",
        "2 skipped: needs a browser: install one (test_other.py, test_some.py)",
        "1 skipped: needs no_such_package (test_whole.py)",
    ]
    assert "1 failed, 2 passed, 9 skipped" in written[-1]
    assert any(line.startswith("FAILED test_bad.py") for line in written[:-5])


def test_a_run_that_skips_nothing_says_nothing_of_it(tmp_path):
    written = last_lines(tmp_path, {"good": PASSING}, [])
    assert "1 passed" in written[-1]
    assert not any("skipped" in line for line in written)


def test_the_tests_of_this_project_are_summarised_so():
    """Negative control of the three above: pytest itself, without the hook, ends otherwise."""
    from tests import conftest
    from tests.helpers import skipped

    assert conftest.pytest_terminal_summary is skipped.pytest_terminal_summary


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ({"chromium": "exit 9"}, ""),
        ({"id": "echo 1000", "apt-get": "exit 9"}, "not root on Debian: the tests in tests/browser will be skipped"),
        ({"id": "echo 0"}, "not root on Debian: the tests in tests/browser will be skipped"),
        ({"id": "echo 0", "apt-get": "echo no network; exit 100"}, "will be skipped: no network"),
        ({"id": "echo 0", "apt-get": "echo much"}, "Installed chromium for tests/browser in"),
    ],
    ids=["there", "not root", "not Debian", "no network", "installed"],
)
def test_ci_installs_the_browser_where_it_can_and_never_fails_where_it_cannot(commands, said, tmp_path):
    for name, does in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    for tool in ("bash", "env", "mktemp", "rm", "tail", "timeout", "sh"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    command = [shutil.which("bash"), ROOT / ".ci" / "browser"]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert said in done.stdout
    assert len(done.stdout.splitlines()) == bool(said)
