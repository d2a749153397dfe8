"""What a paper says, what was measured here, and whether it holds; kept as JSON, from which the page is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
IMAGES = ROOT / "docs" / "images"

Verdict = Literal["holds", "does not hold", "undecided", "reported"]


def decided(holds: bool, fails: bool | None = None) -> Verdict:
    """Returns the verdict of a rule, "undecided" where what was measured is too little to say.

    Args:
        holds: whether what was measured shows the claim, such as an interval that lies on its side wholly.
        fails: whether it shows the contrary; None for a rule that always decides, whose contrary is ``not holds``.
    """
    if fails is None:
        fails = not holds
    return "holds" if holds else "does not hold" if fails else "undecided"


def altogether(verdicts: Iterable[Verdict]) -> Verdict:
    """Returns the verdict on a claim that has to hold everywhere.

    One place where it does not hold is enough against it; one that is undecided, to leave it open. Places that are only
    reported do not count.

    Args:
        verdicts: one for each place.
    """
    given = set(verdicts) - {"reported"}
    if not given:
        return "reported"
    return decided(given == {"holds"}, "does not hold" in given)


@dataclass(frozen=True)
class Claim:
    """One sentence, put to the test.

    Attributes:
        claim: what is said to hold.
        anchor: the figure of the paper or of the acceptance, with its source.
        measured: here, with unit; one line for each data set.
        interval: of the measured figure, 95 % where not said otherwise; "" for a count.
        verdict: "reported" where it is not judged; "undecided" where it is, and the data are too few.
    """

    claim: str
    anchor: str
    measured: str
    interval: str
    verdict: Verdict


@dataclass(frozen=True)
class Replication:
    """All claims of one experiment.

    Attributes:
        name: of the module and of its files.
        title: what was found, a sentence without a full stop.
        paper: arXiv number.
        design: how it was done, one short paragraph.
        claims: in the order of the page.
        cost: of all trainings, with the machine's cores: "1.2 CPU hours".
        limits: sentences on what falls short of the paper, and of the design.
        pictures: caption by name; the file is ``replications_{replication}_{name}.png``.
        command: the command line that made it, folders as DIR; "" where it was not kept.
    """

    name: str
    title: str
    paper: str
    design: str
    claims: tuple[Claim, ...]
    cost: str
    limits: tuple[str, ...] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)
    command: str = ""

    def by(self, command: str) -> Replication:
        """Returns the same with the command line that made it."""
        return replace(self, command=command)

    def print(self, console: Console) -> None:
        """Prints the claims as a table, then what limits them."""
        table = Table(title=f"{self.title} (arXiv {self.paper})", show_lines=True)
        for heading in ("claim", "anchor", "measured here", "interval", "verdict"):
            table.add_column(heading)
        for row in self.claims:
            table.add_row(row.claim, row.anchor, row.measured, row.interval, row.verdict)
        console.print(table)
        for sentence in (*self.limits, f"Cost: {self.cost}."):
            console.print(sentence, highlight=False)

    def save(self, drawn: Mapping[str, Figure], folder: Path, into_docs: bool) -> None:
        """Writes the pictures and the JSON, each whole or not at all, and nothing where a picture cannot be drawn.

        Args:
            drawn: figure by the names of ``pictures``.
            folder: of this run.
            into_docs: whether they are also written where docs/replications.md takes them from.

        Raises:
            ValueError: where a picture has no caption or a caption no picture.
        """
        if set(drawn) != set(self.pictures):
            raise ValueError(f"{self.name}: pictures {sorted(drawn)}, captions {sorted(self.pictures)}.")
        places = [(folder, folder)] + [(RESULTS, IMAGES)] * into_docs
        written: list[tuple[Path, Path]] = []
        try:
            for results, images in places:
                for place in (results, images):
                    place.mkdir(parents=True, exist_ok=True)
                for name, figure in drawn.items():
                    path = images / f"replications_{self.name}_{name}.png"
                    written.append((path.with_suffix(".unfinished"), path))
                    figure.savefig(written[-1][0], dpi=110, format="png")
                path = results / f"{self.name}.json"
                written.append((path.with_suffix(".unfinished"), path))
                written[-1][0].write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n")
            # The JSON after the pictures that it names.
            for unfinished, path in written:
                unfinished.replace(path)
        finally:
            for unfinished, _ in written:
                unfinished.unlink(missing_ok=True)

    @classmethod
    def read(cls, path: Path) -> Replication:
        """Reads what ``save`` wrote."""
        kept: dict[str, Any] = json.loads(path.read_text())
        kept["claims"] = tuple(Claim(**claim) for claim in kept["claims"])
        return cls(**{**kept, "limits": tuple(kept["limits"])})
