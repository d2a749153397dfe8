"""docs/loggers.md: every row has its test, and every logger of the script its row."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "loggers.md").read_text()


def rows(heading):
    """Returns the cells of each row of the first table after a heading."""
    table = re.search(r"(?:^\|.*\n)+", TEXT[TEXT.index(heading) :], re.MULTILINE)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table]


def test_every_row_names_tests_that_exist():
    for row in rows("# Loggers"):
        named = re.findall(r"`(tests/[\w/]+\.py)`", row[-1])
        assert named, row[0]
        assert all((ROOT / path).is_file() for path in named)


def test_what_the_script_reads_is_what_was_read():
    readers = re.findall(r"^class (\w+)\(Reader\)", (ROOT / "benchmarks/logger_readers.py").read_text(), re.MULTILINE)
    assert len(readers) == len(rows("## Tried for real")) == 8
    assert len(rows("# Loggers")) == len(readers) + 1  # and any other
