"""What every benchmark prints: a table, and the same as JSON beside the benchmark."""

import json
import platform
import sys
from pathlib import Path

import lightning
import torch
from rich.console import Console
from rich.table import Table


def report(name: str, title: str, rows: list[dict[str, object]], **context: object) -> None:
    """Prints rows of equal keys and writes them, with versions and context, to ``benchmarks/{name}.json``."""
    table = Table(title=title)
    for column in rows[0]:
        table.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        table.add_row(*(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    versions = {"python": platform.python_version(), "torch": torch.__version__, "lightning": lightning.__version__}
    path = Path(__file__).parent / f"{name}.json"
    path.write_text(json.dumps({"title": title, "rows": rows, "versions": versions, **context}, indent=1))
