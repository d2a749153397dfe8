"""The parser of the commands, whose errors are one line each and name an argument as it is typed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, NoReturn

from lightning_infogeo.cli.errors import Exit, stop


class CommandParser(argparse.ArgumentParser):
    """A parser that takes options by their whole names and keeps the line breaks of descriptions."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses arguments; what is not known is an error of the command to which it was given."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            known = [option for action in self._actions for option in action.option_strings]
            near = get_close_matches(unknown[0].replace("_", "-"), known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Prints a line and exits with 2."""
        message = message.removeprefix("argument ").rstrip(".")
        stop(f"{message} ({self.prog} --help)", Exit.USAGE)


def whole_number(least: int, such_as: int) -> Callable[[str], int]:
    """Returns what makes a number of an argument's text.

    Args:
        least: number that is accepted.
        such_as: an example for the message.
    """

    def parsed(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} on, such as {such_as}")
        return value

    return parsed
