"""Tables fit the line: numbers and words are whole, names give way."""

import io
import math
from types import SimpleNamespace

import pytest
from rich.cells import cell_len
from rich.console import Console

from lightning_infogeo.loggers import FittedTable, summary_table
from lightning_infogeo.markers import Event, Verdict
from lightning_infogeo.printable import plain
from lightning_infogeo.theory import Decay, Slope
from lightning_infogeo.trajectory import Trajectory

QUANTITIES = (
    "velocity",
    "length",
    "displacement",
    "straightness",
    "roughness",
    "entropy",
    "distance_to_truth",
    "progress",
)
HOSTILE = {
    "plain": "val",
    "one long word": "validation_on_a_loader_whose_name_nobody_would_like_to_type_twice",
    "words": "a name of many words that goes on and on until it does not fit at all",
    "wide letters": "検証データセットの名前がとても長い場合にどうなるかを見るための名前",
    "markup": "[bold red]val[/] :smile: $x_{1}$ <b>|</b> and so on, to be long enough",
    "lines": "val\nof\ttwo\x1b[31mlines",
}


def printed(renderable, width=80):
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(renderable)
    return console.export_text()


def trajectory(last):
    made = Trajectory(QUANTITIES, "", 1, "")
    made.append(1, [math.nan, 0, 0, 1, math.nan, 2, 1.15, 0.0])
    made.append(last - 1, [0.1, 2.5, 2, 0.8, 0.7, 2, 0.2191, 0.6])
    made.append(last, [0.1, 1234.567, 2, 0.8, 0.7, 2, 0.2554, 0.6])
    return made


def weights():
    made = Trajectory(("velocity", "length", "floor", "interval"), "", 1, "", kind="weights")
    made.append(1, [1.23e-7, 12.345, 1e-8, 1])
    return made


SLOPE = Slope(0.0394, 0.01, 0.15, 0.19, 0.82, 0, 100)
VERDICTS = {
    "flagged since step 123456, known at 1234567": Verdict("flagged", 0.05, 100),
    "undecidable: a rise below 21% would not be seen; needs 2200 samples": Verdict("undecidable", 0.21, 2200),
    "watch: up by 4.2%, not yet significant (would be from 6.1%)": Verdict("watch", 0.061, 190, 0.042),
    "undecidable: too few records": Verdict("undecidable", math.inf, 0),
    "clean (resolution 3.4%)": Verdict("clean", 0.034, 100),
}
MESSAGE = (
    "it has moved away from the truth: its distance is up by 16.3%, more than the 12.1% that chance would reach; keep "
    "the best checkpoint (ModelCheckpoint on infogeo/val/distance_to_truth), or regularise"
)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_summary_fits_the_line_and_breaks_no_word(width, name, verdict):
    event = Event("overfitting", name, 123456, 1234567, 0.3, MESSAGE)
    text = printed(
        summary_table(
            {"train": trajectory(9999999), name: trajectory(9999999), f"parameters/{name}": weights()},
            [event],
            {name: VERDICTS[verdict], "train": VERDICTS[verdict]},
            {
                name: SimpleNamespace(
                    decay=Decay(SLOPE, SLOPE._replace(value=1.42, r_squared=0.99)),
                    predicted_dimensions=2,
                    measured_dimensions=3,
                )
            },
        ),
        width,
    )
    lines = text.splitlines()
    assert max(map(cell_len, lines)) <= width
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    first = next(row for row in rows if row[1] == "3")
    assert first[:5] == ["train", "3", "1234.567", "0.2191 at 9999998", "0.2554"]
    column = " ".join(row[5] for row in rows if len(row) == 6)
    said = verdict.partition(" since")[0]
    assert said in column
    if "flagged" in verdict:
        assert verdict in column  # of the probe that was flagged
    told = " ".join(text[text.index("\nEvents") :].split())
    assert all(word in told.split() for word in MESSAGE.split())
    headline = " ".join(plain(event.headline).split())
    assert headline in told or headline.replace(" ", "") in told.replace(" ", "")
    assert "since step 123456, known at 1234567" in told
    for number in ("12.345", "1.23e-07", "0.08", "0.0394", "0.82", "1.42", "0.99", "100"):
        assert f" {number} " in text
    assert "\x1b" not in text


def test_numbers_stay_whole_where_names_are_cut_and_names_grow_with_the_line():
    table = FittedTable("Runs", "A note.")
    table.add_column("run", "name")
    for heading in ("distance to truth", "steps"):
        table.add_column(heading)
    names = [f"a_name_of_sixty_letters_which_is_of_no_use_to_anyone_at_all_{k}" for k in range(3)]
    for name in names:
        table.add_row(name, "0.123456789", "7654321")
    narrow, wide = printed(table, 50), printed(table, 100)
    assert narrow.count("0.123456789") == narrow.count("7654321") == 3
    assert narrow.count("…") == 3
    assert all(name in wide for name in names)
    assert "…" not in wide
    assert cell_len(printed(table, table.narrowest).splitlines()[1]) == table.narrowest < 50


def test_a_row_has_a_cell_for_each_column():
    table = FittedTable("Runs")
    table.add_column("run", "name")
    with pytest.raises(ValueError, match="argument 2 is longer"):
        table.add_row("a", "b")
