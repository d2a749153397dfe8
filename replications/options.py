"""What every replication can be told on its command line."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lightning_infogeo.cli.arguments import whole_number
from replications.data_sets import UnreadableError, load
from replications.jobs import JobError
from replications.kept import OtherOriginError


class Parser(argparse.ArgumentParser):
    """A parser that refuses what cannot go together, and keeps the command line as ``command``."""

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Returns the options, with the command line but for its folders, which are DIR."""
        options = super().parse_args(args, namespace)
        if options.save and options.fast:
            self.error("--save keeps results, and --fast has none: it shows that it runs and nothing more.")
        options.command = " ".join([self.prog, *self._given(options)])
        return options

    def _given(self, options: argparse.Namespace) -> list[str]:
        words = []
        for name, value in vars(options).items():
            default = self.get_default(name)
            if value == default or (isinstance(value, list) and value == list(default or ())):
                continue
            words.append(f"--{name.replace('_', '-')}")
            if isinstance(value, Path):
                words.append("DIR")
            elif value is not True:
                words += [shlex.quote(str(each)) for each in (value if isinstance(value, list) else [value])]
        return words


def parser(doc: str, name: str) -> Parser:
    """Returns a parser with the options that all replications have.

    Args:
        doc: docstring of the module, shown as its help.
        name: of the replication; its folder where --logdir is not given.
    """
    made = Parser(
        prog=f"python -m replications.{name}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--data", type=Path, metavar="DIR", help="as `python -m replications.fetch --data DIR` fills it")
    made.add_argument(
        "--logdir",
        type=Path,
        metavar="DIR",
        default=Path("replicated") / name,
        help="of finished trainings, tables and pictures",
    )
    made.add_argument(
        "--workers",
        type=whole_number(0, such_as=2),
        default=2,
        help="trainings side by side, one thread each; 0: none beside",
    )
    made.add_argument("--fast", action="store_true", help="scikit-learn's digits, few steps: shows that it runs")
    made.add_argument("--save", action="store_true", help="also writes what docs/replications.md is made of")
    made.add_argument("--part", action="store_true", help="lets --save put a part of the design in place of the whole")
    return made


def check(made: argparse.ArgumentParser, sets: Sequence[str], folder: Path | None) -> None:
    """Ends the command with a sentence where a data set is not there or cannot be read, before any training."""
    try:
        for name in sets:
            load(name, folder)
    except (FileNotFoundError, UnreadableError) as fault:
        made.error(str(fault))


def refuse_part(made: argparse.ArgumentParser, options: argparse.Namespace, count: int, of: int) -> None:
    """Ends the command with a sentence where there is nothing to show, or where a part would be saved as the whole.

    Args:
        made: the parser.
        options: that were given.
        count: trainings, seeds or data sets that are taken.
        of: those of the design.
    """
    if not count:
        made.error(f"nothing is there to show: no finished training is in {options.logdir}.")
    if options.save and not options.part and count < of:
        made.error(
            f"this is a part, {count} of {of}, and --save would put it in place of the whole on the page: "
            "add --part where that is meant."
        )


def command(main: Callable[[], object]) -> None:
    """Runs a replication as a command: what the user can mend is said in a sentence, without a traceback."""
    try:
        main()
    except OtherOriginError as fault:
        sys.exit(f"error: {fault}")
    except JobError as failed:
        # The sentence was printed before; what the user can mend needs no more.
        if isinstance(failed.__cause__, (OtherOriginError, UnreadableError, InterruptedError)):
            sys.exit(1)
        raise failed.__cause__ or failed from None
    except KeyboardInterrupt:
        sys.exit(130)
