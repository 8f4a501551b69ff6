"""From what was measured elsewhere to verdicts: recorded sessions, or other tools' results."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from perfkit.errors import UnusableInput, UsageError
from perfkit.foreign.formats import FORMATS, ForeignFormat
from perfkit.foreign.measurements import Measure, Measurements, listed
from perfkit.gate.decision import Terms, judge
from perfkit.gate.differences import differences, unequal_workloads
from perfkit.gate.metrics import GATE_METRICS
from perfkit.model.text import printable
from perfkit.model.verdict import (
    UNPAIRED,
    ComparedSide,
    Comparison,
    GateMetric,
    Observations,
)
from perfkit.report.units import unit_of_name
from perfkit.workflows.foreign_side import ForeignSide, read_foreign
from perfkit.workflows.recorded_runs import (
    RecordedRun,
    SideSessions,
    hosts_apart,
    observations_of_sessions,
)

BASE = "base"
HEAD = "head"

WINDOW_METRICS: tuple[GateMetric, ...] = (
    GateMetric(
        "cpu_percent", "percent", "CPU used, 100 being one core", UNPAIRED, gating=True, cause="cpu"
    ),
    GateMetric(
        "sampled_rss_bytes",
        "bytes",
        "median of the resident memory that was sampled",
        UNPAIRED,
        gating=True,
        cause="memory",
    ),
    GateMetric("minor_faults_per_s", "count/s", "pages given a second", UNPAIRED, cause="memory"),
    GateMetric("read_bytes_per_s", "bytes/s", "read from storage a second", UNPAIRED, cause="io"),
    GateMetric("written_bytes_per_s", "bytes/s", "towards storage a second", UNPAIRED, cause="io"),
)
"""What stretches of a process that was attached to are compared by."""

_UNPAIRED_COST = (
    "Recorded apart: nothing pairs these runs, so noise that comes and goes between recordings "
    "does not cancel. A duet (perfkit gate --base CMD --head CMD) is about ten times as certain."
)


def chosen_metrics(text: str | None) -> tuple[GateMetric, ...]:
    """The metrics that `--metric` names, gating; `all` makes every one gate, None changes nothing.

    Raises UsageError for a name that is none.
    """
    if text is None:
        return GATE_METRICS
    names = [name.strip() for name in text.split(",") if name.strip()]
    everything = {metric.name for metric in (*GATE_METRICS, *WINDOW_METRICS)}
    strange = [name for name in names if name not in everything and name != "all"]
    if strange or not names:
        raise UsageError(
            f"--metric {listed(strange) or printable(text)} is no metric; choose from all, "
            f"{', '.join(metric.name for metric in (*GATE_METRICS, *WINDOW_METRICS))}"
        )
    return tuple(
        replace(metric, gating="all" in names or metric.name in names)
        for metric in (*GATE_METRICS, *WINDOW_METRICS)
    )


def compare_sessions(
    base: str,
    head: str,
    *,
    metrics: Sequence[GateMetric] | None = None,
    terms: Terms | None = None,
    floor: Path | None = None,
    allow_different_hosts: bool = False,
) -> Comparison:
    """Judge recorded sessions. base, head: a file, a journal, a folder, or a pattern each.

    metrics: those to judge, gating as they are to be; by default GATE_METRICS. floor: a file of
    `perfkit bench-noise`. Raises UnusableInput where a side has no run that counts, hosts differ
    without leave, or no metric is known of both sides.
    """
    sides = (observations_of_sessions(base), observations_of_sessions(head))
    for name, side in zip((BASE, HEAD), sides, strict=True):
        _require_runs(name, side.source, len(side.runs), side.failed)
    runs = sides[0].runs, sides[1].runs
    everyone = [*runs[0], *runs[1]]
    apart = tuple(hosts_apart(everyone))
    if apart and not allow_different_hosts:
        raise UnusableInput(
            f"the sessions come from different hosts ({'; '.join(apart[:3])}); record both sides "
            "on one, or add --allow-different-hosts"
        )
    window = _windows_or_runs(everyone)
    known = _of_kind(metrics, window)
    pairs = _pairs([run.pair for run in runs[0]], [run.pair for run in runs[1]])
    observations = Observations(_columns(runs[0], known), _columns(runs[1], known), pairs)
    judged, left_out = _on_both_sides(known, observations)
    terms = terms or Terms()
    fewest = min(map(len, runs))
    floors = _floors(floor, fewest, runs[1][0].session.host, allow_different_hosts)
    verdict, told = judge(observations, judged, terms, floor=floors)
    profiles = [run.profile for run in runs[0]], [run.profile for run in runs[1]]
    return Comparison(
        verdict=verdict,
        base=_side(BASE, sides[0]),
        head=_side(HEAD, sides[1]),
        metrics=told,
        fail_level=terms.fail_level,
        pass_level=terms.pass_level,
        not_gated=left_out,
        notes=(
            *([] if pairs else [_UNPAIRED_COST]),
            *_session_notes(sides, apart, window),
            *unequal_workloads(*profiles),
        ),
        differences=differences(*profiles),
        host=_host_words(everyone),
    )


def compare_foreign(
    tool: str,
    base: str,
    head: str,
    *,
    names: Collection[str] = (),
    terms: Terms | None = None,
    floor: Path | None = None,
    allow_different_hosts: bool = False,
) -> Comparison:
    """Judge what another tool measured. base, head: a file, a folder or a pattern each.

    tool: a name of FORMATS. names: the metrics to judge, all by default. allow_different_hosts:
    whether floor may be another machine's; the files themselves do not name theirs.
    Raises UsageError for another tool or metric, UnusableInput for files that cannot be used.
    """
    chosen = _format(tool)
    sides = (read_foreign(chosen, base), read_foreign(chosen, head))
    matched = _matched(sides[0].measurements, sides[1].measurements)
    metrics, observations, left_out = _foreign_observations(sides, matched, names)
    for name, side, columns in zip(
        (BASE, HEAD), sides, (observations.base, observations.head), strict=True
    ):
        _require_runs(name, side.source, _longest(columns), side.measurements.failed)
    terms = terms or Terms()
    fewest = min(_longest(observations.base), _longest(observations.head))
    floors = _floors(floor, fewest, None, allow_different_hosts)
    verdict, told = judge(observations, metrics, terms, floor=floors)
    return Comparison(
        verdict=verdict,
        base=_foreign_side(BASE, sides[0], observations.base),
        head=_foreign_side(HEAD, sides[1], observations.head),
        metrics=told,
        fail_level=terms.fail_level,
        pass_level=terms.pass_level,
        not_gated=left_out,
        notes=_foreign_notes(chosen, sides, observations),
    )


# ── sessions ──


def _of_kind(metrics: Sequence[GateMetric] | None, window: bool) -> tuple[GateMetric, ...]:
    """Those of the metrics that windows have, or that runs have."""
    catalogue = WINDOW_METRICS if window else GATE_METRICS
    names = {metric.name for metric in catalogue}
    return tuple(metric for metric in metrics or () if metric.name in names) or catalogue


def _windows_or_runs(runs: Sequence[RecordedRun]) -> bool:
    """Whether all are windows. Raises UnusableInput where some are and others are not."""
    windows = [run for run in runs if run.window]
    if windows and len(windows) < len(runs):
        whole = next(run for run in runs if not run.window)
        raise UnusableInput(
            f"{printable(str(windows[0].path))} was recorded from a process that ran already, "
            f"{printable(str(whole.path))} from start to end: a stretch and a run cannot be "
            "compared; record both with `perfkit record -- CMD`"
        )
    return bool(windows)


def _columns(
    runs: Sequence[RecordedRun], metrics: Iterable[GateMetric]
) -> dict[str, tuple[float | None, ...]]:
    return {
        metric.name: tuple(run.values.get(metric.name) for run in runs)
        for metric in metrics
        if any(metric.name in run.values for run in runs)
    }


def _on_both_sides(
    metrics: Sequence[GateMetric], observations: Observations
) -> tuple[tuple[GateMetric, ...], tuple[str, ...]]:
    """Those that can be judged, and why others cannot. Raises UnusableInput for none."""
    judged: list[GateMetric] = []
    left_out: list[str] = []
    for metric in metrics:
        there = [metric.name in side for side in (observations.base, observations.head)]
        if all(there):
            judged.append(metric)
            if not metric.gating:
                left_out.append(metric.name)
        elif any(there):
            left_out.append(f"{metric.name} (only {BASE if there[0] else HEAD} has it)")
        else:
            left_out.append(f"{metric.name} (not recorded)")
    if not any(metric.gating for metric in judged):
        wanted = listed([metric.name for metric in metrics if metric.gating]) or "none that decides"
        raise UnusableInput(
            f"base and head have nothing in common to be judged by (asked for: {wanted})"
        )
    return tuple(judged), tuple(left_out)


def _session_notes(
    sides: tuple[SideSessions, SideSessions], apart: Sequence[str], window: bool
) -> list[str]:
    notes: list[str] = []
    if apart:
        notes.append(
            f"The sessions come from different hosts ({'; '.join(apart)}): part or all of any "
            "difference may be theirs."
        )
    if window:
        notes.append(
            "These are stretches of processes that ran already, compared by what they did a "
            "second: a difference may as well be one of the load that they were under."
        )
    same = {run.session.session_id for run in sides[0].runs} & {
        run.session.session_id for run in sides[1].runs
    }
    if same:
        notes.append(
            f"{len(same)} recording{' is' if len(same) == 1 else 's are'} on both sides: those "
            "are compared with themselves."
        )
    runs = [*sides[0].runs, *sides[1].runs]
    if any(run.slept for run in runs):
        notes.append("The machine slept during a run: its wall time is left out.")
    intervals = sorted({run.session.interval_ns for run in runs})
    if len(intervals) > 1:
        notes.append(
            f"The sessions were recorded at different intervals ({intervals[0] / 1e6:g} to "
            f"{intervals[-1] / 1e6:g} ms): recording did not cost all of them the same."
        )
    return notes


def _side(name: str, side: SideSessions) -> ComparedSide:
    return ComparedSide(name, side.source, len(side.runs), side.failed)


def _host_words(runs: Sequence[RecordedRun]) -> str:
    host = runs[0].session.host
    words = [str(host[key]) for key in ("cpu_model", "kernel") if host.get(key)]
    if host.get("cores"):
        words.insert(1 if host.get("cpu_model") else 0, f"{host['cores']} cores")
    return printable(", ".join(words), 200)


# ── other tools' results ──


def _format(tool: str) -> ForeignFormat:
    for one in FORMATS:
        if one.name == tool:
            return one
    raise UsageError(
        f"--from {printable(tool, 40)} is no tool that is read; choose from "
        f"{', '.join(one.name for one in FORMATS)}"
    )


def _matched(
    base: Measurements, head: Measurements
) -> list[tuple[str, Measure | None, Measure | None]]:
    """The measures of both sides by the name that they have in the comparison, base's order.

    One benchmark a side is one comparison whatever it is called: of two commands, say.
    """
    benchmarks = [
        list(dict.fromkeys(one.benchmark for one in side.values)) for side in (base, head)
    ]
    single = all(len(names) == 1 for names in benchmarks)
    named: list[dict[str, Measure]] = [{}, {}]
    for found, side in zip(named, (base, head), strict=True):
        for measure in side.values:
            benchmark = benchmarks[0][0] if single else measure.benchmark
            if measure.name and (single or not benchmark):
                found[measure.name] = measure
            else:
                found[": ".join(filter(None, (benchmark, measure.name)))] = measure
    return [(name, named[0].get(name), named[1].get(name)) for name in {**named[0], **named[1]}]


def _foreign_observations(
    sides: tuple[ForeignSide, ForeignSide],
    matched: Sequence[tuple[str, Measure | None, Measure | None]],
    names: Collection[str],
) -> tuple[tuple[GateMetric, ...], Observations, tuple[str, ...]]:
    known = {name for name, _, _ in matched}
    strange = [name for name in names if name not in known]
    if strange:
        raise UsageError(
            f"--metric {listed(strange)} is in neither file; they hold {listed(sorted(known), 10)}"
        )
    metrics: list[GateMetric] = []
    left_out: list[str] = []
    columns: tuple[dict[str, tuple[float | None, ...]], ...] = ({}, {})
    for name, base, head in matched:
        if base is None or head is None:
            left_out.append(f"{name} (only {HEAD if base is None else BASE} has it)")
            continue
        if base.unit != head.unit:
            left_out.append(f"{name} (base counts it in {base.unit}, head in {head.unit})")
            continue
        values = sides[0].measurements.values[base], sides[1].measurements.values[head]
        if not all(any(one is not None for one in side) for side in values):
            left_out.append(f"{name} (a side has no value of it)")
            continue
        gating = name in names if names else base.gating
        if not gating:
            left_out.append(name)
        metrics.append(_foreign_metric(name, base, gating, [*values[0], *values[1]]))
        for column, side in zip(columns, values, strict=True):
            column[name] = side
    if not any(metric.gating for metric in metrics):
        told = "; ".join(
            f"{side} holds {listed([m.benchmark or m.name for m in one.measurements.values])}"
            for side, one in zip((BASE, HEAD), sides, strict=True)
        )
        raise UnusableInput(f"base and head have nothing in common to be judged by: {told}")
    pairs = _pairs(sides[0].measurements.pairs, sides[1].measurements.pairs)
    if pairs == () and _both_paired(sides):
        raise UnusableInput("no pair of base is in head; without a column pair they are unpaired")
    return tuple(metrics), Observations(columns[0], columns[1], pairs), tuple(left_out)


def _foreign_metric(
    name: str, measure: Measure, gating: bool, values: Sequence[float | None]
) -> GateMetric:
    unit = measure.unit or unit_of_name(measure.name or name)
    known = next((one for one in GATE_METRICS if one.name == measure.name), None)
    there = [value for value in values if value is not None]
    quantum = 0.0
    if not all(there):
        # nothing against something has no ratio: the least there is counts as the step
        quantum = min((value for value in there if value), default=1.0)
    return GateMetric(
        name,
        "" if unit == "number" else unit,
        known.meaning if known else "",
        UNPAIRED,
        gating=gating,
        cause=known.cause if known and not measure.benchmark else "",
        quantum=quantum,
    )


def _both_paired(sides: tuple[ForeignSide, ForeignSide]) -> bool:
    return all(side.measurements.pairs is not None for side in sides)


def _pairs(base: Sequence[str] | None, head: Sequence[str] | None) -> tuple[tuple[int, int], ...]:
    if base is None or head is None:
        return ()
    places = {pair: place for place, pair in enumerate(head) if pair}
    return tuple((place, places[pair]) for place, pair in enumerate(base) if pair in places)


def _foreign_notes(
    chosen: ForeignFormat, sides: tuple[ForeignSide, ForeignSide], observations: Observations
) -> tuple[str, ...]:
    notes = [f"A run is {chosen.run}." if chosen.name != "csv" else ""]
    if observations.pairs:
        alone = [
            _longest(side) - len(observations.pairs)
            for side in (observations.base, observations.head)
        ]
        if any(alone):
            notes.append(
                f"{alone[0]} run{'' if alone[0] == 1 else 's'} of base and {alone[1]} of head "
                "have no partner and are left out."
            )
    else:
        notes.append(_UNPAIRED_COST)
        if any(side.measurements.pairs is not None for side in sides):
            notes.append("Only one side has a column pair: the runs are taken as unpaired.")
    paths = [{path.resolve() for path in side.paths} for side in sides]
    if paths[0] & paths[1]:
        notes.append("Base and head are the same file: it is compared with itself.")
    for side in sides:
        notes += side.measurements.notes
    return tuple(dict.fromkeys(filter(None, notes)))


def _foreign_side(
    name: str, side: ForeignSide, columns: Mapping[str, tuple[float | None, ...]]
) -> ComparedSide:
    return ComparedSide(name, side.source, _longest(columns), side.measurements.failed)


# ── both ──


def _require_runs(name: str, source: str, runs: int, failed: Sequence[str]) -> None:
    if runs:
        return
    why = f": {'; '.join(failed[:3])}" if failed else ""
    more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
    raise UnusableInput(f"{name} ({printable(source)}) has no run that counts{why}{more}")


def _longest(columns: Mapping[str, Sequence[float | None]]) -> int:
    """Runs of a side: those that have at least one value."""
    return max(
        (sum(value is not None for value in column) for column in columns.values()), default=0
    )


def _floors(
    floor: Path | None, runs: int, host: Mapping[str, object] | None, anywhere: bool
) -> Mapping[str, float] | None:
    if floor is None:
        return None
    from perfkit.workflows.floor import load_floor

    return load_floor(floor, runs=runs, host=host, allow_different_hosts=anywhere)
