"""What a release needs: one version everywhere, a change log that was cut, a workflow that releases tags alone."""

import datetime
import re
import subprocess
from pathlib import Path

import pytest
import yaml

import lightning_infogeo

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def version():
    return re.search(r'^version = "(.+)"', text("pyproject.toml"), re.MULTILINE)[1]


def sections():
    """Returns heading and text of each version, newest first."""
    parts = re.split(r"^## (.+)$", text("CHANGELOG.md"), flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def test_one_version_everywhere():
    """docs/cite.md is held to CITATION.cff by tests/docs/test_pages.py."""
    citation = yaml.safe_load(text("CITATION.cff"))
    heading = sections()[1][0]
    assert lightning_infogeo.__version__ == version() == str(citation["version"])
    assert heading == f"[{version()}] - {citation['date-released']}"


def test_the_change_log_is_in_order():
    headings = [heading for heading, _ in sections()]
    assert headings[0] == "[Unreleased]"
    found = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\S+)", heading).groups() for heading in headings[1:]]
    keys = [(datetime.date.fromisoformat(day), *map(int, numbers)) for *numbers, day in found]
    assert keys == sorted(keys, reverse=True)
    for _, entries in sections():
        kinds = re.findall(r"^### (.+)$", entries, re.MULTILINE)
        assert len(kinds) == len(set(kinds))
        assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_workflow_releases_tags_alone_and_keeps_no_secret():
    written = text(".github/workflows/release.yml")
    workflow = yaml.safe_load(written)
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # YAML 1.1 reads the key "on" so
    assert workflow["permissions"] == {"contents": "read"}
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert '.ci/release "$GITHUB_REF_NAME"' in [step.get("run") for step in build["steps"]]
    assert "permissions" not in build
    assert publish["needs"] == "build"
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["environment"] == "pypi"
    assert publish["steps"][-1]["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert "secrets." not in written


@pytest.mark.parametrize("tag", ["v0.0.1", "0.0.1", ""])
def test_a_tag_of_another_version_is_refused_before_anything_is_built(tag):
    done = subprocess.run([ROOT / ".ci" / "release", tag], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"The tag is {tag}, the version of pyproject.toml {version()}.\n"


@pytest.mark.parametrize("name", ["bug", "question"])
def test_forms_of_issues_can_be_read_by_the_forge(name):
    form = yaml.safe_load(text(f".github/ISSUE_TEMPLATE/{name}.yml"))
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["type"] in ("textarea", "input") and field["attributes"]["label"] for field in fields)


def test_a_bug_is_reported_with_what_is_needed_to_see_it():
    form = yaml.safe_load(text(".github/ISSUE_TEMPLATE/bug.yml"))
    required = {field["id"] for field in form["body"] if field.get("validations", {}).get("required")}
    assert required == {"what", "script", "follows", "versions"}


def test_files_that_the_templates_name_exist():
    templates = [*(GITHUB / "ISSUE_TEMPLATE").iterdir(), GITHUB / "pull_request_template.md"]
    named = {name for path in templates for name in re.findall(r"(?:docs/)?\w+\.md", path.read_text(encoding="utf-8"))}
    assert {"SECURITY.md", "docs/troubleshooting.md", "CONTRIBUTING.md"} <= named
    assert [name for name in named if not (ROOT / name).exists()] == []
