"""`perfkit history` as a user runs it: add, show, check, and their exit codes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from perfkit.cli import run
from perfkit.errors import (
    EXIT_OK,
    EXIT_REGRESSED,
    EXIT_UNDECIDED,
    EXIT_UNUSABLE,
    EXIT_USAGE,
)


def history(*words):
    return run(["history", *map(str, words)])


@pytest.fixture
def file(tmp_path):
    return tmp_path / "history.parquet"


@pytest.fixture
def put(tmp_path, file):
    def put(commit, effect, *words):
        result = tmp_path / "result.json"
        facts = {"effect": effect, "pairs": 8, "unit": "s", "gating": True}
        result.write_text(json.dumps({"base": {"source": "x"}, "metrics": {"cpu_s": facts}}))
        return history("add", file, "--commit", commit, "--head", result, *words)

    return put


@pytest.fixture
def slower(put):
    """Twenty commits, the last six 5 % slower, noise of half a percent."""
    rng = np.random.default_rng(2)
    for number in range(20):
        assert put(f"c{number}", rng.normal(0, 0.005) + 0.05 * (number >= 14)) == EXIT_OK


def test_a_new_regression_ends_in_3(slower, file, capfd):
    """Naming the commit, how sure, how much."""
    capfd.readouterr()
    assert history("check", file) == EXIT_REGRESSED

    out = capfd.readouterr().out
    assert out.startswith("regressed: 1 of 1 metrics rose within the newest 10 commits")
    assert "at c14" in out
    assert history("check", file, "--last", 5) == EXIT_OK
    assert history("check", file, "--tolerance", "20%") == EXIT_OK


def test_the_check_as_json_says_the_same(slower, file, capfd):
    """Plain numbers, everything that the text has."""
    capfd.readouterr()
    assert history("check", file, "--json") == EXIT_REGRESSED

    told = json.loads(capfd.readouterr().out)
    assert told["verdict"] == "regressed"
    (one,) = told["regressions"]
    assert (one["metric"], one["commit"]) == ("cpu_s", "c14")
    assert one["ci_low"] < 0.05 < one["ci_high"]
    assert len(told["metrics"]["cpu_s"]["points"]) == 20


def test_show_tells_series_and_changes(slower, file, capfd):
    """As text and as JSON, all metrics or some."""
    capfd.readouterr()
    assert history("show", file) == EXIT_OK
    text = capfd.readouterr().out
    assert history("show", file, "--metric", "cpu_s", "--json") == EXIT_OK
    told = json.loads(capfd.readouterr().out)

    assert "at c14" in text
    (change,) = told["metrics"]["cpu_s"]["changes"]
    assert change["commit"] == "c14"
    assert set(told) == {"schema_version", "source", "commits", "metrics", "notes"}


def test_too_few_commits_end_in_4(put, file):
    """Another may help."""
    put("a", 0.0)

    assert history("check", file) == EXIT_UNDECIDED


def test_what_cannot_be_used_ends_in_5(file, tmp_path, capfd):
    """In one sentence, no traceback."""
    file.write_bytes(b"PAR1 and then nothing")
    for words in (
        ("check", file),
        ("show", file),
        ("show", tmp_path / "none"),
        ("add", file, "--commit", "a", "--head", tmp_path / "none.json"),
    ):
        assert history(*words) == EXIT_UNUSABLE
        out, err = capfd.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "Traceback" not in err


@pytest.mark.parametrize(
    "words",
    [
        ("add", "x"),
        ("check", "x", "--tolerance", "lots"),
        ("check", "x", "--last", "0"),
        ("chek", "x"),
    ],
)
def test_words_that_do_not_fit_end_in_2(words, capfd):
    """With the help to look at where the words are unknown."""
    assert history(*words) == EXIT_USAGE
    assert capfd.readouterr().err.startswith("perfkit: ")


def test_the_help_to_look_at_is_that_of_the_form(capfd):
    """Not that of the group."""
    history("check", "x", "--bogus")

    assert "perfkit history check --help" in capfd.readouterr().err


def test_a_stranger_in_the_names_is_harmless(put, file, capfd):
    """Commits and anchors stand in logs that turn `::` lines into commands."""
    assert put("::error::|<b>##[x]", 0.0, "--anchor-name", "a|b") == EXIT_OK
    out = capfd.readouterr().out
    history("show", file, "--json")
    json_text = capfd.readouterr().out

    assert not out.startswith("::")
    assert "##[" not in out + json_text
    assert "<b>" not in json_text
    assert json.loads(json_text)["metrics"]["cpu_s"]["points"][0]["commit"] == "::error::|<b>##[x]"
