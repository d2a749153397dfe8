"""The commands and their options."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

from lightning_infogeo.cli.arguments import CommandParser, whole_number
from lightning_infogeo.cli.errors import EXIT_CODES, Exit, Failure, stop
from lightning_infogeo.cli.streams import tolerant_output

_PATHS = """PATH is an archive, or a folder that is searched for archives at any depth
(runs/*, lightning_logs/version_0), or a URL that fsspec knows
(s3://bucket/runs). Record runs into archives with
InfoGeometryMonitor(archive="auto")."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the subcommand given on the command line; a failure prints one line and exits with its code."""
    with tolerant_output():
        _run(arguments)


def _run(arguments: Sequence[str] | None) -> None:
    parser = CommandParser(
        prog="lightning-infogeo",
        description="The information geometry of training: watch it live, archive and compare runs.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    commands = parser.add_subparsers(
        metavar="COMMAND", title="commands", description="COMMAND --help lists its options"
    )
    for name, add_arguments, function, text in (
        ("demo", _add_demo_arguments, _demo, "train a small classifier and watch its geometry"),
        ("compare", _add_compare_arguments, _compare, "put recorded runs on one map: tables and figures"),
        ("report", _add_report_arguments, _report, "write one page about recorded runs, readable offline"),
        ("samples", _add_samples_arguments, _samples, "list the samples that were forgotten, moved, mislabelled"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=function)
        add_arguments(command)
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help(sys.stderr)
        sys.exit(int(Exit.USAGE))
    run: Callable[[Namespace], None] = options.run
    try:
        run(options)
    except Failure as failure:
        stop(failure.message, failure.code)
    except KeyboardInterrupt:
        stop("interrupted.", Exit.INTERRUPTED)
    except ModuleNotFoundError as error:
        if "pip install" not in str(error):
            raise
        stop(str(error), Exit.MISSING)


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


def _samples(options: Namespace) -> None:
    from lightning_infogeo.cli.samples import list_samples

    list_samples(options)


def _check(options: Namespace) -> None:
    if options.landmarks == 1:
        raise Failure("--landmarks 1: must be 2 or more, such as 500; 0 for all distances.", Exit.USAGE)


def _add_demo_arguments(parser: ArgumentParser) -> None:
    parser.description = "Trains on scikit-learn's digits, a quarter of the training labels wrong."
    parser.add_argument(
        "--logdir", default="infogeo_demo", help="where event files and the figure go; default: %(default)s"
    )
    parser.add_argument(
        "--max-steps",
        type=whole_number(least=1, such_as=4000),
        default=4000,
        metavar="N",
        help="optimizer steps to train; default: %(default)s",
    )
    parser.add_argument(
        "--seed",
        type=whole_number(least=0, such_as=0),
        default=0,
        metavar="N",
        help="of data, weights and order; default: %(default)s",
    )


def _add_compare_arguments(parser: ArgumentParser) -> None:
    parser.description = f"""Puts runs that were recorded on the same probe on one map: what their
trajectories have in common, how far apart they are at equal progress, what sets
them apart, and how fast they progress.

{_PATHS}"""
    parser.epilog = f"""examples:
  lightning-infogeo compare runs/*
  lightning-infogeo compare runs --group-by model hyperparameters.width
  torchrun --nproc-per-node 4 -m lightning_infogeo.cli compare runs --out map

{EXIT_CODES}"""
    _add_arguments_about_runs(parser)
    parser.add_argument(
        "--wide", action="store_true", help="show all columns of the table of runs, instead of the six most asked for"
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="write summary.csv, runs.csv, distances.csv, comparison.json and figures there; finished parts are kept"
        " in DIR/pieces, so that an interrupted command continues where it stopped",
    )


def _add_report_arguments(parser: ArgumentParser) -> None:
    parser.description = f"""Writes one HTML page about one or more runs: the map, all curves with their
events, spectrum, distances and tables. The page is self-contained and opens
without a network.

{_PATHS}"""
    parser.epilog = f"""examples:
  lightning-infogeo report lightning_logs/version_0
  lightning-infogeo report runs/* -o report.html

{EXIT_CODES}"""
    _add_arguments_about_runs(parser)
    parser.add_argument(
        "-o", "--output", default="report.html", metavar="FILE", help="the page to write; default: %(default)s"
    )


def _add_samples_arguments(parser: ArgumentParser) -> None:
    parser.description = """Lists single samples of a recorded run: likely label errors, those that moved
most since the record before, were forgotten, are wrong with confidence, were
never learnt, or were memorised late. Of a multi-label probe, each label of
each input is a sample of two classes.

PATH is an archive, or a folder or URL with one below it. Record runs into
archives with InfoGeometryMonitor(archive="auto")."""
    parser.epilog = f"""examples:
  lightning-infogeo samples lightning_logs/version_0 --probe train
  lightning-infogeo samples run.zarr --step 1000 --top 20 --csv samples.csv

{EXIT_CODES.replace(" (--skip leaves it out)", "")}"""
    parser.add_argument("path", metavar="PATH", help="an archive, or a folder with one below it")
    parser.add_argument("--probe", metavar="NAME", help="whose samples; default: val, or the only one there is")
    parser.add_argument(
        "--step",
        type=whole_number(least=0, such_as=1000),
        metavar="N",
        help="as of the record nearest to this optimizer step; default: the last",
    )
    parser.add_argument(
        "--top",
        type=whole_number(least=1, such_as=5),
        default=5,
        metavar="N",
        help="samples in a list at most; default: %(default)s",
    )
    parser.add_argument("--csv", metavar="FILE", help="write all samples there, one a row, with everything measured")


def _add_arguments_about_runs(parser: ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="archives, or folders of them")
    parser.add_argument(
        "--group-by",
        nargs="+",
        metavar="KEY",
        help="keys of the runs' metadata, dotted where nested (hyperparameters.width); default: every key whose "
        "values differ between runs while some runs share one",
    )
    parser.add_argument(
        "--landmarks",
        type=whole_number(least=0, such_as=500),
        metavar="N",
        help="number of checkpoints on whose axes the others are placed; 0 takes all distances between checkpoints; "
        "default: all up to 5,000 checkpoints, beyond 500 landmarks, or 150 for the map of a report",
    )
    parser.add_argument(
        "--probe", metavar="NAME", help="probe on which to compare; default: val, or the only one there is"
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
    parser.add_argument("--device", metavar="DEVICE", help="on which to compute, such as cuda; default: the CPU")


def _version() -> str:
    try:
        return version("lightning-infogeo")
    except PackageNotFoundError:
        return "unknown"
