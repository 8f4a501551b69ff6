"""What a project sets: read from its `perfkit.toml` or `pyproject.toml`, and from `--set`.

The nearest folder from the working directory upwards that has settings counts, `perfkit.toml`
before `[tool.perfkit]` of `pyproject.toml`; files further up are not read. `--set` goes last.
A further section is a field of Settings and an entry of SECTIONS.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from perfkit.errors import PerfkitError, UnusableInput, UsageError
from perfkit.model.forecast import HORIZON_NS
from perfkit.model.text import printable
from perfkit.model.thresholds import (
    NAMES,
    Threshold,
    Thresholds,
    fault_of_mark,
    fault_of_order,
)
from perfkit.workflows.durations import parse_duration

OWN_FILE = "perfkit.toml"
SHARED_FILE = "pyproject.toml"
_LARGEST_FILE_BYTES = 4 << 20

Table = Mapping[str, Any]


@dataclass(frozen=True)
class ForecastSettings:
    """horizon_ns: how far ahead forecasts look."""

    horizon_ns: int = HORIZON_NS


@dataclass(frozen=True)
class Settings:
    """Everything that can be set, one field a section."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    forecast: ForecastSettings = field(default_factory=ForecastSettings)


@dataclass(frozen=True)
class Origin:
    """Where values come from, for whoever has to mend them.

    name: of the file, or `--set`. prefix: what stands before a section's name there.
    kind: the error that a wrong value is.
    """

    name: str
    prefix: str
    kind: type[PerfkitError]

    def wrong(self, key: str, what: str) -> PerfkitError:
        """The error of a key: `thresholds.fps.warning`, and the end of a sentence on it."""
        return self.kind(f"{self.name}: {self.prefix}{printable(key, 80)} {what}")


def load_settings(overrides: Iterable[str] = (), folder: Path | None = None) -> Settings:
    """The settings that hold in a folder (the working directory by default).

    overrides: `KEY=VALUE`, the key with or without its section (`thresholds.fps.warning=45`,
    `fps.warning=45`), the value as in TOML; of several of one key the last counts.
    Raises UnusableInput for a file, and UsageError for an override, that cannot be used.
    """
    settings = Settings()
    found = _found(folder)
    if found is not None:
        table, origin = found
        settings = _applied(settings, table, origin)
    given = _parsed(overrides)
    return _applied(settings, given, Origin("--set", "", UsageError)) if given else settings


def _applied(settings: Settings, table: Table, origin: Origin) -> Settings:
    """The settings with the sections of a table laid over them."""
    changed: dict[str, Any] = {}
    for name, value in table.items():
        if name not in SECTIONS:
            raise origin.wrong(name, f"is no section{_meant(name, SECTIONS)}")
        if not isinstance(value, Mapping):
            raise origin.wrong(name, "has to be a table")
        changed[name] = SECTIONS[name].read(getattr(settings, name), value, origin)
    return replace(settings, **changed)


# ── sections ──


@dataclass(frozen=True)
class Section:
    """read: the section with a table's keys laid over it; names: its keys, for `--set` and hints."""

    read: Callable[[Any, Table, Origin], Any]
    names: Collection[str]


def _thresholds(thresholds: Thresholds, table: Table, origin: Origin) -> Thresholds:
    changed: dict[str, Threshold] = {}
    for name, marks in table.items():
        key = f"thresholds.{name}"
        if name not in NAMES:
            raise origin.wrong(key, f"is no threshold{_meant(name, NAMES)}")
        if not isinstance(marks, Mapping):
            raise origin.wrong(key, "has to be a table such as {warning = 1, critical = 2}")
        threshold = replace(getattr(thresholds, name), **_marks(name, marks, origin))
        if fault := fault_of_order(name, threshold):
            raise origin.wrong(key, fault)
        changed[name] = threshold
    return replace(thresholds, **changed)


def _marks(name: str, marks: Table, origin: Origin) -> dict[str, float]:
    known = [one.name for one in fields(Threshold)]
    read = {}
    for mark, value in marks.items():
        key = f"thresholds.{name}.{mark}"
        if mark not in known:
            raise origin.wrong(key, f"is no mark{_meant(mark, known)}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise origin.wrong(key, f"has to be a number, not {printable(repr(value), 40)}")
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if fault := fault_of_mark(name, number):
            raise origin.wrong(key, fault)
        read[mark] = number
    return read


def _forecast(settings: ForecastSettings, table: Table, origin: Origin) -> ForecastSettings:
    for name, value in table.items():
        key = f"forecast.{name}"
        if name not in _OF_FORECASTS:
            raise origin.wrong(key, f"is no setting of forecasts{_meant(name, _OF_FORECASTS)}")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise origin.wrong(key, "has to be a length of time such as 5m")
        try:
            settings = replace(settings, horizon_ns=parse_duration(str(value), "it"))
        except UsageError:
            shown = printable(repr(value), 40)
            raise origin.wrong(key, f"has to be a length of time such as 5m, not {shown}") from None
    return settings


_OF_FORECASTS = ("horizon",)

SECTIONS: Mapping[str, Section] = {
    "thresholds": Section(_thresholds, NAMES),
    "forecast": Section(_forecast, _OF_FORECASTS),
}


def _meant(name: str, known: Iterable[str]) -> str:
    """What a wrong name may have meant, or else what there is."""
    names = list(known)
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there {'is' if len(names) == 1 else 'are'} {', '.join(names)}"


# ── files ──


def _found(folder: Path | None) -> tuple[Table, Origin] | None:
    """The table of the nearest file with settings."""
    try:
        here = (folder or Path.cwd()).absolute()
    except OSError:  # the working directory is gone
        return None
    for place in (here, *here.parents):
        if (own := _read(place / OWN_FILE)) is not None:
            return own, Origin(printable(str(place / OWN_FILE)), "", UnusableInput)
        shared = _read(place / SHARED_FILE, containing=b"perfkit")
        origin = Origin(printable(str(place / SHARED_FILE)), "tool.perfkit.", UnusableInput)
        tools = (shared or {}).get("tool")
        if isinstance(tools, Mapping) and "perfkit" in tools:
            if not isinstance(tools["perfkit"], Mapping):
                raise UnusableInput(f"{origin.name}: tool.perfkit has to be a table")
            return tools["perfkit"], origin
    return None


def _read(path: Path, containing: bytes = b"") -> Table | None:
    """The file as a table; None if there is none, or none that contains these bytes."""
    name = printable(str(path))
    try:
        if not path.is_file():
            return None
    except OSError:  # a folder that may not be searched
        return None
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise UnusableInput(
            f"cannot read the settings in {name} ({error.strerror}); make it readable or remove it"
        ) from None
    if containing not in data:
        return None
    if len(data) > _LARGEST_FILE_BYTES:
        raise UnusableInput(f"{name} is larger than settings can be")
    return _toml(data, name)


def _toml(data: bytes, name: str) -> Table:
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnusableInput(f"{name}, line {line}: not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        reason = printable(str(error) or "nested too deeply", 200)
        raise UnusableInput(f"{name} is no valid TOML ({reason}); mend it there") from None


# ── --set ──


def _parsed(overrides: Iterable[str]) -> Table:
    """`KEY=VALUE` texts as one table of sections."""
    table: dict[str, Any] = {}
    for text in overrides:
        key, equals, value = text.partition("=")
        names = [name.strip() for name in key.split(".")]
        if not equals or not all(names):
            shown = printable(text, 60)
            raise UsageError(f"--set {shown}: write KEY=VALUE, such as fps.warning=45")
        if names[0] not in SECTIONS:
            names.insert(0, _section_of(names[0], printable(key, 60)))
        *path, last = names
        inner = table
        for name in path:
            if not isinstance(inner.setdefault(name, {}), dict):
                inner[name] = {}
            inner = inner[name]
        inner[last] = _value(value)
    return table


def _section_of(name: str, key: str) -> str:
    """The section that has a key of this name."""
    holding = [section for section, one in SECTIONS.items() if name in one.names]
    if len(holding) == 1:
        return holding[0]
    if holding:
        raise UsageError(f"--set {key}: say which one, {' or '.join(holding)}")
    known = [*SECTIONS, *(name for one in SECTIONS.values() for name in one.names)]
    raise UsageError(f"--set {key}: there is no such setting{_meant(name, known)}")


def _value(text: str) -> Any:
    """A value as TOML has it; what is none is a text."""
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        pass
    try:
        return float(text)  # TOML has no `.5`, people do
    except ValueError:
        return text.strip()
