"""Tables over time: which columns count, what their cells mean, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.errors import PerfkitError, UnusableInput, UsageError
from perfkit.foreign.cells import epoch_us, figures
from perfkit.foreign.series import Mapped, layout, own_metric, parse_mapping
from perfkit.foreign.series_formats import open_series
from perfkit.foreign.series_ticks import LEAST_INTERVAL_NS, LONE_INTERVAL_NS, Spacings, Ticks
from perfkit.model.block import Block
from perfkit.model.metric import COUNTER, FAST, FLOAT, GAUGE, RATE, TARGET, Metric

S = 1_000_000_000
KNOWN = {
    one.name: one
    for one in (
        Metric("cpu_percent", "percent", RATE, FAST, TARGET, "CPU", FLOAT),
        Metric("rss_bytes", "bytes", GAUGE, FAST, TARGET, "memory"),
        Metric("cpu_time_ns", "ns", COUNTER, FAST, TARGET, "CPU time"),
        Metric("processes_count", "count", GAUGE, FAST, TARGET, "processes"),
        Metric("read_calls_count", "count", COUNTER, FAST, TARGET, "reads"),
    )
}


def _ticks(path: Path, *maps: str) -> tuple[Ticks, Block]:
    """The whole file as one block."""
    series = open_series(path)
    ticks = Ticks(series, layout(series, [parse_mapping(text) for text in maps], KNOWN))
    blocks = list(ticks.blocks())
    columns = {
        name: type(blocks[0].columns[name])(
            np.concatenate([one.columns[name].values for one in blocks]),
            np.concatenate([one.columns[name].valid for one in blocks]),
        )
        for name in blocks[0].columns
    }
    return ticks, Block(np.concatenate([one.t_ns for one in blocks]), columns)


def _csv(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "series.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def _listed(block: Block, name: str) -> list[float | None]:
    column = block.columns[name]
    pairs = zip(column.values.tolist(), column.valid.tolist(), strict=True)
    return [value if there else None for value, there in pairs]


def test_a_table_in_seconds_is_taken_as_it_stands(tmp_path: Path) -> None:
    """Session time in seconds, metrics by perfkit's names, empty cells and NaN null."""
    text = "t_s,cpu_percent,rss_bytes\n0,10,1024\n0.5,,2048\n1.0,nan,\n1.5,12.5,4096\n"
    ticks, block = _ticks(_csv(tmp_path, text))
    assert block.t_ns.tolist() == [0, S // 2, S, 3 * S // 2]
    assert _listed(block, "cpu_percent") == [10, None, None, 12.5]
    assert _listed(block, "rss_bytes") == [1024, 2048, None, 4096]
    assert block.columns["rss_bytes"].values.dtype == np.int64
    assert _listed(block, "time") == [None] * 4
    assert (ticks.count, ticks.interval_ns, ticks.first_us) == (4, S // 2, None)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2024-03-01T12:00:00", "2024-03-01T12:05:00"),
        ("2024-03-01 12:00:00Z", "2024-03-01 13:05:00+01:00"),
        ("1709294400", "1709294700"),
        ("1709294400.0", "1709294700.0"),
        ("1709294400000", "1709294700000"),
        ("1709294400000000", "1709294700000000"),
        ("1709294400000000123", "1709294700000000123"),
    ],
)
def test_times_of_day_may_be_written_in_many_ways(tmp_path: Path, first: str, second: str) -> None:
    """ISO with and without an offset, and numbers since 1970 in any unit, are one moment."""
    path = _csv(tmp_path, f"timestamp;cpu_percent\n{first};1\n{second};2\n")
    ticks, block = _ticks(path)
    assert block.t_ns.tolist() == [0, 300 * S]
    assert ticks.first_us == 1_709_294_400_000_000
    assert _listed(block, "time") == [1_709_294_400_000_000, 1_709_294_700_000_000]
    assert ticks.interval_ns == 300 * S


def test_session_time_counts_before_the_time_of_day(tmp_path: Path) -> None:
    """With both, the one orders and the other is kept."""
    path = _csv(tmp_path, "time,t_s,cpu_percent\n100,5,1\n101.5,6,2\n")
    ticks, block = _ticks(path)
    assert block.t_ns.tolist() == [5 * S, 6 * S]
    assert _listed(block, "time") == [100_000_000, 101_500_000]
    assert ticks.first_us == 95_000_000


def test_columns_are_mapped_with_a_unit(tmp_path: Path) -> None:
    """`mem_mb=rss_bytes*1048576` is in bytes, `ms=t_s/1000` in seconds."""
    path = _csv(tmp_path, "ms\tmem_mb\tload=1\n0\t1.5\t3\n250\t2\t4\n")
    _, block = _ticks(path, "ms=t_s/1000", "mem_mb=rss_bytes*1048576", "load=1=cpu_percent")
    assert block.t_ns.tolist() == [0, S // 4]
    assert _listed(block, "rss_bytes") == [1_572_864, 2_097_152]
    assert _listed(block, "cpu_percent") == [3, 4]


def test_a_metric_of_ones_own_is_kept_as_a_level(tmp_path: Path) -> None:
    """A name that perfkit does not know is stored in the unit that it ends in."""
    series = open_series(_csv(tmp_path, "t_s,q\n0,1\n"))
    chosen = layout(series, [parse_mapping("q=backlog_bytes_per_s")], KNOWN)
    assert chosen.own == ("backlog_bytes_per_s",)
    assert own_metric("backlog_bytes_per_s").unit == "bytes/s"
    assert own_metric("wait_ms_p95").unit == "ms"
    assert own_metric("fps").unit == "number"
    assert own_metric("throughput_per_s").unit == "count/s"


def test_columns_nobody_asked_for_are_named(tmp_path: Path) -> None:
    """A second clock and unknown columns are left out; text in them does not matter."""
    path = _csv(tmp_path, "t_s,note,cpu_percent,,timestamp\n0,abc,1,,x\n")
    series = open_series(path)
    chosen = layout(series, [parse_mapping("timestamp=rss_bytes")], KNOWN)
    assert chosen.left_out == ("note", "")


def test_the_later_of_two_rows_of_one_time_counts(tmp_path: Path) -> None:
    """Wherever blocks are cut, and however often the time is repeated."""
    times = np.repeat(np.arange(12_000), 3)
    rows = "".join(f"{t},{row}\n" for row, t in enumerate(times.tolist()))
    ticks, block = _ticks(_csv(tmp_path, "t_s,cpu_percent\n" + rows))
    assert ticks.count == 12_000
    assert ticks.replaced == 24_000
    assert _listed(block, "cpu_percent") == list(range(2, 36_000, 3))


def test_counters_keep_every_digit(tmp_path: Path) -> None:
    """Nanoseconds beyond 2^53 are not rounded, with or without nulls beside them."""
    large = 2**62 + 1
    path = _csv(tmp_path, f"t_ns,cpu_time_ns\n{2**60},{large}\n{2**60 + 1},\n{2**60 + 2},{large}\n")
    with pytest.raises(UnusableInput, match="time of day"):
        _ticks(path)
    _, block = _ticks(_csv(tmp_path, f"t_ns,cpu_time_ns\n1,{large}\n2,\n3,{large}\n"))
    assert _listed(block, "cpu_time_ns") == [large, None, large]


def test_times_before_lines_are_cut_off_are_kept(tmp_path: Path) -> None:
    """A last line that was being written is left out and told."""
    path = _csv(tmp_path, "t_s,cpu_percent,rss_bytes\n0,1,2\n1,1,2\n2,1")
    series = open_series(path)
    ticks = Ticks(series, layout(series, [], KNOWN))
    assert sum(map(len, ticks.blocks())) == 2
    assert list(series.notes) == ["line 4 is cut off and was left out"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n1,2\n", "no column of time"),
        ("t_s,b\n1,2\n", "no column that perfkit knows"),
        ("t_s,cpu_percent\n", "holds no row"),
        ("1,2\n3,4\n", "no names in its first line"),
        ("t_s,cpu_percent\n0,1\n2,1\n1,1\n", "goes back in time at line 4"),
        ("t_s,cpu_percent\n0,1\n1\n2,1\n", "1 fields in line 3"),
        ("t_s,cpu_percent\n0,1\n1,2,3\n", "3 fields in line 3"),
        ("t_s,cpu_percent\n0,abc\n", "'abc' in line 2, column cpu_percent"),
        ("t_s,cpu_percent\n,1\n", "in line 2, column t_s"),
        ("t_s,cpu_percent\nnan,1\n", "column t_s"),
        ("t_s,cpu_percent\n-1,1\n", "before the start in line 2"),
        ("t_s,cpu_percent\n1e300,1\n", "column t_s"),
        ("t_s,cpu_percent\n1709294400,1\n", "--map t_s=time"),
        ("time,cpu_percent\n01/02/2024,1\n", "where a time belongs"),
        ("time,cpu_percent\n1e30,1\n", "where a time belongs"),
        ("t_s,rss_bytes\n0,1e30\n", "no number of that size"),
        ("t_s,cpu_percent,cpu_percent\n0,1,2\n", "more than once"),
        ("t_s,cpu_percent,CPU_PERCENT\n0,1,2\n", "two columns for cpu_percent"),
        ('t_s,cpu_percent\n0,"1\n', "is no table"),
        (b"t_s,cpu_percent\n0,\xff\n", "not text in UTF-8 .line 2"),
        ("t_s,cpu_percent\n0,1\n".encode("utf-16"), "null characters|UTF-8"),
        (b"t_s,cpu_percent" + b"x" * 2**21, "longer than 1 MiB"),
        (b"PAR1", "is damaged"),
        (b"PAR1" + b"\0" * 100 + b"PAR1", "is damaged"),
        ("# Elapsed time   CPU (%)\n 0.0 1.0 2.0\n", "3 fields in line 2"),
        ("# Elapsed time   CPU (%)\n 0.0 x\n", "'x' in line 2"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    """The sentence names the file and the place."""
    with pytest.raises(UnusableInput, match=words) as caught:
        _ticks(_csv(tmp_path, text))
    assert "series.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_hostile_names_are_shown_harmless(tmp_path: Path) -> None:
    """Escape sequences in a header reach no terminal."""
    with pytest.raises(UnusableInput) as caught:
        _ticks(_csv(tmp_path, "t_s,\x1b[2J\u202eevil\n0,1\n"))
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "=", "a=", "=b", "a", "a=B", "a=b*", "a=b*x", "a=b/0", "a=b*0", "a=b*inf", "a=1b"]
)
def test_a_map_that_is_none_is_refused(text: str) -> None:
    """A usage error says what the grammar is."""
    with pytest.raises(UsageError, match="--map"):
        parse_mapping(text)


def test_maps_that_contradict_are_refused(tmp_path: Path) -> None:
    """A column that is not there, twice the same column, twice the same metric."""
    series = open_series(_csv(tmp_path, "t_s,a,b\n0,1,2\n"))
    for maps in (
        [Mapped("c", "rss_bytes")],
        [Mapped("a", "rss_bytes"), Mapped("a", "cpu_percent")],
        [Mapped("a", "rss_bytes"), Mapped("b", "rss_bytes")],
    ):
        with pytest.raises(UsageError):
            layout(series, maps, KNOWN)


def test_a_map_comes_before_names(tmp_path: Path) -> None:
    """What the user says is a metric is that, whatever other column bears its name."""
    path = _csv(tmp_path, "t_s,cpu_percent,other\n0,1,2\n")
    _, block = _ticks(path, "other=cpu_percent")
    assert _listed(block, "cpu_percent") == [2]


def test_folders_and_missing_files_are_refused(tmp_path: Path) -> None:
    """Both in one sentence."""
    with pytest.raises(UnusableInput, match="is a folder"):
        open_series(tmp_path)
    with pytest.raises(UnusableInput, match="does not exist"):
        open_series(tmp_path / "none.csv")


def test_logs_of_psrecord_are_read_as_they_are(project_root: Path) -> None:
    """Both formats, as psrecord 1.4 wrote them."""
    data = project_root / "tests" / "data" / "foreign"
    _, plain = _ticks(data / "psrecord-1.4.txt")
    assert plain.t_ns[0] == 0
    assert plain.columns["rss_bytes"].values[0] == round(10.172 * 2**20)
    assert plain.columns["read_calls_count"].values[0] == 44
    ticks, table = _ticks(data / "psrecord-1.4.csv")
    assert set(table.columns) == {"time", "cpu_percent", "processes_count", "rss_bytes"}
    assert ticks.interval_ns == pytest.approx(0.2 * S, rel=0.05)


def _parquet(tmp_path: Path, **columns: pa.Array) -> Path:
    path = tmp_path / "series.parquet"
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    "times",
    [
        pa.array([0, 1_500_000], pa.timestamp("us")),
        pa.array([0, 1500], pa.timestamp("ms", tz="UTC")),
        pa.array([0, 1_500_000_000], pa.timestamp("ns")),
        pa.array(["1970-01-01T00:00:00", "1970-01-01T00:00:01.5Z"]),
        pa.array([0.0, 1.5]),
    ],
)
def test_parquet_files_are_read_with_any_kind_of_time(tmp_path: Path, times: pa.Array) -> None:
    """Timestamps, text and numbers are the same moments."""
    path = _parquet(tmp_path, time=times, cpu_percent=pa.array([1, None], pa.int32()))
    _, block = _ticks(path)
    assert block.t_ns.tolist() == [0, 1_500_000_000]
    assert _listed(block, "cpu_percent") == [1, None]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, 2], pa.uint8()),
        pa.array([1.2, 1.9]),
        pa.array([True, True]).cast(pa.int8()),
        pa.array(["1", "2"]).cast(pa.int64()).cast(pa.decimal128(30, 2)),
        pa.array([1, 2]).dictionary_encode(),
    ],
)
def test_parquet_numbers_of_any_kind_are_read(tmp_path: Path, values: pa.Array) -> None:
    """Whatever the width; whole metrics are rounded."""
    path = _parquet(tmp_path, t_s=pa.array([0, 1]), rss_bytes=values)
    _, block = _ticks(path)
    assert block.columns["rss_bytes"].values.dtype == np.int64
    assert _listed(block, "rss_bytes")[0] == 1


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"t_s": pa.array([1, 0]), "cpu_percent": pa.array([1, 2])}, "back in time at row 2"),
        ({"t_s": pa.array([0, None]), "cpu_percent": pa.array([1, 2])}, "in row 2, column t_s"),
        ({"t_s": pa.array([0, 1]), "cpu_percent": pa.array(["a", "b"])}, "type string"),
        ({"t_s": pa.array([0, 1]), "cpu_percent": pa.array([[1], [2]])}, "no plain numbers"),
        ({"t_s": pa.array([0, 1]), "rss_bytes": pa.array([0, 2**63], pa.uint64())}, "rss_bytes"),
        ({"t_s": pa.array([0, 1]), "rss_bytes": pa.array([0, 1e30])}, "row 2"),
        ({"time": pa.array([0, math.nan]), "cpu_percent": pa.array([1, 2])}, "row 2"),
        ({"x": pa.array([0, 1])}, "no column of time"),
    ],
)
def test_parquet_files_that_fit_badly_are_refused(
    tmp_path: Path, columns: dict[str, pa.Array], words: str
) -> None:
    """The sentence names the row or the column."""
    with pytest.raises(UnusableInput, match=words):
        _ticks(_parquet(tmp_path, **columns))


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(
        lambda text: ("t_s,cpu_percent\n" + text).encode("utf-8", "replace")
    )
    | st.binary(max_size=100).map(lambda data: b"# Elapsed time   CPU (%)\n" + data)
    | st.binary(max_size=100).map(lambda data: b"PAR1" + data + b"PAR1")
)
def test_any_file_is_read_or_refused(tmp_path: Path, data: bytes) -> None:
    """No bytes end in anything but ticks in order or one of perfkit's own errors."""
    path = _csv(tmp_path, data)
    try:
        _, block = _ticks(path)
    except PerfkitError as error:
        assert str(error).isprintable()
    else:
        assert (np.diff(block.t_ns) > 0).all()


_CELL = st.one_of(
    st.sampled_from(["", "nan", "NULL", "-", "inf"]),
    st.floats(-1e12, 1e12).map(repr),
    st.integers(-(2**62), 2**62).map(str),
)


@given(st.lists(_CELL, max_size=40), st.booleans())
def test_cells_mean_what_python_says_they_do(cells: list[str], whole: bool) -> None:
    """Against float() cell by cell; what is null is not there."""
    values, valid = figures(cells, whole=whole)
    for cell, value, there in zip(cells, values.tolist(), valid.tolist(), strict=True):
        number = math.nan if cell in ("", "NULL", "-") else float(cell)
        assert there == math.isfinite(number)
        if there:
            assert value == pytest.approx(number, rel=1e-15)


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=200), st.integers(1, 50))
def test_the_median_does_not_depend_on_blocks(steps: list[int], size: int) -> None:
    """All at once and in pieces, against a sorted list."""
    t_ns = np.cumsum([0, *steps])
    pieces = Spacings()
    for start in range(0, len(t_ns), size):
        pieces.add(t_ns[start : start + size])
    assert pieces.median() == sorted(steps)[(len(steps) - 1) // 2]
    assert pieces.longest == max(steps)


def test_the_median_of_many_distances_is_kept_in_little_memory() -> None:
    """Two million distances, a tenth of them odd ones, and the usual one is found."""
    steps = np.full(2_000_000, 5 * S)
    steps[::10] = S
    spacings = Spacings()
    for part in np.array_split(np.cumsum(steps), 17):
        spacings.add(part)
    assert spacings.median() == 5 * S


def test_an_interval_has_a_least_length_and_a_default(tmp_path: Path) -> None:
    """Of one row none is known; below a millisecond none is meant."""
    ticks, _ = _ticks(_csv(tmp_path, "t_s,cpu_percent\n3,1\n"))
    assert ticks.interval_ns == LONE_INTERVAL_NS
    ticks, _ = _ticks(_csv(tmp_path, "t_ns,cpu_percent\n3,1\n7,2\n"))
    assert ticks.interval_ns == LEAST_INTERVAL_NS


def test_the_size_of_a_number_tells_its_unit() -> None:
    """Seconds to nanoseconds of one day in 2024; NaN is no time."""
    for worth in (1, 10**3, 10**6, 10**9):
        assert epoch_us(1_709_294_400 * worth) == pytest.approx(1_709_294_400e6)
    assert math.isnan(epoch_us(math.nan))
