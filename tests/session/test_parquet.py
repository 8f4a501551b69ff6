"""The session file: what is written is read back, whole or refused, by perfkit and by others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_examples import DERIVED, METRICS, RAW, SESSION, content, ticks

from perfkit.errors import OutputRefused, UnusableInput
from perfkit.model.block import Block, Column
from perfkit.model.metric import FLOAT, INTEGER, Metric
from perfkit.model.tick import BYTES, PROCESS_FIELDS
from perfkit.session import parquet
from perfkit.session.parquet import SessionFile, arrow_table, write_session

DATA = Path(__file__).parent.parent / "data"

INTEGERS = st.integers(-(2**63) + 1, 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def any_blocks(draw: st.DrawFn) -> list[Block]:
    """Blocks of any values, nulls, processes and cuts."""
    times = sorted(draw(st.sets(st.integers(-(2**62), 2**62), max_size=25)))
    count = len(times)
    columns: dict[str, Column] = {}
    for metric in METRICS[1:]:
        strategy: st.SearchStrategy[Any] = INTEGERS
        dtype: type = np.int64
        if metric.format != INTEGER:
            width = 64 if metric.format == FLOAT else 32
            strategy, dtype = st.floats(allow_nan=False, width=width), np.float64
        values = draw(st.lists(strategy, min_size=count, max_size=count))
        valid = draw(st.lists(st.booleans(), min_size=count, max_size=count))
        if draw(st.booleans()):
            columns[metric.name] = Column(np.array(values, dtype), np.array(valid, np.bool_))
    process = st.fixed_dictionaries(
        {name: TEXT if kind == BYTES else st.none() | INTEGERS for name, kind, _ in PROCESS_FIELDS}
    )
    rows = sorted(draw(st.sets(st.integers(0, count - 1), max_size=4))) if count else []
    listed = [(row, draw(st.lists(process, max_size=3))) for row in rows]
    whole = Block(np.array(times, np.int64), columns, listed)
    cuts = sorted(draw(st.lists(st.integers(0, count), max_size=4)))
    return [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, count], strict=True)]


@given(blocks=any_blocks(), group=st.integers(1, 30))
def test_what_is_written_is_read_back(tmp_path: Path, blocks: list[Block], group: int) -> None:
    """Values, nulls, lists of processes and their order survive, for any cut and row group."""
    path = tmp_path / "session.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP_TICKS", group)
        count = write_session(path, blocks, METRICS, SESSION, force=True)
    source = SessionFile(path)

    written, read = content(blocks), content(list(source.blocks()))
    assert source.ticks == count == len(written["t_ns"])
    for metric in METRICS:
        nothing = [None] * count
        assert read.get(metric.name, nothing) == written.get(metric.name, nothing)
    assert read["processes"] == written["processes"]
    assert source.session == SESSION
    assert source.metrics == METRICS


@given(blocks=any_blocks())
def test_a_file_does_not_depend_on_how_its_ticks_were_cut(
    tmp_path: Path, blocks: list[Block]
) -> None:
    """The same ticks in other blocks give the same bytes."""
    cut, whole = tmp_path / "cut.parquet", tmp_path / "whole.parquet"
    write_session(cut, blocks, METRICS, SESSION, force=True)
    one_by_one = (block[row : row + 1] for block in blocks for row in range(len(block)))
    write_session(whole, one_by_one, METRICS, SESSION, force=True)

    assert cut.read_bytes() == whole.read_bytes()


def test_facts_survive_whatever_text_they_hold(tmp_path: Path) -> None:
    """Names from strangers, undecodable bytes included, are stored and not interpreted."""
    hostile = 'a"}\x00\x1b[2J</script>\udcff\n'
    session = replace(SESSION, target_name=hostile, notes={hostile: hostile}, host={hostile: 1.5})
    path = tmp_path / "session.parquet"
    write_session(path, [ticks(3)], METRICS, session)

    assert SessionFile(path).session == session


def test_facts_that_are_known_only_at_the_end_are_asked_for_at_the_end(tmp_path: Path) -> None:
    """A function in place of the session is called once the last block has been taken."""
    taken: list[int] = []

    def blocks() -> Iterator[Block]:
        for start in range(3):
            taken.append(start)
            yield ticks(1, start)

    path = tmp_path / "session.parquet"
    write_session(path, blocks(), METRICS, lambda: replace(SESSION, notes={"taken": str(taken)}))

    assert SessionFile(path).session.notes == {"taken": "[0, 1, 2]"}


def test_a_session_without_a_tick_opens(tmp_path: Path) -> None:
    """A recording that ended before its first tick is a session like any other."""
    path = tmp_path / "session.parquet"
    assert write_session(path, [], METRICS, SESSION) == 0
    source = SessionFile(path)

    assert list(source.blocks()) == []
    assert source.table().num_rows == 0
    assert source.table().column_names == [*(m.name for m in METRICS), "processes", "events"]
    assert source.session == SESSION


def test_one_tick_and_columns_of_nothing_but_null_are_read(tmp_path: Path) -> None:
    """A column that was never recorded is null throughout, not absent."""
    path = tmp_path / "session.parquet"
    write_session(path, [Block(np.array([5]), {})], METRICS, SESSION)
    (block,) = SessionFile(path).blocks()

    assert block.t_ns.tolist() == [5]
    assert not any(column.valid.any() for column in block.columns.values())
    assert list(block.columns) == [metric.name for metric in METRICS[1:]]


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    """Blocks and tables hold what was asked for; names the file does not have are passed over."""
    path = tmp_path / "session.parquet"
    write_session(path, [ticks(9)], METRICS, SESSION)
    source = SessionFile(path)

    (block,) = source.blocks({"rss_bytes", "no_such_metric"})
    assert list(block.columns) == ["rss_bytes"]
    assert not block.processes
    (block,) = source.blocks(())
    assert list(block.columns) == []
    (block,) = source.blocks({"processes"})
    assert [row for row, _ in block.processes] == [2, 6]
    assert source.table({"rss_bytes", "t_ns", "no_such_metric"}).column_names == [
        "t_ns",
        "rss_bytes",
    ]


def test_damage_in_a_column_that_nobody_asks_for_is_not_noticed(tmp_path: Path) -> None:
    """Not asked for means not read: that is what makes asking for few columns cheap."""
    path = tmp_path / "session.parquet"
    write_session(path, [ticks(500)], METRICS, SESSION)
    group = pq.ParquetFile(path).metadata.row_group(0)
    chunk = next(
        chunk
        for chunk in map(group.column, range(group.num_columns))
        if chunk.path_in_schema == "cpu_time_ns"
    )
    data = bytearray(path.read_bytes())
    data[chunk.data_page_offset + chunk.total_compressed_size - 5] ^= 1
    path.write_bytes(data)
    source = SessionFile(path)

    assert len(next(source.blocks({"rss_bytes"}))) == 500
    with pytest.raises(UnusableInput, match="is damaged"):
        next(source.blocks({"cpu_time_ns"}))
    with pytest.raises(UnusableInput, match="is damaged"):
        source.table({"cpu_time_ns"})


def test_memory_is_bounded_by_the_row_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks are taken one row group at a time when writing and given one at a time when read."""
    monkeypatch.setattr(parquet, "ROW_GROUP_TICKS", 100)
    path = tmp_path / "session.parquet"
    write_session(path, (ticks(30, start) for start in range(0, 300, 30)), METRICS, SESSION)

    assert pq.ParquetFile(path).num_row_groups == 3
    assert [len(block) for block in SessionFile(path).blocks()] == [100, 100, 100]


def test_a_table_of_blocks_is_what_a_file_of_them_gives(tmp_path: Path) -> None:
    """Journals in SQL look like sealed sessions: same columns, types and values."""
    blocks = [ticks(7), ticks(5, 7)]
    path = tmp_path / "session.parquet"
    write_session(path, blocks, METRICS, SESSION)

    assert arrow_table(blocks, METRICS).equals(SessionFile(path).table())
    assert arrow_table([], METRICS).schema.equals(SessionFile(path).table().schema)


def test_the_file_explains_itself_to_any_reader_of_parquet(tmp_path: Path) -> None:
    """Without perfkit: types, field metadata, and the facts as JSON."""
    path = tmp_path / "session.parquet"
    write_session(path, [ticks(4)], METRICS, SESSION)
    schema = pq.read_schema(path)

    assert schema.field("time").type == pa.timestamp("us", tz="UTC")
    assert schema.field("cpu_time_ns").type == pa.int64()
    assert schema.field("cpu_percent").type == pa.float32()
    assert schema.field("rss_bytes").metadata == {
        b"unit": b"bytes",
        b"kind": b"gauge fast target",
        b"meaning": b"resident memory",
    }
    facts = json.loads(pq.read_metadata(path).metadata[b"perfkit"])
    assert facts["schema_version"] == "1.0"
    assert facts["target_name"] == "worker"


def test_duckdb_reads_it_without_perfkit(tmp_path: Path) -> None:
    """The query that the design promises works on the bare file."""
    import duckdb

    path = tmp_path / "session.parquet"
    write_session(path, [ticks(4)], METRICS, SESSION)
    rows = duckdb.execute(
        f"SELECT cpu_percent, rss_bytes, len(processes) FROM '{path}' ORDER BY t_ns"
    ).fetchall()

    assert rows == [
        (None, 4_096_000, None),
        (50.0, None, None),
        (50.0, 4_104_192, 2),
        (50.0, 4_108_288, None),
    ]


def test_pandas_and_polars_types_are_plain(tmp_path: Path) -> None:
    """Only encodings that readers of the last years know are used."""
    path = tmp_path / "session.parquet"
    write_session(path, [ticks(400)], METRICS, SESSION)
    group = pq.ParquetFile(path).metadata.row_group(0)
    used = {
        encoding
        for column in range(group.num_columns)
        for encoding in group.column(column).encodings
    }

    assert used <= {"PLAIN", "RLE", "RLE_DICTIONARY", "DELTA_BINARY_PACKED"}


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    """Refused with a sentence that names the way out; nothing is left beside it."""
    path = tmp_path / "session.parquet"
    path.write_text("precious")
    with pytest.raises(OutputRefused, match=r"session\.parquet exists; .*--force"):
        write_session(path, [ticks(3)], METRICS, SESSION)
    assert path.read_text() == "precious"

    write_session(path, [ticks(3)], METRICS, SESSION, force=True)
    assert SessionFile(path).ticks == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["session.parquet"]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    """Not overwriting holds at the moment the file gets its name, not only before."""
    path = tmp_path / "session.parquet"

    def blocks() -> Iterator[Block]:
        path.write_text("precious")
        yield ticks(3)

    with pytest.raises(OutputRefused, match="exists"):
        write_session(path, blocks(), METRICS, SESSION)
    assert path.read_text() == "precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["session.parquet"]


def test_a_file_system_without_hard_links_is_written_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `link` is not permitted, the file gets its name by renaming."""

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refused)
    path = tmp_path / "session.parquet"
    write_session(path, [ticks(3)], METRICS, SESSION)
    with pytest.raises(OutputRefused, match="exists"):
        write_session(path, [ticks(3)], METRICS, SESSION)

    assert [entry.name for entry in tmp_path.iterdir()] == ["session.parquet"]


@pytest.mark.parametrize(
    "fails", [KeyError("a fault"), UnusableInput("unreadable"), KeyboardInterrupt()]
)
def test_nothing_is_left_when_the_ticks_cannot_be_had(tmp_path: Path, fails: BaseException) -> None:
    """Whatever stops the writing, the folder is as it was."""

    def blocks() -> Iterator[Block]:
        yield ticks(30)
        raise fails

    with pytest.raises(type(fails)):
        write_session(tmp_path / "session.parquet", blocks(), METRICS, SESSION)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last chance for the disk to refuse is fsync; nothing is left then either."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputRefused, match=r"cannot write .* \(No space left on device\); free"):
        write_session(tmp_path / "session.parquet", [ticks(3)], METRICS, SESSION)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist_is_told_in_a_sentence(tmp_path: Path) -> None:
    """The path is named, and what to do."""
    with pytest.raises(OutputRefused, match=r"cannot write .*No such file or directory.*-o FILE"):
        write_session(tmp_path / "no" / "session.parquet", [ticks(3)], METRICS, SESSION)


def rewritten(path: Path, table: pa.Table, facts: dict[str, Any] | None) -> Path:
    metadata = None if facts is None else {b"perfkit": json.dumps(facts).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


def stored_facts(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(pq.read_metadata(path).metadata[b"perfkit"])
    return facts


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """An intact session file of 40 ticks."""
    path = tmp_path / "whole.parquet"
    write_session(path, [ticks(40)], METRICS, SESSION)
    return path


def test_a_foreign_parquet_file_is_told_apart(tmp_path: Path, whole: Path) -> None:
    """Parquet, but not of perfkit."""
    path = rewritten(tmp_path / "foreign.parquet", pq.read_table(whole), None)

    with pytest.raises(UnusableInput, match="not a session of perfkit; record one"):
        SessionFile(path)


def test_a_newer_major_version_is_refused_and_a_newer_minor_one_read(
    tmp_path: Path, whole: Path
) -> None:
    """The sentence says found, known, and what to do."""
    facts, table = stored_facts(whole), pq.read_table(whole)
    newer = rewritten(tmp_path / "newer.parquet", table, {**facts, "schema_version": "2.0"})
    minor = rewritten(
        tmp_path / "minor.parquet", table, {**facts, "schema_version": "1.9", "mood": "good"}
    )

    with pytest.raises(UnusableInput, match=r"schema version 2\.0, .* up to 1\.0; upgrade"):
        SessionFile(newer)
    assert SessionFile(minor).session.target_name == "worker"


@pytest.mark.parametrize(
    "facts",
    [
        {"schema_version": 1},
        {"schema_version": "1.0"},
        {"schema_version": "one"},
        {"schema_version": "-1"},
        {"schema_version": {}},
        [],
        "text",
        None,
    ],
)
def test_damaged_facts_are_told(tmp_path: Path, whole: Path, facts: Any) -> None:
    """Metadata of another shape is damage, in one sentence."""
    metadata = {b"perfkit": json.dumps(facts).encode()}
    path = tmp_path / "odd.parquet"
    pq.write_table(pq.read_table(whole).replace_schema_metadata(metadata), path)

    with pytest.raises(UnusableInput, match=r"metadata of .* is damaged"):
        SessionFile(path)


def test_columns_that_perfkit_did_not_write_are_passed_over(tmp_path: Path, whole: Path) -> None:
    """A file that somebody added a column to is still read."""
    table = pq.read_table(whole).append_column("mine", pa.array(["x"] * 40))
    path = rewritten(tmp_path / "added.parquet", table, stored_facts(whole))

    assert SessionFile(path).metrics == METRICS
    assert content(list(SessionFile(path).blocks())) == content(list(SessionFile(whole).blocks()))


def test_a_file_without_the_clock_is_refused(tmp_path: Path, whole: Path) -> None:
    """Without t_ns its ticks have no order."""
    table = pq.read_table(whole).drop_columns(["t_ns"])
    path = rewritten(tmp_path / "timeless.parquet", table, stored_facts(whole))

    with pytest.raises(UnusableInput, match="no column t_ns"):
        SessionFile(path)


@pytest.mark.parametrize("order", [[1, 0], [0, 0], [0, None]])
def test_ticks_out_of_order_are_refused(
    tmp_path: Path, whole: Path, order: list[int | None]
) -> None:
    """Analysis relies on time that only moves forward; each tick has one."""
    table = pq.read_table(whole)
    clock = table.schema.field("t_ns")
    table = table.slice(0, 2).set_column(0, clock, pa.array(order, pa.int64()))
    path = rewritten(tmp_path / "order.parquet", table, stored_facts(whole))

    with pytest.raises(UnusableInput, match=r"not in time order|has no t_ns"):
        list(SessionFile(path).blocks())


def test_every_truncation_is_refused(tmp_path: Path, whole: Path) -> None:
    """A file that was cut off anywhere is never read as if it were shorter."""
    data = whole.read_bytes()
    path = tmp_path / "cut.parquet"
    for size in [*range(0, len(data), 97), len(data) - 1]:
        path.write_bytes(data[:size])
        with pytest.raises(UnusableInput):
            SessionFile(path)


def test_a_flipped_byte_among_the_ticks_is_never_a_wrong_figure(
    tmp_path: Path, whole: Path
) -> None:
    """Each page has a checksum: what is read is right, or nothing is."""
    data = whole.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    right = content(list(SessionFile(whole).blocks()))
    path = tmp_path / "flipped.parquet"
    refused = 0
    for at in range(4, footer, 11):
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        try:
            assert content(list(SessionFile(path).blocks())) == right
        except UnusableInput:
            refused += 1
    assert refused > 0


def test_a_flipped_byte_in_the_footer_never_ends_in_a_traceback(
    tmp_path: Path, whole: Path
) -> None:
    """The footer has no checksum; whatever it then says is read or refused, in one sentence."""
    data = whole.read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    path = tmp_path / "flipped.parquet"
    for at in range(footer, len(data), 23):
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        try:
            list(SessionFile(path).blocks())
        except UnusableInput as error:
            assert "\n" not in str(error)


def test_sessions_of_schema_1_0_are_still_read() -> None:
    """The file was written when 1.0 was current and must never be written again."""
    source = SessionFile(DATA / "session-1.0.parquet")

    assert source.session == SESSION
    assert source.metrics == METRICS
    assert content(list(source.blocks())) == content([ticks(12)])


def test_derived_metrics_stay_derived(whole: Path) -> None:
    """A file tells raw columns from derived ones by their storage."""
    kinds = {metric.name: metric.format for metric in SessionFile(whole).metrics}

    assert kinds == {metric.name: metric.format for metric in (*RAW, *DERIVED)}
    assert isinstance(SessionFile(whole).metrics[0], Metric)
