"""The last lines of a run say what was skipped and why, so that nobody takes a run for whole that is not."""

from collections import defaultdict

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter):
    """After everything else in pytest's summary, just above its last line."""
    result = yield
    reports = terminalreporter.stats.get("skipped", [])
    if reports:
        terminalreporter.section("skipped", sep="=", yellow=True)
        for line in lines(reports):
            terminalreporter.line(line)
    return result


def lines(reports):
    """Returns a line for each reason: how many, why, where; a file skipped as a whole counts once."""
    files = defaultdict(list)
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        files[reason.removeprefix("Skipped: ")].append(report.nodeid.split("::")[0])
    rows = sorted(files.items(), key=lambda row: -len(row[1]))
    return [f"{len(where)} skipped: {reason} ({_named(sorted(set(where)))})" for reason, where in rows]


def _named(files):
    return ", ".join(files[:3]) + (f" and {len(files) - 3} files more" if len(files) > 3 else "")
