"""A real TensorBoard in a process of its own, with the tab installed as a wheel would install it."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
FAST, SLOW = (), ("--load_fast=false",)
"""Flags of TensorBoard's two loaders."""


class Served:
    """A running TensorBoard.

    Attributes:
        address: of its root.
    """

    def __init__(self, address):
        self.address = address

    def fetch(self, path):
        """Returns status, content type and body of an address below the root."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=60) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read()

    def get(self, route, **arguments):
        """Returns status and JSON of an address of the tab."""
        query = urllib.parse.urlencode(arguments)
        code, _, body = self.fetch(f"data/plugin/infogeo/{route}?{query}")
        return code, json.loads(body)

    def until(self, condition, seconds=60):
        """Returns the state when a condition of it holds."""
        end = time.monotonic() + seconds
        while True:
            code, state = self.get("state")
            if code == 200 and condition(state):
                return state
            assert time.monotonic() < end, state
            time.sleep(0.2)


def installed(site, package=ROOT):
    """Writes into a folder what an installation of the distribution leaves, and returns the path that finds it.

    It has the distribution's name, so that it stands before one that is installed, as in ``make test``.
    """
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    about = Path(site) / f"lightning_infogeo-{version}.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: lightning-infogeo\nVersion: {version}\n")
    (about / "entry_points.txt").write_text(f"[tensorboard_plugins]\n{entry_point()}\n")
    return os.pathsep.join([str(site), str(package)])


def entry_point():
    """Returns the line of the entry point in pyproject.toml, as entry_points.txt has it."""
    table = (ROOT / "pyproject.toml").read_text().partition("[project.entry-points.tensorboard_plugins]\n")[2]
    return table.splitlines()[0].replace('"', "")


@contextmanager
def tensorboard(logdir, path, *flags):
    """Runs TensorBoard on a log directory; yields it when it answers, or raises with what it said."""
    options = [
        "--logdir",
        str(Path(logdir).resolve()),
        "--port",
        "0",
        "--host",
        "127.0.0.1",
        "--reload_interval",
        "1",
        *flags,
    ]
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    elsewhere = path.split(os.pathsep)[0]  # Python looks for modules where it is started, too
    pipes = {
        "cwd": elsewhere,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.PIPE,
        "text": True,
        "env": environment,
    }
    running = subprocess.Popen([sys.executable, "-m", "tensorboard.main", *options], **pipes)
    try:
        said = []
        while not (port := re.search(r"http://127\.0\.0\.1:(\d+)/", said[-1] if said else "")):
            said.append(running.stderr.readline())
            if not said[-1]:
                raise RuntimeError("".join(said))
        yield Served(f"http://127.0.0.1:{port[1]}/")
    finally:
        running.terminate()
        running.communicate(timeout=30)
