"""The rules: reading them from their files, asking them, and telling what they said.

A rule that is wrong spoils nothing but itself: it becomes a RuleFailed and the others are asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from perfkit.errors import UnusableInput
from perfkit.model.insight import SEVERITIES, Insight, NotApplicable, RuleFailed, RuleOutcome
from perfkit.model.text import printable
from perfkit.sql.engine import Database, QueryResult
from perfkit.sql.front_matter import EVENTS, PLACEHOLDER, Rule, needed_types, parse_rule
from perfkit.sql.mentions import mentions
from perfkit.sql.views import AGE, LAST, quoted

RULES_DIR = Path(__file__).with_name("rules")
MOST_INSIGHTS = 20
"""A rule that has more to say than this has not been thought through."""

_LARGEST_FILE_BYTES = 64 << 10
_SAID_TYPES = """
SELECT DISTINCT type FROM events WHERE NOT starts_with(type, 'perfkit.') OR type = 'perfkit.other'
"""
_STATISTICS = ("_mean", "_min", "_max", "_last", "_count")

Evidence = Mapping[str, float | int | str | None]
Format = Callable[[str, Any], str]
"""A figure as text: the name of its column (which ends in its unit) and its value."""


def load_rules(extra_dir: Path | None = None) -> tuple[Rule | RuleFailed, ...]:
    """perfkit's own rules and those of a folder, sorted by file name, own ones first.

    A rule of the folder replaces one of perfkit's with the same id. A file that holds no rule is a
    RuleFailed. Raises UnusableInput if the folder cannot be read or holds no `.sql` file.
    """
    own = [parse_rule(path.read_text("utf-8"), path.name) for path in _sql_files(RULES_DIR)]
    if extra_dir is None:
        return tuple(own)
    folder = printable(str(extra_dir))
    try:
        paths = _sql_files(extra_dir)
    except OSError as error:
        raise UnusableInput(
            f"cannot read the rules in {folder} ({error.strerror}); name a folder of .sql files"
        ) from None
    if not paths:
        raise UnusableInput(f"{folder} holds no rule: name a folder of .sql files")
    extra = list(_extra_rules(paths))
    replaced = {rule.id for rule in extra if isinstance(rule, Rule)}
    return (*(rule for rule in own if rule.id not in replaced), *extra)


def run_rules(
    database: Database,
    rules: Iterable[Rule | RuleFailed],
    known_metrics: Collection[str],
    format_value: Format,
    given: Evidence | None = None,
) -> list[RuleOutcome]:
    """Ask every rule; its outcomes stand in the order of the rules, its rows in theirs.

    known_metrics: names of all metrics that perfkit has. One that a rule names and this session
    does not have makes the rule not applicable, rather than wrong: the session is older, or of
    another platform.
    given: what texts may name beside their evidence (`session`: the path, for commands to copy).
    """
    rules = tuple(rules)
    asked = [rule for rule in rules if isinstance(rule, Rule)]
    there = frozenset(database.columns("ticks"))
    speaks = any(needed_types(need) is not None for rule in asked for need in rule.needs)
    said = _said_types(database) if speaks else set()
    needs = {rule.id: _unsaid(rule, said) or _needs(rule, known_metrics, there) for rule in asked}
    counted = _count_query({name for names in needs.values() for name in names} & there)
    # Loaded once for all of them; what a session lacks altogether is not asked for.
    database.prepare([counted, *(rule.sql for rule in asked if there.issuperset(needs[rule.id]))])
    filled = _filled_columns(database, counted)
    unmet = {id: tuple(name for name in names if name not in filled) for id, names in needs.items()}
    ready = [rule for rule in asked if not unmet[rule.id]]
    answers = database.query_all([rule.sql for rule in ready], most_rows=MOST_INSIGHTS)
    answer_of = {rule.id: answer for rule, answer in zip(ready, answers, strict=True)}
    outcomes: list[RuleOutcome] = []
    for rule in rules:
        if isinstance(rule, RuleFailed):
            outcomes.append(rule)
        elif unmet[rule.id]:
            outcomes.append(NotApplicable(rule.id, rule.title, unmet[rule.id]))
        else:
            outcomes += _outcomes(rule, answer_of[rule.id], format_value, given or {})
    return outcomes


def _sql_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix == ".sql")


def _extra_rules(paths: Sequence[Path]) -> Iterator[Rule | RuleFailed]:
    seen: dict[str, str] = {}
    for path in paths:
        name = printable(path.name)
        try:
            rule = parse_rule(_read(path), path.name)
        except UnusableInput as error:
            yield RuleFailed(name, str(error))
            continue
        if rule.id in seen:
            yield RuleFailed(name, f"{name}: the id {rule.id} is already taken by {seen[rule.id]}")
            continue
        seen[rule.id] = name
        yield rule


def _read(path: Path) -> str:
    name = printable(path.name)
    if not path.is_file():
        raise UnusableInput(f"{name} is not a regular file")
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise UnusableInput(f"cannot read {name} ({error.strerror})") from None
    if len(data) > _LARGEST_FILE_BYTES:
        raise UnusableInput(f"{name} is larger than a rule can be")
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnusableInput(f"{name}, line {line}: not UTF-8 text") from None


def _said_types(database: Database) -> set[str]:
    """The types of what the application said; what perfkit says of itself is none of it."""
    return {type for (type,) in database.query(_SAID_TYPES).rows}


def _unsaid(rule: Rule, said: Collection[str]) -> tuple[str, ...]:
    """The events that the rule needs and nobody sent; its query is not even looked at then."""
    types = {need: needed for need in rule.needs if (needed := needed_types(need)) is not None}
    if types and not said:
        return (EVENTS,)
    return tuple(need for need, needed in types.items() if needed and not {*needed} & {*said})


def _needs(rule: Rule, known_metrics: Collection[str], there: Collection[str]) -> tuple[str, ...]:
    """What the rule says it needs, and what it names that this session's version did not have."""
    unknown_here = {name for name in known_metrics if name not in there}
    named = {
        metric
        for name in mentions(rule.sql).names
        for metric in _metrics_behind(name)
        if metric in unknown_here
    }
    columns = (need for need in rule.needs if needed_types(need) is None)
    return tuple(dict.fromkeys((*columns, *sorted(named))))


def _metrics_behind(name: str) -> tuple[str, ...]:
    """The columns of `ticks` that a name in a query can come from: itself, or less its statistic."""
    endings = (LAST, AGE, *_STATISTICS)
    return (name, *(name.removesuffix(ending) for ending in endings if name.endswith(ending)))


def _count_query(columns: Collection[str]) -> str:
    counts = ", ".join(f"count({quoted(name)}) AS {quoted(name)}" for name in sorted(columns))
    return f"SELECT {counts or 'count(*)'} FROM ticks"


def _filled_columns(database: Database, count_query: str) -> set[str]:
    """Those of the counted columns that hold a value."""
    counts = database.query(count_query)
    return {name for name, count in zip(counts.columns, counts.rows[0], strict=True) if count}


def _outcomes(
    rule: Rule, answer: QueryResult | UnusableInput, format_value: Format, given: Evidence
) -> list[Insight] | list[RuleFailed]:
    try:
        if isinstance(answer, UnusableInput):
            raise answer
        return list(_insights(rule, answer, format_value, given))
    except UnusableInput as error:
        return [RuleFailed(rule.id, str(error))]


def _insights(
    rule: Rule, result: QueryResult, format_value: Format, given: Evidence
) -> Iterator[Insight]:
    for row in result.rows:
        evidence = {name: _figure(value) for name, value in zip(result.columns, row, strict=True)}
        severity = evidence.pop("severity", None) or rule.severity
        if severity not in SEVERITIES:
            raise UnusableInput(
                f"its column severity holds {printable(str(severity), 20)!r}; "
                f"a severity is one of {', '.join(SEVERITIES)}"
            )
        figures = {**given, **evidence}
        known = {name for name, value in figures.items() if value is not None}
        message = next((text for text in rule.messages if _named(text) <= known), rule.messages[-1])
        yield Insight(
            rule=rule.id,
            title=rule.title,
            severity=str(severity),
            cause=rule.cause,
            impact=_filled(rule.impact, figures, format_value),
            message=_filled(message, figures, format_value),
            evidence=evidence,
            recommendations=tuple(
                _filled(text, figures, format_value)
                for text in rule.recommendations
                if _named(text) <= known or not _named(text) <= figures.keys()
            ),
        )


def _named(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


def _filled(text: str, figures: Evidence, format_value: Format) -> str:
    """The text with its figures: plain substitution, so that no format can reach into an object."""
    if absent := sorted(_named(text) - figures.keys()):
        raise UnusableInput(
            f"its text names {{{absent[0]}}}, which its query does not return; "
            f"it returns {', '.join(map(printable, figures)) or 'nothing else'}"
        )
    return PLACEHOLDER.sub(lambda match: format_value(match[1], figures[match[1]]), text)


def _figure(value: Any) -> float | int | str | None:
    """A value of a row as evidence: a number or text; what is no finite number is not known."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)
