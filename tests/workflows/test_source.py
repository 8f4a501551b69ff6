"""A recording is the same whether it is read from its journal or from the sealed file."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from recorded_examples import flip, record

from perfkit.analysis.rates import DERIVED_METRICS
from perfkit.errors import UnusableInput
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.session.parquet import SessionFile, write_session
from perfkit.workflows.seal import seal
from perfkit.workflows.source import Recording, open_recording


@pytest.fixture
def both(tmp_path: Path) -> tuple[Recording, Recording]:
    """The same 230 ticks as an orphaned journal of several segments and as a sealed file."""
    journal = tmp_path / "s.parquet.partial"
    record(journal, 230, segment_ticks=70)
    sealed = seal(journal, tmp_path / "s.parquet", keep=True)
    return open_recording(journal), open_recording(sealed)


def columns(recording: Recording, names: Collection[str] | None = None) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {"t_ns": []}
    for block in recording.blocks(names):
        found["t_ns"] += block.t_ns.tolist()
        for name, column in block.columns.items():
            pairs = zip(column.values.tolist(), column.valid.tolist(), strict=True)
            found.setdefault(name, []).extend(v if valid else None for v, valid in pairs)
        found.setdefault("processes", []).extend(map(repr, (e for _, e in block.processes)))
    return found


def test_journal_and_file_say_the_same_to_the_last_bit(both: tuple[Recording, Recording]) -> None:
    """Rates derived live are those that sealing stored."""
    journal, sealed = both

    assert journal.metrics == sealed.metrics == (*RAW_METRICS, *DERIVED_METRICS)
    assert columns(journal) == columns(sealed)
    assert len(columns(journal)["cpu_percent"]) == 230


def test_journal_and_file_give_the_same_tables(both: tuple[Recording, Recording]) -> None:
    """In whole, and column by column."""
    journal, sealed = both

    assert journal.table().combine_chunks() == sealed.table().combine_chunks()
    for wanted in (["cpu_percent"], ["t_ns", "rss_bytes"], ["processes"], ["events", "fds_ratio"]):
        one, other = journal.table(wanted), sealed.table(wanted)
        assert set(one.column_names) == set(wanted)
        assert one.combine_chunks() == other.combine_chunks()


def test_only_the_columns_asked_for_are_given(both: tuple[Recording, Recording]) -> None:
    """What a rate is derived from is read, but not given."""
    for recording in both:
        got = columns(recording, ["cpu_percent", "no_such_column"])
        assert set(got) == {"t_ns", "cpu_percent", "processes"}
        assert got["processes"] == []
        assert got["cpu_percent"] == columns(recording)["cpu_percent"]


def test_kinds_are_told_apart(tmp_path: Path, both: tuple[Recording, Recording]) -> None:
    """A recorder that holds its lock is alive."""
    lock = record(tmp_path / "live", 3, hold=True)
    live = open_recording(tmp_path / "live")
    os.close(lock)

    assert [recording.kind for recording in (*both, live)] == [
        "orphaned journal",
        "session",
        "live journal",
    ]
    assert [recording.live for recording in (*both, live)] == [False, False, True]


def test_columns_that_are_newer_than_a_file_are_derived_from_its_raw_ones(
    tmp_path: Path, both: tuple[Recording, Recording]
) -> None:
    """An old session answers new questions."""
    _, sealed = both
    source = SessionFile(sealed.path)
    old = tmp_path / "old.parquet"
    known = tuple(metric for metric in source.metrics if metric.name != "fds_ratio")
    write_session(old, source.blocks(), known, source.session)

    assert "fds_ratio" not in pq.read_schema(old).names
    assert columns(open_recording(old), ["fds_ratio"]) == columns(sealed, ["fds_ratio"])
    assert open_recording(old).table(["fds_ratio"]) == sealed.table(["fds_ratio"])


def test_damage_is_told(tmp_path: Path) -> None:
    """How many ticks, and what else is wrong; a file is either intact or refused."""
    journal = tmp_path / "j"
    record(journal, 35, segment_ticks=10)
    flip(journal / "000001.ticks", -20)
    (journal / "000002.ticks").unlink()
    recording = open_recording(journal)

    assert recording.damaged == 11
    assert recording.problems == ("Segment 000002 of the journal is missing; its ticks are lost.",)
    sealed = open_recording(seal(journal, tmp_path / "s.parquet", keep=True))
    assert (sealed.damaged, sealed.problems) == (11, recording.problems)
    assert sealed.session.notes["journal_damaged_ticks"] == "11"
    assert "000002" in sealed.session.notes["journal_problems"]


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    """With the sentence of the reader."""
    with pytest.raises(UnusableInput, match="does not exist"):
        open_recording(tmp_path / "nothing.parquet")
