"""What every replication can be told on its command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from replications.data_sets import load


def parser(doc: str, name: str) -> argparse.ArgumentParser:
    """Returns a parser with the options that all replications have.

    Args:
        doc: docstring of the module, shown as its help.
        name: of the replication; its folder where --logdir is not given.
    """
    made = argparse.ArgumentParser(
        prog=f"python -m replications.{name}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--data", type=Path, metavar="DIR", help="as `python -m replications.fetch --data DIR` fills it")
    made.add_argument(
        "--logdir", type=Path, default=Path("replicated") / name, help="of finished trainings, tables and pictures"
    )
    made.add_argument("--workers", type=int, default=2, help="trainings side by side, one thread each; 0: none beside")
    made.add_argument("--fast", action="store_true", help="scikit-learn's digits, few steps: shows that it runs")
    made.add_argument("--save", action="store_true", help="also writes what docs/replications.md is made of")
    return made


def check(made: argparse.ArgumentParser, sets: Sequence[str], folder: Path | None) -> None:
    """Ends the command with a sentence where a data set is not there, before any training."""
    try:
        for name in sets:
            load(name, folder)
    except FileNotFoundError as missing:
        made.error(str(missing))
