"""The commands and their options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

from jsonargparse import ArgumentParser, DefaultHelpFormatter, Namespace
from jsonargparse.typing import NonNegativeInt, PositiveInt

from lightning_infogeo.cli.errors import EXIT_CODES, Exit, Failure
from lightning_infogeo.cli.progress import print_message
from lightning_infogeo.cli.streams import tolerant_output

_PATHS = """PATH is an archive, or a folder that is searched for archives at any depth (runs/*,
lightning_logs/version_0), or a URL that fsspec knows (s3://bucket/runs). Record runs into
archives with InfoGeometryMonitor(archive="auto")."""


class _Formatter(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of descriptions."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the subcommand given on the command line; a failure prints one line and exits with its code."""
    with tolerant_output():
        _run(arguments)


def _run(arguments: Sequence[str] | None) -> None:
    parser = ArgumentParser(
        prog="lightning-infogeo",
        description="The information geometry of training runs: watch it live, archive it, compare runs.",
        version=_version(),
        formatter_class=_Formatter,
        epilog=EXIT_CODES,
    )
    commands = parser.add_subcommands()
    commands.add_subcommand("demo", _demo_arguments(), help="train a small classifier and watch its geometry")
    commands.add_subcommand("compare", _compare_arguments(), help="put recorded runs on one map: tables and figures")
    commands.add_subcommand("report", _report_arguments(), help="write one page about recorded runs, readable offline")
    options = parser.parse_args(arguments)
    run: Callable[[Namespace], None] = {"demo": _demo, "compare": _compare, "report": _report}[options.subcommand]
    try:
        run(options[options.subcommand])
    except Failure as failure:
        _stop(failure.message, failure.code)
    except KeyboardInterrupt:
        _stop("interrupted.", Exit.INTERRUPTED)
    except ModuleNotFoundError as error:
        if "pip install" not in str(error):
            raise
        _stop(str(error), Exit.MISSING)


def _stop(message: str, code: Exit) -> None:
    from lightning_infogeo.cli.process_group import prints

    if prints():
        print_message(f"lightning-infogeo: {message}")
    sys.exit(int(code))


def _demo(options: Namespace) -> None:
    from lightning_infogeo.demo import demo

    demo(options.logdir, options.max_steps, options.seed)


def _compare(options: Namespace) -> None:
    from lightning_infogeo.cli.compare import compare_runs

    _check(options)
    compare_runs(options)


def _report(options: Namespace) -> None:
    from lightning_infogeo.cli.report import report_runs

    _check(options)
    report_runs(options)


def _check(options: Namespace) -> None:
    if options.landmarks == 1:
        raise Failure("--landmarks 1: must be 2 or more, such as 500; 0 for all distances.", Exit.USAGE)


def _demo_arguments() -> ArgumentParser:
    parser = ArgumentParser(description="Trains on scikit-learn's digits, a quarter of the training labels wrong.")
    parser.add_argument("--logdir", type=str, default="infogeo_demo", help="where event files and the figure go")
    parser.add_argument("--max-steps", type=PositiveInt, default=4000, help="optimizer steps to train")
    parser.add_argument("--seed", type=NonNegativeInt, default=0, help="of data, weights and order")
    return parser


def _compare_arguments() -> ArgumentParser:
    parser = _about_runs(
        f"""Puts runs that were recorded on the same probe on one map: what their trajectories have in common,
how far apart they are at equal progress, what groups them, and how fast they progress.

{_PATHS}""",
        f"""examples:
  lightning-infogeo compare runs/*
  lightning-infogeo compare runs --group-by model hyperparameters.width --out comparison
  torchrun --nproc-per-node 4 -m lightning_infogeo.cli compare runs --out comparison

{EXIT_CODES}""",
    )
    parser.add_argument(
        "--out",
        type=str | None,
        metavar="DIR",
        help="write summary.csv, runs.csv, distances.csv, comparison.json and figures there; finished parts are kept"
        " in DIR/pieces, so that an interrupted command continues where it stopped",
    )
    return parser


def _report_arguments() -> ArgumentParser:
    parser = _about_runs(
        f"""Writes one HTML page about one or more runs: the map, all curves with their events, spectrum, distances and
tables. The page is self-contained and opens without a network.

{_PATHS}""",
        f"""examples:
  lightning-infogeo report lightning_logs/version_0
  lightning-infogeo report runs/* -o report.html

{EXIT_CODES}""",
    )
    parser.add_argument("-o", "--output", type=str, default="report.html", metavar="FILE", help="the page to write")
    return parser


def _about_runs(description: str, epilog: str) -> ArgumentParser:
    parser = ArgumentParser(description=description, epilog=epilog, formatter_class=_Formatter)
    parser.add_argument("paths", type=str, nargs="+", metavar="PATH", help="archives, or folders of them")
    parser.add_argument(
        "--group-by",
        type=str,
        nargs="+",
        metavar="KEY",
        help="keys of the runs' metadata, dotted where nested (hyperparameters.width); default: every key whose "
        "values differ between runs while some runs share one",
    )
    parser.add_argument(
        "--landmarks",
        type=NonNegativeInt | None,
        metavar="N",
        help="number of checkpoints on whose axes the others are placed; 0 takes all distances between checkpoints; "
        "default: all up to 5,000 checkpoints, beyond 500 landmarks, or 150 for the map of a report",
    )
    parser.add_argument(
        "--probe", type=str | None, help="probe on which to compare; default: val, or the only one there is"
    )
    parser.add_argument(
        "--same-probe",
        action="store_true",
        help="assume that runs whose probe inputs differ saw the same samples in the same order",
    )
    parser.add_argument(
        "--skip",
        action="store_true",
        help="leave out runs that are damaged, empty or without the probe, and name them; reads all records once more",
    )
    parser.add_argument("--device", type=str | None, help="device on which to compute, such as cuda; default: the CPU")
    return parser


def _version() -> str:
    try:
        return version("lightning-infogeo")
    except PackageNotFoundError:
        return "unknown"
