"""The facts of a session as JSON: strict about types, lenient about presence."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_examples import SESSION

from perfkit.errors import UnusableInput
from perfkit.model.session import Session
from perfkit.session.schema import (
    session_from_facts,
    session_from_json,
    session_to_json,
    with_notes,
)


def test_facts_survive_json() -> None:
    """Written and read, nothing has changed."""
    assert session_from_json(session_to_json(SESSION), "x") == SESSION


def test_unknown_facts_stay_unknown() -> None:
    """What an earlier version did not write is None or empty, never this machine's own value."""
    known = {
        name: getattr(SESSION, name)
        for name in (
            "session_id", "perfkit_version", "mode", "sampler", "target_pid", "target_name",
            "command", "interval_ns", "started_at_us", "start_boottime_ns",
        )
    }  # fmt: skip
    session = session_from_facts({**known, "from_a_later_minor_version": 1}, "x")

    assert session == Session(**known, schema_version="1.0")
    assert session.exit_code is None
    assert session.host == {}


@pytest.mark.parametrize("fact", [field.name for field in fields(Session)])
def test_a_fact_of_the_wrong_type_is_told(fact: str) -> None:
    """No fact is believed to be what it is not; the sentence names file and fact."""
    for value in (object(), 1.5, True, [[1]], [["a", "b"]]):
        facts = {field.name: getattr(SESSION, field.name) for field in fields(Session)}
        facts["interval_changes"] = []
        with pytest.raises(UnusableInput, match=rf"metadata of x\.parquet is damaged \({fact} "):
            session_from_facts({**facts, fact: value}, "x.parquet")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(facts=st.dictionaries(st.sampled_from([f.name for f in fields(Session)]), json_values))
def test_any_facts_are_read_or_refused_in_a_sentence(facts: dict[str, Any]) -> None:
    """Metadata comes from strangers: no other error than the one that is meant for users."""
    base = {field.name: getattr(SESSION, field.name) for field in fields(Session)}
    try:
        session = session_from_facts({**base, "interval_changes": [], **facts}, "x")
    except UnusableInput:
        return
    assert isinstance(session.target_pid, int)


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "null", b"\xff\xfe", "[" * 100_000])
def test_what_is_no_json_object_is_told(text: str | bytes) -> None:
    """Damaged text is damage, in one sentence."""
    with pytest.raises(UnusableInput, match="the metadata of x is damaged"):
        session_from_json(text, "x")


def test_notes_are_later_and_know_better() -> None:
    """Notes that are facts replace them, the others are kept."""
    session = replace(SESSION, exit_code=None, stop_reason=None, notes={"first": "1"})
    noted = with_notes(
        session,
        {
            "stop": "Ctrl-C",
            "exit_code": "-2",
            "target_pid": "77",
            "started_at_us": "5",
            "target_name": "123",
            "interval_changes": "[[1, 2]]",
            "missing.pss_bytes": "denied",
            "exit_cpu_ns": "17",
        },
    )

    assert noted.stop_reason == "Ctrl-C"
    assert noted.exit_code == -2
    assert noted.target_pid == 77
    assert noted.started_at_us == 5
    assert noted.target_name == "123"
    assert noted.interval_changes == ((1, 2),)
    assert noted.missing == {**SESSION.missing, "pss_bytes": "denied"}
    assert noted.notes == {"first": "1", "exit_cpu_ns": "17"}


@pytest.mark.parametrize("value", ["", "x", "1.5", "true", "[1]", "1 2", "[" * 100_000])
def test_a_note_that_does_not_fit_its_fact_is_kept_as_a_note(value: str) -> None:
    """Nothing is lost and nothing is guessed."""
    noted = with_notes(SESSION, {"exit_code": value})

    assert noted.exit_code == SESSION.exit_code
    assert noted.notes["exit_code"] == value
