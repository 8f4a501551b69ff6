"""Reading a rule's file: `-- key: value` lines, then one SELECT.

    -- id: memory-growth
    -- title: Memory keeps growing
    -- severity: medium
    -- cause: memory
    -- needs: rss_bytes
    -- impact: Memory that only grows ends in swapping or in the out-of-memory killer.
    -- message: Memory grew by {growth_bytes} in {watched_s}, and
    --   it was still growing at the end.
    -- recommendation: Look at who grows: `perfkit query SESSION "…"`.
    SELECT …

A line that begins with two or more spaces after `--` continues the one before. A bare `--` is a gap.
The first line that is no comment ends the front matter; comments further down belong to the SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from perfkit.errors import UnusableInput
from perfkit.model.insight import SEVERITIES
from perfkit.model.text import printable

ONCE = ("id", "title", "severity", "cause", "needs", "impact", "meaning", "source")
REPEATED = ("message", "recommendation")
REQUIRED = ("id", "title", "severity", "cause", "impact", "message", "recommendation")

PLACEHOLDER = re.compile(r"\{(\w+)\}")
"""A figure in a message: the name of a column that the query returns."""

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
EVENTS = "events"
_EVENT_NEED = re.compile(r"events(?::(?P<types>\w+(?:\|\w+)*))?")
_LINE = re.compile(r"--(?P<indent>\s*)(?P<text>.*)")
_KEY = re.compile(r"(?P<key>[a-z]+):(?:\s+(?P<value>.*))?")


@dataclass(frozen=True)
class Rule:
    """A query whose rows are insights.

    id: kebab case, unique. severity: unless a row has its own in a column `severity`.
    cause: a key on which reports merge what several rules say of one thing.
    needs: columns of `ticks` without which the rule does not apply; also `events` (any at all),
    `events:a|b` (of type a or b).
    messages: the first whose figures are all known is used, else the last.
    recommendations: one that names a figure that is not known is left out.
    meaning: what it looks for and why its bounds are where they are, for people who read rules.
    """

    id: str
    title: str
    severity: str
    cause: str
    needs: tuple[str, ...]
    impact: str
    messages: tuple[str, ...]
    recommendations: tuple[str, ...]
    sql: str
    meaning: str = ""
    source: str = ""


def needed_types(need: str) -> tuple[str, ...] | None:
    """The types of which `events:a|b` needs an event; () for `events`; None for a column."""
    found = _EVENT_NEED.fullmatch(need)
    if found is None:
        return None
    return tuple(found["types"].split("|")) if found["types"] else ()


def parse_rule(text: str, file: str) -> Rule:
    """The rule that a file holds. file: its name, for errors.

    Raises UnusableInput that names the file and the line.
    """
    text = text.removeprefix("\ufeff")
    known: dict[str, str] = {}
    repeated: dict[str, list[str]] = {key: [] for key in REPEATED}
    lines, sql = _split(text)
    for number, key, value in _entries(lines, file):
        if key in REPEATED:
            repeated[key].append(value)
        elif key in known:
            raise _wrong(file, number, f"{key} is given twice")
        else:
            known[key] = value
        _check(file, number, key, value)
    absent = [key for key in REQUIRED if not (known.get(key) or repeated.get(key))]
    if absent:
        raise _wrong(file, 1, f"the front matter lacks {', '.join(absent)}")
    if not sql.strip():
        raise _wrong(file, len(lines) + 1, "there is no SELECT behind the front matter")
    return Rule(
        id=known["id"],
        title=known["title"],
        severity=known["severity"],
        cause=known["cause"],
        needs=_names(known.get("needs", "")),
        impact=known["impact"],
        messages=tuple(repeated["message"]),
        recommendations=tuple(repeated["recommendation"]),
        # Line numbers in DuckDB's errors stay those of the file.
        sql="\n" * len(lines) + sql,
        meaning=known.get("meaning", ""),
        source=known.get("source", ""),
    )


def _split(text: str) -> tuple[list[str], str]:
    """The lines of the front matter, and the SQL behind them."""
    lines = text.split("\n")
    end = 0
    while end < len(lines) and lines[end].startswith("--"):
        end += 1
    return lines[:end], "\n".join(lines[end:])


def _entries(lines: list[str], file: str) -> Iterator[tuple[int, str, str]]:
    """Line number, key and value of each entry, continuations joined."""
    entry: tuple[int, str, str] | None = None
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line.rstrip())
        indent, text = (match["indent"], match["text"]) if match else ("", "")
        if not text:
            continue
        if len(indent) >= 2:
            if entry is None:
                raise _wrong(file, number, "it continues nothing; begin with `-- key: value`")
            entry = (entry[0], entry[1], f"{entry[2]} {text}".strip())
            continue
        found = _KEY.fullmatch(text)
        if found is None or found["key"] not in ONCE + REPEATED:
            raise _wrong(
                file,
                number,
                f"`{printable(text, 40)}` is no entry; "
                f"write `-- key: value` with a key of {', '.join(ONCE + REPEATED)}",
            )
        if entry is not None:
            yield entry
        entry = (number, found["key"], (found["value"] or "").strip())
    if entry is not None:
        yield entry


def _check(file: str, line: int, key: str, value: str) -> None:
    if key == "id" and not _ID.fullmatch(value):
        raise _wrong(file, line, "an id is lower case words joined by hyphens")
    if key == "severity" and value not in SEVERITIES:
        raise _wrong(file, line, f"a severity is one of {', '.join(SEVERITIES)}")
    if key == "needs":
        for name in _names(value):
            if not (_NAME.fullmatch(name) or _EVENT_NEED.fullmatch(name)):
                raise _wrong(
                    file, line, f"`{printable(name, 40)}` is no name of a column, nor events:TYPE"
                )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in re.split(r"[,\s]+", text) if name)


def _wrong(file: str, line: int, what: str) -> UnusableInput:
    return UnusableInput(f"{printable(file)}, line {line}: {what}")
