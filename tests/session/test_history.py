"""The history file keeps what was added, whole or not at all, and a damaged one is one sentence."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.errors import OutputRefused, UnusableInput
from perfkit.model.history import Result
from perfkit.session.history import add_results, read_history

ROW = Result(
    commit="1a2b3c",
    metric="cpu_s",
    unit="s",
    ratio=1.05,
    low=1.03,
    high=None,
    pairs=8,
    anchor="v1",
    anchor_source="./v1 --all",
    gating=True,
    design="duet",
    host="",
    value=0.25,
    added_at_us=1_790_000_000_000_000,
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "history.parquet"


def test_what_was_added_is_read_back_in_order(file):
    """To the last bit, text of every kind included."""
    odd = replace(ROW, commit="é|\n::<b>", low=None, value=None, ratio=1e-12, gating=False)
    assert add_results(file, [ROW]) == (ROW,)
    assert add_results(file, [odd, ROW]) == (ROW, odd, ROW)

    assert read_history(file) == (ROW, odd, ROW)
    assert list(file.parent.iterdir()) == [file]


def test_the_file_explains_itself(file):
    """Any reader of Parquet sees what a column means."""
    add_results(file, [ROW])
    schema = pq.read_schema(file)

    assert schema.field("ratio").metadata == {b"meaning": b"Commit over anchor"}
    assert str(schema.field("added_at").type) == "timestamp[us, tz=UTC]"


def test_a_failure_leaves_the_old_file(file, monkeypatch):
    """Complete under its name or not there."""
    add_results(file, [ROW])
    before = file.read_bytes()

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputRefused, match="No space left"):
        add_results(file, [ROW])

    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_link_is_followed_and_the_mode_is_kept(file, tmp_path):
    """A history in a shared place stays what it is."""
    add_results(file, [ROW])
    file.chmod(0o664)
    link = tmp_path / "link.parquet"
    link.symlink_to(file)
    add_results(link, [ROW])

    assert link.is_symlink()
    assert len(read_history(file)) == 2
    assert file.stat().st_mode & 0o777 == 0o664


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "empty"), (b"hello", "damaged"), (b"PAR1" + b"x" * 40 + b"PAR1", "damaged")],
)
def test_what_is_no_parquet_is_refused_and_untouched(file, content, says):
    """Adding does not begin a new one over it."""
    file.write_bytes(content)

    with pytest.raises(UnusableInput, match=says):
        read_history(file)
    with pytest.raises(UnusableInput, match=says):
        add_results(file, [ROW])
    assert file.read_bytes() == content


def test_a_session_is_no_history(project_root):
    """Nor is any other table."""
    with pytest.raises(UnusableInput, match="but no history"):
        read_history(project_root / "tests/data/session-1.0.parquet")


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("ratio", pa.array([float("nan")]), "ratio in row 1"),
        ("ratio", pa.array([0.0]), "ratio in row 1"),
        ("ratio", pa.array(["1"]), "column ratio"),
        ("commit", pa.array([""]), "commit in row 1"),
        ("pairs", pa.array([None], pa.int64()), "pairs in row 1"),
        ("low", pa.array([float("inf")]), "low in row 1"),
        (None, None, "column host"),
    ],
)
def test_a_value_that_is_none_is_named(file, column, values, says):
    """Column and row, in one sentence."""
    add_results(file, [ROW])
    table = pq.read_table(file)
    if column is None:
        table = table.drop_columns(["host"])
    else:
        table = table.set_column(table.column_names.index(column), column, values)
    pq.write_table(table, file)

    with pytest.raises(UnusableInput, match=says) as caught:
        read_history(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("version", "says"), [(b"2.0", "upgrade"), (b"x", "damaged")])
def test_a_newer_version_is_refused(file, version, says):
    """A newer minor one is read."""
    add_results(file, [ROW])
    table = pq.read_table(file)
    pq.write_table(table.replace_schema_metadata({b"perfkit_history": version}), file)
    with pytest.raises(UnusableInput, match=says):
        read_history(file)

    pq.write_table(table.replace_schema_metadata({b"perfkit_history": b"1.9"}), file)
    assert read_history(file) == (ROW,)


@pytest.mark.parametrize("name", ["missing.parquet", "", "a\0b"])
def test_a_path_that_leads_nowhere_is_refused(tmp_path, name):
    """The folder itself, a name that no file has, none."""
    with pytest.raises(UnusableInput):
        read_history(tmp_path / name)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    """Adding makes a file, not folders."""
    with pytest.raises(OutputRefused, match="cannot write"):
        add_results(tmp_path / "no" / "history.parquet", [ROW])


@given(st.data())
def test_any_damage_is_a_sentence_or_harmless(tmp_path, data):
    """No flipped byte and no cut ends in another exception."""
    file = tmp_path / "damaged.parquet"
    if file.exists():
        file.unlink()
    add_results(file, [ROW, ROW])
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        del content[at:]
    file.write_bytes(content)

    with contextlib.suppress(UnusableInput):
        read_history(file)
