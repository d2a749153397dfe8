"""Failures of a command: a message and an exit code."""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from typing import NoReturn


class Exit(IntEnum):
    """Exit codes of the command line."""

    MISSING = 1
    USAGE = 2
    EMPTY = 3
    DAMAGED = 4
    MIXED = 5
    INTERRUPTED = 130


EXIT_CODES = """exit codes:
  0  done
  1  an optional package is missing; the message gives the pip command
  2  impossible arguments
  3  nothing found: no archive at the paths, or none with a record
  4  a damaged archive (--skip leaves it out)
  5  runs that cannot be compared: their probes, shapes or labels differ
  130  interrupted"""


class Failure(Exception):
    """Raised where a command cannot be carried out.

    Args:
        message: what is wrong, and what to do.
        code: to exit with.
    """

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message, code)
        self.message, self.code = message, code


def stop(message: str, code: Exit) -> NoReturn:
    """Prints a message as one line, in the first process, and exits.

    Args:
        message: what is wrong, and what to do.
        code: to exit with.
    """
    from lightning_infogeo.cli.progress import print_message  # with rich, which an answer of argparse does without

    if os.environ.get("RANK", "0") == "0":
        print_message(f"lightning-infogeo: {' '.join(message.split())}")
    sys.exit(int(code))
