"""Rewrites the tables of quantities in docs/ from ``lightning_infogeo.quantities``: ``make tables``."""

import re
from pathlib import Path

from lightning_infogeo.quantities import (
    DERIVED_WEIGHT_QUANTITIES,
    PROBE_QUANTITIES,
    REFERENCE_QUANTITIES,
    WEIGHT_QUANTITIES,
    Quantity,
)


def sentence_table(quantities: tuple[Quantity, ...]) -> str:
    """Returns a table in Markdown of what quantities mean."""
    needs = {"": "", "labels": " (only with labels)", "reference": ""}
    rows = [f"| `{each.name}` | {each.meaning}{needs[each.needs]} | {each.unit} |" for each in quantities]
    return "\n".join(["| curve | in one sentence | unit |", "|---|---|---|", *rows])


def axes_table(quantities: tuple[Quantity, ...]) -> str:
    """Returns a table in Markdown of how quantities are written and drawn."""
    rows = [f"| `{each.name}` | {each.symbol} | {each.unit} | {each.scale} | {each.needs} |" for each in quantities]
    return "\n".join(["| quantity | symbol | unit | axis | needs |", "|---|---|---|---|---|", *rows])


ROOT = Path(__file__).parents[1]
TABLES = {
    "docs/curves.md": ("quantities of probes", sentence_table(PROBE_QUANTITIES)),
    "docs/archive.md": ("quantities of references", sentence_table(REFERENCE_QUANTITIES)),
    "docs/guide.md": ("axes", axes_table((*PROBE_QUANTITIES, *REFERENCE_QUANTITIES))),
    "docs/weights.md": ("quantities of weights", sentence_table((*WEIGHT_QUANTITIES, *DERIVED_WEIGHT_QUANTITIES))),
}


def rewritten(text: str, marker: str, table: str) -> str:
    """Returns a document with the table between its two markers.

    Raises:
        ValueError: where the document does not have both markers, once.
    """
    text, count = re.subn(f"(<!-- {marker} -->\n).*?(<!-- end -->)", rf"\g<1>{table}\n\2", text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"the document must hold <!-- {marker} --> and <!-- end --> once, holds them {count} times.")
    return text


if __name__ == "__main__":
    for name, (marker, table) in TABLES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        (ROOT / name).write_text(rewritten(text, marker, table), encoding="utf-8")
