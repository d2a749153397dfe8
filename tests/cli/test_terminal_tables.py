"""What ``compare`` prints fits a line of 80 cells, whatever runs and factors are called, and breaks no word."""

import csv

import pytest
import torch
from rich.cells import cell_len

from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import training

LONG = "a_sweep_whose_name_is_longer_than_any_line_of_a_terminal_should_ever_have_to_be_by_far"
WORDS = ("What the runs have in common", "re-indexed", "straightness", "trajectories", "within-class", "progress")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight runs of two models and two rates each, under names that differ in their middle."""
    where = tmp_path_factory.mktemp("runs")
    for k in range(8):
        model, rate = ("resnet", "vision transformer")[k % 2], (1e-3, 1e-4)[k // 2 % 2]
        given = {"model": model, "hyperparameters": {"lr": rate, LONG: rate}, "lr": rate}
        run = training(k, records=6, samples=20, way=k % 2, stride=10**6, dtype=torch.float32, **given)
        del run.metadata["seed"], run.metadata["way"]
        write(where / f"{LONG}_seed{k}_{LONG}" / "infogeo.zarr", run)
    return where


def cells(shown, title):
    """The rows of the tables of a title, stripped."""
    rows, on = [], False
    for line in shown.splitlines():
        if line and line[0] not in "│┃┏┡└├":
            on = line.startswith(title)
        elif on and line.startswith("│"):
            rows.append([cell.strip() for cell in line.split("│")[1:-1]])
    return rows


@pytest.mark.parametrize("options", [[], ["--wide"], ["--group-by", f"hyperparameters.{LONG}", "model"]])
def test_no_line_is_longer_than_eighty_cells_and_no_word_is_broken(command, folder, options):
    code, shown, _ = command("compare", folder, *options)
    assert code == 0
    assert max(map(cell_len, shown.splitlines())) <= 80
    words = shown.replace(",", " ").split()
    for text in WORDS[: None if options == ["--wide"] else 2]:
        assert all(word in words for word in text.split())
    runs = cells(shown, "Runs")
    assert len({row[0] for row in runs[:8]}) == 8
    assert all("…" in row[0] and f"seed{k}" in row[0] for k, row in enumerate(runs[:8]))
    assert not any("…" in cell for row in runs for cell in row[1:])


def test_the_table_of_runs_has_six_columns_and_all_others_are_a_word_away(command, folder, tmp_path):
    code, shown, _ = command("compare", folder, "--out", tmp_path)
    assert code == 0
    assert {len(row) for row in cells(shown, "Runs")} == {6}
    assert "--wide shows all columns." in shown
    with (tmp_path / "runs.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    wide = command("compare", folder, "--wide")[1]
    blocks = cells(wide, "Runs")
    numbers = [cell for k in range(len(blocks) // 8) for row in blocks[8 * k :: len(blocks)] for cell in row[1:]]
    assert len(numbers) == len(head) - 1 == 13
    for text, value in zip(numbers, rows[0][1:], strict=True):
        assert text == "–" if value == "nan" else float(text) == pytest.approx(float(value), rel=1e-3)


def test_one_table_has_the_factors_each_once_and_a_sentence_closes(command, folder):
    shown = command("compare", folder)[1]
    rows = {row[0]: row[1:] for row in cells(shown, "What sets them apart")}
    assert set(rows) == {"model", "lr"}
    assert {row[0] for row in rows.values()} == {"2"}
    assert "distance by this factor alone" not in shown
    text = " ".join(shown.split())
    assert "The same factor by more than one key: lr = hyperparameters.lr, hyperparameters.a_sweep" in text
    ratio = float(rows["model"][3])
    assert ratio == pytest.approx(float(rows["model"][2]) / float(rows["model"][1]), rel=1e-2)
    assert text.endswith(
        f"Runs differ most by model: two runs that differ in it are {ratio:.1f} times as far apart as two that agree "
        "in it."
    )


def test_many_runs_are_cut_and_the_file_with_all_is_named(command, tmp_path):
    for k in range(61):
        write(tmp_path / f"run{k}.zarr", training(k, records=2, samples=5, dtype=torch.float32))
    shown = command("compare", tmp_path)[1]
    assert len(cells(shown, "Runs")) == 60
    assert "The first 60 of 61 runs; --out writes all to runs.csv." in " ".join(shown.split())
