"""Numbers as people read them, formatted by unit and never by metric name.

One table, unit to formatter: tables, insights and the query output of every renderer read alike.
Pure functions of their arguments; none of them raises on a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from perfkit.model.text import printable

UNKNOWN = "–"
"""What stands in a table where there is no value."""

THIN_SPACE = "\u202f"
"""Groups thousands; narrow, and a line never breaks at it."""

_BINARY_PREFIXES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")

_NS_PER_S = 1_000_000_000


def format_value(value: float | int | None, unit: str) -> str:
    """The value in its unit, about three significant digits.

    value: a number, or None for "no value"; NaN and infinities count as no value.
    unit: a unit of `perfkit.model.metric.Metric` (also `ms`, `s`, and `…/min`, `…/h`); of an
    unknown unit the value is shown as a plain number followed by the unit.
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    formatter = _FORMATTERS.get(unit)
    if formatter is not None:
        return formatter(value)
    amount, slash, time = unit.rpartition("/")
    if slash and amount in _FORMATTERS:
        formatted = _FORMATTERS[amount](value)
        return f"{formatted} /{time}" if amount == "count" else f"{formatted}/{time}"
    return f"{format_number(value)} {printable(unit, 12)}".rstrip()


def format_by_name(name: str, value: object) -> str:
    """The value in the unit that its name ends in, as evidence and queries carry it.

    value: number, text, truth value or None; text is made printable, None reads "unknown".
    """
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return "unknown"
        if _is_identity(name):
            return str(value)
        return format_value(value, unit_of_name(name))
    return printable(value if isinstance(value, bytes) else str(value))


def unit_of_name(name: str) -> str:
    """The unit a name ends in, `read_bytes_per_s` giving `bytes/s`; `number` where it says none.

    A statistic behind the unit, as in the columns of `periods`, does not hide it:
    `cpu_percent_mean` is `percent`.
    """
    name = name.lower()
    return (
        _rate(name)
        or _rate(_without_statistic(name))
        or _ending(name)
        or (_ending(_without_statistic(name)) or "number")
    )


def format_number(value: float | int) -> str:
    """A number without a unit: whole numbers in full, others to three significant digits."""
    if isinstance(value, int) or value.is_integer():
        return _grouped(f"{value:.0f}")
    size = abs(value)
    if size >= 99.95:
        return _grouped(f"{value:.0f}")
    if size >= 9.995:
        return f"{value:.1f}"
    if size >= 0.00995:
        return f"{value:.2f}"
    return f"{value:.1g}" if size >= 0.00005 else "~0"


def format_duration(nanoseconds: float | int) -> str:
    """A length of time: `350 ns`, `1.25 ms`, `12.3 s`, `1 m 05 s`, `2 h 03 m`, `3 d 04 h`."""
    sign = "-" if nanoseconds < 0 else ""
    size = abs(nanoseconds)
    if not math.isfinite(size):
        return UNKNOWN  # of a number of seconds that has no nanoseconds
    if size == 0:
        return "0 s"
    if size < 999.5:
        return f"{sign}{_three_digits(size)} ns"
    if size < 999_500:
        return f"{sign}{_three_digits(size / 1e3)} µs"
    if size < 999_500_000:
        return f"{sign}{_three_digits(size / 1e6)} ms"
    if size < 59.95 * _NS_PER_S:
        return f"{sign}{_three_digits(size / _NS_PER_S)} s"
    seconds = round(size / _NS_PER_S)
    if seconds < 3600:
        return f"{sign}{seconds // 60} m {seconds % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{sign}{minutes // 60} h {minutes % 60:02d} m"
    hours = round(seconds / 3600)
    return f"{sign}{_grouped(str(hours // 24))} d {hours % 24:02d} h"


def format_bytes(value: float | int) -> str:
    """An amount of data in binary units: `512 B`, `12.3 MiB`."""
    sign = "-" if value < 0 else ""
    size = abs(value)
    step = 0
    # 1023.5 KiB would be shown as "1024 KiB": what rounds to the next unit is shown in it.
    while size >= 1023.5 and step < len(_BINARY_PREFIXES) - 1:
        size /= 1024
        step += 1
    digits = _plain(size) if step == 0 else _three_digits(size)
    return f"{sign}{digits} {_BINARY_PREFIXES[step]}"


def _percent(value: float | int) -> str:
    return "0 %" if value == 0 else f"{_signed(value, _three_digits)} %"


def _ratio(value: float | int) -> str:
    return _percent(value * 100)


def _cores(value: float | int) -> str:
    return f"{_plain(value)} {'core' if value == 1 else 'cores'}"


def _signed(value: float | int, formatter: Callable[[float | int], str]) -> str:
    return f"-{formatter(-value)}" if value < 0 else formatter(value)


def _three_digits(size: float | int) -> str:
    """Three significant digits of a size >= 0, never in exponents; whole integers stay whole."""
    if isinstance(size, int) and size < 1000:
        return str(size)
    if size >= 99.95:
        return _grouped(f"{size:.0f}")
    if size >= 9.995:
        return f"{size:.1f}"
    if size >= 0.00995 or size == 0:
        return f"{size:.2f}"
    return f"{size:.3f}" if size >= 0.0005 else "<0.001"


def _plain(value: float | int) -> str:
    """Up to three significant digits without trailing zeros: `2`, `1.5`, `0.25`."""
    if isinstance(value, int) or value.is_integer():
        return _grouped(f"{value:.0f}")
    digits = _signed(value, _three_digits)
    return digits.rstrip("0").rstrip(".") if "." in digits and "<" not in digits else digits


def _grouped(digits: str) -> str:
    """Thousands set apart; four digits alone stay together, as in running text."""
    sign = "-" if digits.startswith("-") else ""
    digits = digits.lstrip("-")
    if len(digits) <= 4:
        return sign + digits
    return sign + f"{int(digits):,}".replace(",", THIN_SPACE)


def _is_identity(name: str) -> bool:
    """Whether the number names something: a process id is not an amount, so nothing is grouped."""
    return name in _IDENTITIES or name.endswith(("_pid", "_id", "_code", "_signal"))


def _rate(name: str) -> str:
    amount, per, time = name.rpartition("_per_")
    if not (per and time in _TIMES):
        return ""
    unit = _ending(amount)
    return f"{unit if unit in _RATED else 'count'}/{_TIMES[time]}"


def _without_statistic(name: str) -> str:
    stem, _, last = name.rpartition("_")
    return stem if last in _STATISTICS else name


def _ending(name: str) -> str:
    last = name.rpartition("_")[2]
    return last if last in _NAME_UNITS else ""


_IDENTITIES = frozenset({"pid", "ppid", "id", "exit_code", "exit_signal", "period"})
_NAME_UNITS = frozenset({"ns", "us", "ms", "s", "bytes", "count", "percent", "ratio", "cores"})
_STATISTICS = frozenset(
    {"mean", "min", "max", "first", "last", "median", "p50", "p90", "p95", "p99", "total", "peak"}
)
_RATED = frozenset({"bytes", "percent"})
_TIMES = {
    "s": "s", "second": "s", "min": "min", "minute": "min", "h": "h", "hour": "h", "day": "day",
    "tick": "tick",
}  # fmt: skip

_FORMATTERS: dict[str, Callable[[float | int], str]] = {
    "ns": format_duration,
    "us": lambda value: format_duration(value * 1_000),
    "ms": lambda value: format_duration(value * 1_000_000),
    "s": lambda value: format_duration(value * _NS_PER_S),
    "bytes": format_bytes,
    "count": format_number,
    "percent": _percent,
    "ratio": _ratio,
    "cores": _cores,
    "number": format_number,
}


def clock(t_ns: int) -> str:
    """Session time as `M:SS.s` or `H:MM:SS`."""
    tenths = round(t_ns / 1e8)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{tenths // 10:02d}"
    return f"{minutes}:{tenths // 10:02d}.{tenths % 10}"
