"""docs/json-report.md names every key that the JSON report has."""

from __future__ import annotations

import json

import pytest
from report_examples import plain_report

from perfkit.report import Page
from perfkit.report.json import render


def keys(value, path=""):
    """Every key of the report's own, without those that name metrics, hosts or evidence."""
    if isinstance(value, list):
        for member in value:
            yield from keys(member, path)
    if isinstance(value, dict) and path not in {"host", "missing", "notes", "evidence"}:
        for key, member in value.items():
            if path != "current":
                yield key
            yield from keys(member, "" if path == "current" else key)


@pytest.mark.parametrize("key", sorted(set(keys(json.loads(render([plain_report()], Page()))))))
def test_the_key_is_documented(key, project_root):
    """A key that the documentation does not know would be a promise nobody made."""
    assert f"`{key}`" in (project_root / "docs" / "json-report.md").read_text()
