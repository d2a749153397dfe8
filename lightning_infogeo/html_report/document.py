"""The page as one file: styles, plot_data, scripts, and a policy under which a browser runs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from lightning_infogeo.html_report import html_tables as tables
from lightning_infogeo.html_report.payload import ReportPayload, plot_data
from lightning_infogeo.html_report.verdicts import WATCH

_HERE = Path(__file__).parent

_PLOTS = ("map_plot", "curve_plot", "distance_plot", "sample_plot", "neuron_plot")
_SCRIPT = ("values", "choice", "looks", *_PLOTS, "run_list", "controls", "page")
"""The parts of the page's script, each of which may use those before it; ``page`` puts them to work."""


def plotly_script() -> str:
    """Returns plotly.js, as the plotly package brings it.

    Raises:
        ModuleNotFoundError: where plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError:
        raise ModuleNotFoundError("`page()` needs plotly: pip install 'lightning-infogeo[report]'") from None
    return str(get_plotlyjs())


def page(payload: ReportPayload) -> str:
    """Returns an HTML page about runs, which opens without a network and asks for nothing.

    Everything that comes from an archive is text to the page: escaped in its tables, JSON to its script. On top of that
    its policy (Content-Security-Policy) lets a browser run the two scripts of the page, named by their hashes, and
    fetch nothing from anywhere.

    Args:
        payload: the runs and what is known of them together.

    Raises:
        ModuleNotFoundError: where plotly is not installed.
    """
    plotly, script = plotly_script(), page_script()
    # The parser of HTML ends a script at </script, whatever the script says there.
    scripts = [code.replace("</script", "<\\/script") for code in (plotly, script)]
    hashes = " ".join(f"'sha256-{_hash(code)}'" for code in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    count = len(payload.runs)
    title = payload.runs[0].name if count == 1 else f"{count} runs on one map"
    embedding = payload.embedding
    dimensions = min(3, len(embedding.eigenvalues))
    about = (
        f"{embedding.stress(dimensions):.0%} of the stress in {dimensions} dimension{'s' * (dimensions > 1)} · "
        f"{len(embedding.steps):,} checkpoints · probe {payload.probe!r}, {payload.samples:,} samples, "
        f"{payload.classes:,} classes"
    )
    return Template((_HERE / "page.html").read_text(encoding="utf-8")).substitute(
        policy=escape(policy),
        title=escape(title),
        about=escape(about),
        style=(_HERE / "page.css").read_text(encoding="utf-8"),
        notes=tables.notes(payload),
        summary=tables.summary(payload),
        watch=f"{WATCH:.0%}",
        runs=tables.runs(payload),
        pairs=tables.pairs_of_groups(payload),
        dimensions=tables.dimensions(payload),
        events=tables.events(payload),
        metadata=tables.metadata(payload),
        data=embedded_json(plot_data(payload)),
        plotly=scripts[0],
        script=scripts[1],
    )


def page_script() -> str:
    """Returns the page's own script, of its parts."""
    parts = [(_HERE / "script" / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPT]
    return "".join(['"use strict";\n(() => {\n', *parts, "})();\n"])


def embedded_json(value: Any) -> str:
    r"""Returns JSON that can stand in a script element whatever text it holds.

    Example:
        >>> embedded_json("</script>")
        '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(code: str) -> str:
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
