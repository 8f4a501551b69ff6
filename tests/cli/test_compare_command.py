"""`perfkit compare` as a user runs it: what it prints, what it writes, and 0 whatever the verdict."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from perfkit.cli import run
from perfkit.errors import EXIT_OK, EXIT_UNUSABLE, EXIT_USAGE

STEADY = [1.0, 1.001, 0.999, 1.002, 1.0, 0.998, 1.001, 1.0]


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """b.csv, and h.csv that is twice as slow."""
    monkeypatch.chdir(tmp_path)
    for name, factor in (("b", 1), ("h", 2)):
        rows = [f"{number},{factor * value}" for number, value in enumerate(STEADY)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["pair,cpu_s", *rows]))
    return tmp_path


def test_a_regression_is_told_and_the_exit_code_is_0(tables, capfd):
    """It is `gate` that fails a build."""
    assert run(["compare", "--from", "csv", "b.csv", "h.csv"]) == EXIT_OK

    out = capfd.readouterr().out
    assert out.startswith("REGRESSED")
    assert "+100" in out


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "b.csv", "h.csv"],
        ["b.csv", "--json", "h.csv"],
        ["b.csv", "h.csv", "--json"],
        ["b.csv", "h.csv", "--json", "-"],
        ["b.csv", "h.csv", "--json", "--margin", "5%"],
        ["b.csv", "h.csv", "--format", "json"],
    ],
)
def test_json_goes_to_standard_output_wherever_the_option_stands(tables, capfd, words):
    """One object with a verdict and the metrics by name, and nothing beside it."""
    assert run(["compare", "--from", "csv", *words]) == EXIT_OK

    told = json.loads(capfd.readouterr().out)
    assert told["verdict"] == "regressed"
    cpu = told["metrics"]["cpu_s"]
    assert {"effect", "ci_low", "ci_high", "verdict", "pairs", "detectable_effect"} <= set(cpu)
    assert (cpu["verdict"], cpu["pairs"]) == ("regressed", 8)
    assert cpu["ci_low"] <= cpu["effect"] == pytest.approx(1.0)


def test_json_in_a_file_leaves_the_report_on_the_screen(tables, capfd):
    """Both at once."""
    assert run(["compare", "--from", "csv", "b.csv", "h.csv", "--json", "out.json"]) == EXIT_OK

    assert capfd.readouterr().out.startswith("REGRESSED")
    assert json.loads((tables / "out.json").read_text())["verdict"] == "regressed"


@pytest.mark.parametrize("format", ["terminal", "markdown", "json"])
def test_every_format_goes_into_a_file(tables, capfd, format):
    """And nothing to the screen."""
    words = ["compare", "--from", "csv", "b.csv", "h.csv", "--format", format, "-o", "out"]

    assert run(words) == EXIT_OK

    assert capfd.readouterr().out == ""
    assert (tables / "out").read_text()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--from", "csv", "b.csv"], EXIT_USAGE),
        (["--from", "ab", "b.csv", "h.csv"], EXIT_USAGE),
        (["--from", "csv", "b.csv", "h.csv", "--tolerance", "lots"], EXIT_USAGE),
        (["--from", "csv", "b.csv", "h.csv", "--tolerance", "-1%"], EXIT_USAGE),
        (["--from", "csv", "b.csv", "h.csv", "--tolerance", "5%", "--margin", "3%"], EXIT_USAGE),
        (["--from", "csv", "b.csv", "h.csv", "--metric", "x"], EXIT_USAGE),
        (["--from", "csv", "b.csv", "h.csv", "--allow-different-hosts"], EXIT_USAGE),
        (["--from", "csv", "b.csv", "h.csv", "--json", "--format", "markdown"], EXIT_USAGE),
        (["--from", "csv", "b.csv", "h.csv", "--json", "b.csv"], EXIT_UNUSABLE),
        (["--from", "csv", "b.csv", "h.csv", "-o", "h.csv"], EXIT_UNUSABLE),
        (["--from", "csv", "b.csv", "nowhere.csv"], EXIT_UNUSABLE),
        (["--from", "hyperfine", "b.csv", "h.csv"], EXIT_UNUSABLE),
        (["--from", "csv", "b.csv", "h.csv", "--floor", "b.csv"], EXIT_UNUSABLE),
        (["b.csv", "h.csv"], EXIT_UNUSABLE),
        (["nowhere/*.parquet", "h.csv"], EXIT_UNUSABLE),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(tables, capfd, words, code):
    """Exit code 2 or 5, no traceback, and no input is written over."""
    before = {path.name: path.read_bytes() for path in tables.iterdir()}

    assert run(["compare", *words]) == code

    said = capfd.readouterr()
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert {path.name: path.read_bytes() for path in tables.iterdir()} == before


def test_names_of_strangers_break_no_report(tmp_path, monkeypatch, capfd):
    """Tables, workflow commands and terminal codes: they come out as text."""
    monkeypatch.chdir(tmp_path)
    name = '"::error::|</td><script>\x1b[2J\n`a`"'
    for file in ("b.csv", "h.csv"):
        (tmp_path / file).write_text("\n".join([name, *map(str, STEADY)]))

    for format in ("terminal", "markdown", "json"):
        assert run(["compare", "--from", "csv", "b.csv", "h.csv", "--format", format]) == EXIT_OK
        out = capfd.readouterr().out
        assert "\x1b" not in out
        assert not any(line.startswith("::error") for line in out.splitlines())
        if format == "markdown":
            assert "::|" not in out  # it would end the table's cell


def test_recorded_commands_are_compared(perfkit_command, sessions, capfd):
    """Real processes from recording to verdict: ten times the work, found from six runs a side."""
    code = "sum(i * i for i in range({}))"
    for side, work in (("base", 300_000), ("head", 3_000_000)):
        (sessions / side).mkdir()
        for number in range(6):
            output = sessions / side / f"{number}.parquet"
            words = ["record", "-q", "-o", output, "--", sys.executable, "-c", code.format(work)]
            subprocess.run(perfkit_command(*words), check=True)

    words = ["compare", str(sessions / "base"), f"{sessions}/head/*.parquet", "--metric", "cpu_s"]
    assert run([*words, "--json"]) == EXIT_OK

    cpu = json.loads(capfd.readouterr().out)["metrics"]["cpu_s"]
    assert cpu["pairs"] == 6
    assert cpu["effect"] > 0.5
    assert cpu["verdict"] in ("regressed", "undecided")  # as quiet as the machine was
