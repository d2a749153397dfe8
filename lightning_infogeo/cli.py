"""The command line, ``lightning-infogeo``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from jsonargparse import ArgumentParser
from jsonargparse.typing import NonNegativeInt, PositiveInt


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the subcommand given on the command line; a missing extra is reported in one line, with exit code 1."""
    parser = ArgumentParser(prog="lightning-infogeo", description="The information geometry of a training run.")
    commands = parser.add_subcommands()
    commands.add_subcommand("demo", _demo_arguments(), help="train a small classifier and watch its geometry")
    options = parser.parse_args(arguments)
    from lightning_infogeo.demo import demo

    try:
        demo(options.demo.logdir, options.demo.max_steps, options.demo.seed)
    except ModuleNotFoundError as error:
        if "pip install" not in str(error):
            raise
        sys.exit(f"lightning-infogeo: {error}")


def _demo_arguments() -> ArgumentParser:
    parser = ArgumentParser(description="Trains on scikit-learn's digits, a quarter of the training labels wrong.")
    parser.add_argument("--logdir", type=str, default="infogeo_demo", help="where event files and the picture go")
    parser.add_argument("--max-steps", type=PositiveInt, default=4000, help="optimizer steps to train")
    parser.add_argument("--seed", type=NonNegativeInt, default=0, help="of data, weights and order")
    return parser
