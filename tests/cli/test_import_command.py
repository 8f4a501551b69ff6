"""`perfkit import` and `perfkit baseline` as they are typed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

Command = Callable[..., list[str]]


def _run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def _csv(folder: Path, level: float = 1.0) -> None:
    rows = "".join(f"{t},{level * (50 + t % 3)},{level * 10},note\n" for t in range(300))
    (folder / "job.csv").write_text("t_s,cpu_percent,mem_mb,odd\x1b[2J\n" + rows)


def test_a_table_becomes_a_session_a_baseline_and_a_difference(
    tmp_path: Path, perfkit_command: Command
) -> None:
    """The whole way: import, learn, show, diff; what was left out is one harmless line."""
    _csv(tmp_path)
    mapped = ("--map", "mem_mb=rss_bytes*1048576")
    done = _run(perfkit_command("import", "job.csv", "-o", "job.parquet", *mapped), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("imported 300 ticks (one every 1.00 s")
    assert done.stderr == "perfkit: left out, since nothing says what they are: odd\\x1b[2J\n"

    learned = _run(perfkit_command("baseline", "learn", "job.parquet", "-o", "b.json"), tmp_path)
    assert learned.returncode == 0, learned.stderr
    assert "learned 2 metrics from 1 session into b.json" in learned.stdout
    shown = _run(perfkit_command("baseline", "show", "b.json"), tmp_path)
    assert "10.0 MiB" in shown.stdout
    facts = json.loads(
        _run(perfkit_command("baseline", "show", "b.json", "--json"), tmp_path).stdout
    )
    assert facts["perfkit_baseline"] == "1.0"

    _csv(tmp_path, level=3.0)
    _run(perfkit_command("import", "job.csv", "-o", "job3.parquet", *mapped), tmp_path)
    differs = _run(perfkit_command("baseline", "diff", "b.json", "job3.parquet"), tmp_path)
    assert differs.returncode == 0
    assert "2 of 2 metrics left the range of the baseline" in differs.stdout


def test_what_is_wrong_ends_in_a_sentence_and_the_right_code(
    tmp_path: Path, perfkit_command: Command
) -> None:
    """5 for files, 2 for words; nothing is written."""
    _csv(tmp_path)
    for code, words in (
        (5, ("import", "none.csv", "-o", "x.parquet")),
        (2, ("import", "job.csv", "-o", "x.parquet", "--map", "odd")),
        (2, ("import", "job.csv", "-o", "x.parquet", "--map", "none=rss_bytes")),
        (5, ("import", "job.csv", "-o", "no/such/x.parquet")),
        (5, ("baseline", "show", "job.csv")),
        (5, ("baseline", "learn", "job.csv", "-o", "b.json")),
        (2, ("import", "job.csv")),
    ):
        done = _run(perfkit_command(*words), tmp_path)
        assert done.returncode == code, (words, done.stderr)
        assert done.stderr.startswith("perfkit: ")
        assert "Traceback" not in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["job.csv"]
