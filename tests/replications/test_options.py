"""Command lines that cannot be meant are refused in a sentence, before any training; the others are kept."""

import gzip
import importlib
from pathlib import Path

import pytest

from lightning_infogeo.cli.arguments import whole_number
from replications import options
from replications.jobs import JobError
from replications.kept import OtherOriginError
from replications.options import check, command, parser, refuse_part
from replications.page import ORDER


@pytest.fixture
def made():
    made = parser("What it does.", "example")
    made.add_argument("--sets", nargs="+", choices=("a", "b c"), default=("a", "b c"))
    made.add_argument("--seeds", type=whole_number(1, such_as=10), default=10)
    made.add_argument("--runs", type=Path, default=Path("runs"))
    return made


def refused(made, capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        made.parse_args(list(arguments))
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "least"),
    [
        (("--seeds", "0"), 1),
        (("--seeds", "-2"), 1),
        (("--seeds", "many"), 1),
        (("--workers", "-1"), 0),
        (("--workers", "1.5"), 0),
    ],
)
def test_numbers_that_cannot_be_are_refused(made, capsys, arguments, least):
    said = refused(made, capsys, *arguments)
    assert f"argument {arguments[0]}: '{arguments[1]}' is not a whole number from {least} on" in said
    given = made.parse_args(["--seeds", "1", "--workers", "0"])
    assert (given.seeds, given.workers) == (1, 0)


def test_what_shows_that_it_runs_is_not_saved(made, capsys):
    assert "--save keeps results, and --fast has none" in refused(made, capsys, "--fast", "--save")
    made.parse_args(["--fast"])
    made.parse_args(["--save"])


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], ""),
        (["--data", "/home/me/data"], " --data DIR"),
        (["--save", "--logdir", "/tmp/x", "--runs", "/tmp/y"], " --logdir DIR --save --runs DIR"),
        (["--sets", "b c", "--seeds", "3", "--workers", "0"], " --workers 0 --sets 'b c' --seeds 3"),
        (["--sets", "a", "b c", "--seeds", "10", "--workers", "2"], ""),
    ],
)
def test_the_command_line_is_kept_without_paths(made, arguments, shown):
    assert made.parse_args(arguments).command == f"python -m replications.example{shown}"


def test_a_part_is_saved_in_place_of_the_whole_only_where_that_is_said(made, capsys):
    for arguments, count in (([], 3), (["--save"], 10), (["--save", "--part"], 3)):
        refuse_part(made, made.parse_args(arguments), count, 10)
    with pytest.raises(SystemExit):
        refuse_part(made, made.parse_args(["--save"]), 9, 10)
    assert "this is a part, 9 of 10, and --save would put it in place of the whole" in capsys.readouterr().err


def test_nothing_finished_is_said(made, capsys):
    with pytest.raises(SystemExit):
        refuse_part(made, made.parse_args(["--logdir", "somewhere"]), 0, 10)
    assert "no finished training is in somewhere" in capsys.readouterr().err


def test_data_that_are_not_there_or_cannot_be_read_end_the_command(made, capsys, tmp_path):
    with pytest.raises(SystemExit):
        check(made, ["mnist"], tmp_path)
    assert "train-images-idx3-ubyte.gz is not there: run `python -m replications.fetch" in capsys.readouterr().err
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(bytes(1_000))[:-9])
    with pytest.raises(SystemExit):
        check(made, ["mnist"], tmp_path)
    assert "train-images-idx3-ubyte.gz cannot be read (EOFError" in capsys.readouterr().err
    check(made, ["digits"], None)


def raising(fault, cause=None):
    def main():
        raise fault from cause

    return main


def test_a_command_ends_with_a_sentence_where_the_user_can_mend_it():
    with pytest.raises(SystemExit, match="error: made of other images"):
        command(raising(OtherOriginError("made of other images")))
    with pytest.raises(SystemExit) as ended:
        command(raising(KeyboardInterrupt()))
    assert ended.value.code == 130
    with pytest.raises(ZeroDivisionError):
        command(raising(JobError("said before"), ZeroDivisionError()))
    with pytest.raises(SystemExit) as ended:
        command(raising(JobError("said before"), InterruptedError()))
    assert ended.value.code == 1
    assert options.command(lambda: None) is None


def main_of(name):
    return importlib.import_module(f"replications.{name}").main


@pytest.mark.parametrize("name", ORDER)
def test_no_replication_saves_what_only_shows_that_it_runs(name, capsys):
    with pytest.raises(SystemExit):
        main_of(name)(["--fast", "--save"])
    assert f"python -m replications.{name}: error: --save keeps results" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("manifold", ["--sets", "mnist", "cifar-10", "mnist"], "a part, 2 of 3"),
        ("knee", ["--conditions", "clean"], "a part, 15 of 105"),
        ("finite_size", ["--seeds", "1"], "a part, 6 of 18"),
        ("branching", ["--seeds", "9"], "a part, 9 of 10"),
    ],
)
def test_a_part_of_a_replication_is_not_saved_and_nothing_is_trained(
    name, arguments, said, monkeypatch, capsys, tmp_path
):
    def never(*arguments, **settings):
        raise AssertionError("trained")

    module = importlib.import_module(f"replications.{name}")
    monkeypatch.setattr(module, "check", lambda *arguments: None)
    monkeypatch.setattr("replications.jobs.run", never)
    monkeypatch.setattr(module, "run", never, raising=False)
    with pytest.raises(SystemExit) as ended:
        module.main([*arguments, "--save", "--logdir", str(tmp_path)])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    with pytest.raises(AssertionError, match="trained"):
        module.main([*arguments, "--save", "--part", "--logdir", str(tmp_path)])


@pytest.mark.parametrize("name", ["knee", "finite_size"])
def test_an_empty_folder_has_nothing_to_show(name, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main_of(name)(["--fast", "--trained", "--logdir", str(tmp_path)])
    assert ended.value.code == 2
    assert f"no finished training is in {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["finite_size"])
def test_no_seeds_are_refused(name, capsys):
    with pytest.raises(SystemExit):
        main_of(name)(["--fast", "--seeds", "0"])
    assert "argument --seeds: '0' is not a whole number from 1 on" in capsys.readouterr().err
