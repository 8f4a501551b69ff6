"""What a session's facts look like as JSON: in a journal's header and in a Parquet file's metadata.

Reading is strict about types, because files come from strangers, and lenient about presence: facts
of a later minor version are passed over, optional facts of an earlier one stay unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, fields, replace
from typing import Any

from perfkit.errors import UnusableInput
from perfkit.model.metric import FLOAT, INTEGER, SINGLE, Metric
from perfkit.model.session import Session
from perfkit.model.text import printable

# History, newest first; a change that old readers would misread raises the first number.
# 1.0  one row a tick, raw counters and rates, `processes` and `events` as lists of structs,
#      unit, kind (with group and scope) and meaning as field metadata, the session's facts as JSON under `perfkit`
SCHEMA_VERSION = "1.0"

METADATA_KEY = b"perfkit"
METRIC_FACTS = ("unit", "kind", "group", "scope", "meaning")


def session_to_json(session: Session) -> str:
    """The facts as one line of ASCII JSON; what is unknown is left out."""
    facts = {name: value for name, value in asdict(session).items() if value not in (None, (), {})}
    return json.dumps({**facts, "schema_version": SCHEMA_VERSION}, separators=(",", ":"))


def session_from_json(text: str | bytes, source: str) -> Session:
    """The facts of `session_to_json`. source: what to call the file in an error.

    Raises UnusableInput if the text is not such JSON or of a newer major version.
    """
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise UnusableInput(f"the metadata of {source} is damaged; use an intact copy of the file")
    return session_from_facts(facts, source)


def session_from_facts(facts: Mapping[str, Any], source: str) -> Session:
    """The Session of JSON values. source: what to call the file in an error.

    Raises UnusableInput if a fact has the wrong type, a required one is absent, or the schema is of
    a newer major version.
    """
    check_version(facts.get("schema_version", SCHEMA_VERSION), source)
    known: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
    for field in fields(Session):
        value = facts.get(field.name)
        if value is None:
            required = field.default is MISSING and field.default_factory is MISSING
            if required and field.name not in known:
                raise _damaged(field.name, source)
        else:
            try:
                known[field.name] = _READERS[str(field.type)](value)
            except (TypeError, ValueError):
                raise _damaged(field.name, source) from None
    return Session(**known)


def check_version(version: object, source: str) -> None:
    """Raise UnusableInput unless this perfkit reads sessions of that schema version."""
    major = str(version).partition(".")[0]
    if not (major.isascii() and major.isdigit()):
        raise _damaged("schema_version", source)
    if int(major) > int(SCHEMA_VERSION.partition(".")[0]):
        raise UnusableInput(
            f"{source} has schema version {printable(str(version), 20)}, this perfkit reads up to "
            f"{SCHEMA_VERSION}; upgrade perfkit to read it"
        )


def with_notes(session: Session, notes: Mapping[str, str]) -> Session:
    """The session after the notes of its journal, which are later and know better than its header.

    A note named like a fact replaces it; `stop` is the stop reason, `missing.NAME` joins `missing`;
    all others, and those whose value does not fit their fact, join `notes`: nothing is lost.
    """
    types = {field.name: str(field.type) for field in fields(Session)}
    facts: dict[str, Any] = {}
    missing = dict(session.missing)
    others = dict(session.notes)
    for key, value in notes.items():
        if key.startswith("missing."):
            missing[key.removeprefix("missing.")] = value
            continue
        fact = "stop_reason" if key == "stop" else key
        kind = types.get(fact, "")
        try:
            # Text stands for itself; every other fact is written as in JSON.
            facts[fact] = value if kind.startswith("str") else _READERS[kind](json.loads(value))
        except (KeyError, TypeError, ValueError, RecursionError):
            others[key] = value
    return replace(session, **facts, missing=missing, notes=others)


def metric_from_facts(name: object, facts: Mapping[str, object], format: str) -> Metric | None:
    """The Metric of METRIC_FACTS, or None where one is absent or no text."""
    texts = [facts.get(fact) for fact in METRIC_FACTS]
    if not isinstance(name, str) or format not in (INTEGER, FLOAT, SINGLE):
        return None
    if not all(isinstance(text, str) for text in texts):
        return None
    unit, kind, group, scope, meaning = map(str, texts)
    return Metric(name, unit, kind, group, scope, meaning, format)


def _damaged(fact: str, source: str) -> UnusableInput:
    return UnusableInput(
        f"the metadata of {source} is damaged ({fact} is missing or wrong); "
        "use an intact copy of the file"
    )


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _pairs(value: object) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple((_integer(t_ns), _integer(interval_ns)) for t_ns, interval_ns in value)


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _texts(value: object) -> dict[str, str]:
    return {key: _text(text) for key, text in _mapping(value).items()}


# By the annotation of the Session's field: a fact added there is read here without a new line.
_READERS: Mapping[str, Callable[[object], Any]] = {
    "str": _text,
    "str | None": _text,
    "int": _integer,
    "int | None": _integer,
    "tuple[tuple[int, int], ...]": _pairs,
    "Mapping[str, Any]": _mapping,
    "Mapping[str, str]": _texts,
}
