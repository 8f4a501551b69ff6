"""Results per commit: adding them, showing what they say, gating on a new change."""

from __future__ import annotations

import json
import math
import os
import stat
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from perfkit.errors import UnusableInput, UsageError
from perfkit.gate.chain import comparable_from, make_series
from perfkit.gate.change_points import LEVEL, find_levels
from perfkit.gate.lately import level_for, look_lately
from perfkit.model.history import Added, History, HistoryCheck, MetricHistory, Result, Series
from perfkit.model.text import printable
from perfkit.model.verdict import Comparison
from perfkit.session.history import add_results, read_history

FIRST_ANCHOR = "anchor"
"""What the anchor is called where nobody gave it a name."""

NEWEST = 10

_GREATEST_RESULT_BYTES = 64 << 20
_LONGEST_NAME = 500


def add(
    path: Path,
    *,
    commit: str,
    head: str,
    anchor: str | None = None,
    anchor_name: str | None = None,
) -> Added:
    """Add the result of a commit to the history at path, which is begun if there is none.

    head: a file that `perfkit gate --json` wrote, its base being the anchor; or, with anchor, the
    sessions of the commit, and anchor those of the anchor build that was run beside it.
    anchor_name: of the anchor build; by default that of the newest result, at first FIRST_ANCHOR.
    Raises UsageError for an unusable name, UnusableInput for a result that holds nothing.
    """
    _check_name(commit, "--commit")
    if anchor_name is not None:
        _check_name(anchor_name, "--anchor-name")
    earlier = read_history(path) if os.path.lexists(path) else ()
    name = anchor_name or (earlier[-1].anchor if earlier else FIRST_ANCHOR)
    given = _read_result(Path(head)) if anchor is None else _compared(anchor, head)
    now_us = time.time_ns() // 1000
    results, skipped = results_of(given, commit=commit, anchor=name, added_at_us=now_us)
    if not results:
        why = f" ({'; '.join(skipped)})" if skipped else ""
        raise UnusableInput(
            f"{printable(head)} holds no metric that both sides have{why}; "
            "add a result in which something was measured"
        )
    everything = add_results(path, results)
    return Added(
        source=str(path),
        commit=commit,
        anchor=name,
        metrics=tuple(one.metric for one in results),
        commits=len({one.commit for one in everything}),
        skipped=tuple(skipped),
        notes=tuple(_notes_on(earlier, results, named=anchor_name is not None)),
    )


def show(path: Path, metrics: Collection[str] = ()) -> History:
    """What the history at path says of these metrics, or of all.

    Raises UnusableInput if it cannot be read or has no such metric.
    """
    results = read_history(path)
    series = _chosen(make_series(results), metrics, path)
    return _understood(path, results, series, LEVEL)


def check(
    path: Path, *, metrics: Collection[str] = (), newest: int = NEWEST, tolerance: float = 0.01
) -> HistoryCheck:
    """Whether one of these metrics rose lately; by default those that decided when measured.

    Raises UsageError for nonsense, UnusableInput if the history cannot be read.
    """
    if newest < 1:
        raise UsageError(f"--last {newest} leaves no commit to look at; name one or more")
    results = read_history(path)
    series = make_series(results)
    if metrics:
        chosen = _chosen(series, metrics, path)
    else:
        chosen = tuple(one for one in series if one.gating)
    if not chosen:
        raise UnusableInput(
            f"no metric of {printable(str(path))} decided when it was measured; "
            "name some with --metric"
        )
    history = _understood(path, results, chosen, level_for(len(chosen)))
    return look_lately(
        history, newest=newest, tolerance=tolerance, metrics=[one.metric for one in chosen]
    )


def results_of(
    given: Mapping[str, Any], *, commit: str, anchor: str, added_at_us: int
) -> tuple[list[Result], list[str]]:
    """The results in an object such as `perfkit gate --json` writes, and why others are none.

    Raises UnusableInput where the object is no such thing.
    """
    metrics = given.get("metrics")
    if not isinstance(metrics, Mapping):
        raise UnusableInput("the result has no `metrics`; add what `perfkit gate --json` wrote")
    base = given.get("base")
    source = base.get("source") if isinstance(base, Mapping) else None
    results, skipped = [], []
    for name, facts in metrics.items():
        shown = printable(str(name), 60)
        if not isinstance(facts, Mapping):
            raise UnusableInput(f"the result's metric {shown} is no object; add it as written")
        effect = _number(facts, "effect")
        if effect is None or effect <= -1 or effect > 1e6:
            skipped.append(f"{shown} has no effect")
            continue
        low, high = _number(facts, "ci_low"), _number(facts, "ci_high")
        pairs = _number(facts, "pairs")
        results.append(
            Result(
                commit=commit,
                metric=str(name)[:_LONGEST_NAME],
                unit=_text(facts, "unit"),
                ratio=1 + effect,
                low=None if low is None or low <= -1 else 1 + low,
                high=None if high is None else 1 + high,
                pairs=max(1, int(min(pairs, 1e9))) if pairs is not None else 1,
                anchor=anchor,
                anchor_source=printable(str(source), _LONGEST_NAME) if source else "",
                gating=facts.get("gating") is not False,
                design=_text(facts, "design"),
                host=_text(given, "host"),
                value=_number(facts, "head"),
                added_at_us=added_at_us,
            )
        )
    return results, skipped


def _understood(
    path: Path, results: Sequence[Result], series: Sequence[Series], level: float
) -> History:
    metrics = tuple(
        MetricHistory(
            one,
            find_levels([point.value for point in one.points], seams=one.seams, level=level),
            comparable_from(one),
        )
        for one in series
    )
    return History(
        source=str(path),
        commits=len({one.commit for one in results}),
        metrics=metrics,
        notes=tuple(dict.fromkeys(note for one in metrics for note in _limits(one))),
    )


def _limits(one: MetricHistory) -> list[str]:
    """What is to be said where the anchor or the host changed."""
    notes = []
    points = one.series.points
    for seam in one.series.seams:
        before, after = points[seam.index - 1], points[seam.index]
        change = (
            f"the anchor changes from {printable(before.anchor, 60)} to "
            f"{printable(after.anchor, 60)} at {printable(after.commit, 60)}"
        )
        if seam.links:
            commits = "1 commit" if seam.links == 1 else f"{seam.links} commits"
            notes.append(f"{change}; {commits} measured with both join the two")
        else:
            notes.append(
                f"{change}, and no commit was measured with both: before and after cannot be "
                "compared; add one commit's result with the other anchor"
            )
    for change_point in one.levels.changes:
        at = change_point.index
        if points[at].host != points[at - 1].host and points[at].host and points[at - 1].host:
            notes.append(
                f"the host changes at {printable(points[at].commit, 60)}, where "
                f"{printable(one.series.metric, 60)} does"
            )
    return notes


def _notes_on(earlier: Sequence[Result], results: Sequence[Result], *, named: bool) -> list[str]:
    notes = []
    new = results[0]
    same = [one for one in earlier if one.anchor == new.anchor and one.anchor_source]
    if same and new.anchor_source and same[-1].anchor_source != new.anchor_source and not named:
        notes.append(
            f"the anchor {printable(new.anchor, 60)} was run as {same[-1].anchor_source} before "
            f"and as {new.anchor_source} now; if that is another build, it needs a name of its "
            "own (--anchor-name)"
        )
    if any(one.commit == new.commit and one.anchor == new.anchor for one in earlier):
        notes.append(f"{printable(new.commit, 60)} was there already; its results are averaged")
    known = {one.anchor for one in earlier}
    if known and new.anchor not in known:
        if any(one.commit == new.commit for one in earlier):
            notes.append(f"{printable(new.commit, 60)} joins {printable(new.anchor, 60)} to before")
        else:
            notes.append(
                f"{printable(new.anchor, 60)} is a new anchor and nothing joins it to before yet: "
                "measure a commit with both"
            )
    return notes


def _chosen(series: Sequence[Series], metrics: Collection[str], path: Path) -> tuple[Series, ...]:
    known = {one.metric: one for one in series}
    missing = [name for name in metrics if name not in known]
    if missing:
        raise UnusableInput(
            f"{printable(str(path))} has no metric {printable(missing[0], 60)}; it has "
            f"{', '.join(printable(name, 60) for name in list(known)[:20]) or 'none'}"
        )
    return tuple(known[name] for name in dict.fromkeys(metrics)) if metrics else tuple(series)


def _read_result(path: Path) -> Mapping[str, Any]:
    shown = printable(str(path))
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise UnusableInput(
                f"{shown} is a folder; name the sessions of the anchor build too, with --anchor"
            )
        if not stat.S_ISREG(found.st_mode) or found.st_size > _GREATEST_RESULT_BYTES:
            raise UnusableInput(f"{shown} is no result; name a file of `perfkit gate --json`")
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnusableInput(f"{shown} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid path"
        raise UnusableInput(f"cannot read {shown} ({reason}); check its permissions") from None
    if data.startswith(b"PAR1"):
        raise UnusableInput(
            f"{shown} is a session; name the sessions of the anchor build too, with --anchor"
        )
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or not isinstance(given.get("metrics"), dict):
        raise UnusableInput(
            f"{shown} is not a result; name a file that `perfkit gate --json` wrote"
        )
    version = str(given.get("schema_version", "1")).partition(".")[0]
    if version != "1":
        raise UnusableInput(
            f"{shown} has schema version {printable(version, 20)}, this perfkit reads 1; "
            "upgrade perfkit to add it"
        )
    return given


def _compared(anchor: str, head: str) -> Mapping[str, Any]:
    from perfkit.report.comparison_json import comparison_object
    from perfkit.workflows.compare import compare_sessions

    comparison: Comparison = compare_sessions(anchor, head)
    return comparison_object(comparison)


def _number(facts: Mapping[str, Any], key: str) -> float | None:
    """A finite number, or None for anything else."""
    value = facts.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text(facts: Mapping[str, Any], key: str) -> str:
    value = facts.get(key)
    return printable(value, _LONGEST_NAME) if isinstance(value, str) else ""


def _check_name(name: str, option: str) -> None:
    if not name.strip() or len(name) > _LONGEST_NAME or printable(name) != name:
        raise UsageError(
            f"{option} {printable(name, 60)!r} is no name: it is up to {_LONGEST_NAME} printable "
            "characters"
        )
