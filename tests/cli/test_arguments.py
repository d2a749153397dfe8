"""Errors of the command line: one line, with the argument as it is typed; and help where there is no command."""

import pytest

import lightning_infogeo.cli.commands as commands
from lightning_infogeo.cli.errors import Exit

WRONG = {
    "demo --max-steps 0": "--max-steps: '0' is not a whole number from 1 on, such as 4000",
    "demo --max-steps many": "--max-steps: 'many' is not a whole number from 1 on, such as 4000",
    "demo --max-steps 1.5": "--max-steps: '1.5' is not a whole number from 1 on",
    "demo --max-steps": "--max-steps: expected one argument",
    "demo --seed -1": "--seed: '-1' is not a whole number from 0 on",
    "demo --max_steps 3": "unrecognized arguments: --max_steps 3; did you mean --max-steps?",
    "demo --max 3": "unrecognized arguments: --max 3",
    "demo now": "unrecognized arguments: now",
    "compare": "the following arguments are required: PATH",
    "compare runs --landmarks -3": "--landmarks: '-3' is not a whole number from 0 on, such as 500",
    "compare runs --landmarks 1": "--landmarks 1: must be 2 or more",
    "compare runs --group-by": "--group-by: expected at least one argument",
    "report runs -o": "-o/--output: expected one argument",
    "report runs --fast": "unrecognized arguments: --fast",
    "samples": "the following arguments are required: PATH",
    "samples a b": "unrecognized arguments: b",
    "samples runs --step -1": "--step: '-1' is not a whole number from 0 on, such as 1000",
    "dance": "invalid choice: 'dance'",
}


@pytest.mark.parametrize("line", WRONG)
def test_an_error_is_one_line_that_names_the_argument_as_typed(command, line):
    code, shown, said = command(*line.split())
    assert code == Exit.USAGE == 2
    assert shown == ""
    assert said.startswith(f"lightning-infogeo: {WRONG[line]}") or WRONG[line] in said
    assert len(said.splitlines()) == 1
    for inner in ("max_steps:", "demo.", "compare.", "Parser key", "namespace"):
        assert inner not in said


@pytest.mark.parametrize(("line", "name"), [("demo --seed x", "demo"), ("compare", "compare"), ("dance", "")])
def test_an_error_says_where_help_is(command, line, name):
    assert command(*line.split())[2].strip().endswith(f"({f'lightning-infogeo {name}'.strip()} --help)")


def test_without_a_command_the_help_is_shown_and_the_code_is_that_of_a_usage_error(command):
    """As of other parsers that require a command: a script that forgot it fails, a person sees what there is."""
    code, shown, said = command()
    assert (code, shown) == (2, "")
    assert said == command("--help")[1]
    for name in ("demo", "compare", "report", "samples", "exit codes"):
        assert name in said


@pytest.mark.parametrize("arguments", [[], ["demo"], ["compare"], ["report"]])
def test_help_fits_eighty_columns(command, monkeypatch, arguments):
    monkeypatch.setenv("COLUMNS", "80")
    code, shown, _ = command(*arguments, "--help")
    assert code == 0
    assert max(map(len, shown.splitlines())) <= 80


def test_a_failure_of_several_lines_is_told_in_one(command, monkeypatch):
    def fails(options):
        raise commands.Failure("first\n  second", Exit.DAMAGED)

    monkeypatch.setattr(commands, "_check", fails)
    code, _, said = command("compare", "runs")
    assert (code, said) == (Exit.DAMAGED, "lightning-infogeo: first second\n")


def test_options_reach_the_command(command, monkeypatch):
    seen = []
    monkeypatch.setattr("lightning_infogeo.demo.demo", lambda *given: seen.append(given))
    command("demo", "--max-steps", "30", "--seed", "2")
    command("demo")
    assert seen == [("infogeo_demo", 30, 2), ("infogeo_demo", 4000, 0)]
