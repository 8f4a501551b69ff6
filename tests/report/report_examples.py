"""Reports that every renderer is shown: a plain one, an empty one, and one full of hostile text."""

from __future__ import annotations

import math
from dataclasses import replace

from perfkit.model.insight import Insight, NotApplicable, RuleFailed
from perfkit.model.metric import (
    CLOCK,
    COUNTER,
    DELTA,
    FAST,
    FLOAT,
    GAUGE,
    MACHINE,
    RATE,
    RECORDER,
    SLOW,
    SYSTEM,
    TARGET,
    TICK,
    Metric,
)
from perfkit.model.report import Hole, MetricSummary, Monitoring, Report, Verdict
from perfkit.model.session import Session

HOSTILE = {
    "escape sequence": "\x1b]0;owned\x07\x1b[31mred\x1b[2J",
    "newlines": "one\ntwo\r\nthree\x0bfour\u2028five\x85six",
    "closing script tag": "</script><script>alert(1)</script><img src=x onerror=alert(1)>",
    "rich markup": "[red]danger[/red][/] [link=file:///etc/passwd]click[/link] [bold",
    "table pipes": "a|b||c \\| d",
    "backticks": "`code` ``` fence ``` ` `` end`",
    "links and mentions": "@everyone [x](javascript:alert(1)) <http://a.example> https://b.example www.c.example #1 ![i](http://d.example/p.png) someone@e.example",
    "emphasis": "*bold* _it_ ~~gone~~ **x** $math$ $$m$$ &lt;b&gt; &amp; - + 1. # > heading\\",
    "not utf-8": b"caf\xe9 \xff\xfe\x80".decode("utf-8", "surrogateescape"),
    "bidi override": "safe\u202etxt.exe\u202c \u2066hidden\u2069 zero\u200bwidth \ufeffbom",
    "null and delete": "a\x00b\x7fc\x9b31m",
    "comment end": "--> <!-- <details> ]]> {{ x }} %s {0} {name}",
}


def summary(metric: Metric, *values: float | None) -> MetricSummary:
    known = [value for value in values if value is not None]
    if not known:
        return MetricSummary(metric, 0, None, None, None, None, None, None, None, values)
    return MetricSummary(
        metric,
        len(known),
        known[0],
        known[-1],
        min(known),
        sum(known) / len(known),
        max(known),
        max(known),
        known[-1] - known[0]
        if metric.kind == COUNTER
        else sum(known)
        if metric.kind == DELTA
        else None,
        values,
    )


def plain_report() -> Report:
    session = Session(
        session_id="01890a5d-ac96-774b-bcce-b302099a8057",
        perfkit_version="0.1.0",
        schema_version="1.0",
        mode="command",
        sampler="linux",
        target_pid=4242,
        target_name="postgres",
        command="/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main",
        interval_ns=100_000_000,
        started_at_us=1_772_366_400_000_000,
        start_boottime_ns=5_000_000_000,
        ended_at_us=1_772_366_460_000_000,
        duration_ns=60_000_000_000,
        exit_code=0,
        stop_reason="the target exited",
        interval_changes=((30_000_000_000, 150_000_000),),
        host={"cpu_model": "Example CPU", "cores": 2, "memory_bytes": 8 * 2**30, "kernel": "6.1.0"},
        missing={"psi_cpu_some_us": "the kernel was built without pressure stall information"},
    )
    monitoring = Monitoring(
        active=False,
        ticks=598,
        duration_ns=60_000_000_000,
        cost_cpu_ns=210_000_000,
        cost_percent=0.35,
        cost_per_tick_ns=351_000.0,
        late_p99_ns=220_000.0,
        late_max_ns=1_300_000,
        ticks_missed=2,
        suspended_ns=0,
        events_dropped=0,
        holes=(Hole(12_300_000_000, 12_500_000_000, 2, "missed"),),
    )
    summaries = (
        summary(Metric("time", "us", CLOCK, TICK, RECORDER, "wall clock"), 1.0, 2.0),
        summary(Metric("cpu_percent", "percent", RATE, FAST, TARGET, "CPU", FLOAT), None, 12.5, 98.25, 50.0),
        summary(Metric("rss_bytes", "bytes", GAUGE, FAST, TARGET, "memory"), 2.0**20, 2.0**21, 2.0**22),
        summary(Metric("cpu_time_ns", "ns", COUNTER, FAST, TARGET, "CPU time"), 0.0, 32_000_000_000.0),
        summary(Metric("threads_count", "count", GAUGE, FAST, TARGET, "threads"), 7.0, 7.0),
        summary(Metric("swap_bytes", "bytes", GAUGE, SLOW, TARGET, "swap")),
        summary(Metric("system_memory_available_bytes", "bytes", GAUGE, SYSTEM, MACHINE, "memory left"), 6.0e9, 5.0e9),
        summary(Metric("ticks_missed", "count", DELTA, TICK, RECORDER, "missed"), 0.0, 2.0, 0.0),
    )  # fmt: skip
    insights = (
        Insight(
            rule="fds-growth",
            title="Descriptors grow",
            severity="medium",
            cause="fds",
            impact="The process will fail to open files.",
            message="Open descriptors grew from 10 to 400 of 1024.",
            evidence={"fds_growth_per_s": 6.5, "fds_limit_count": 1024, "severity": "medium"},
            recommendations=("Close what you open.",),
        ),
        Insight(
            rule="memory-growth",
            title="Memory keeps growing",
            severity="high",
            cause="memory",
            impact="The process will run out of memory.",
            message="Resident memory grew by 3.00 MiB in 1 m 00 s.",
            evidence={
                "rss_growth_bytes": 3 * 2**20,
                "process_name": "postgres",
                "unknown_ratio": None,
            },
            recommendations=("Look at what is kept.", "Set a limit."),
        ),
        Insight(
            rule="memory-capacity",
            title="Memory is nearly used up",
            severity="medium",
            cause="memory",
            impact="",
            message="91.0 % of what binds it.",
            evidence={},
            recommendations=("Set a limit.",),
        ),
    )
    return Report(
        source="runs/session.parquet",
        source_kind="session",
        session=session,
        monitoring=monitoring,
        summaries=summaries,
        insights=insights,
        not_applicable=(NotApplicable("pressure", "Pressure stall", ("psi_cpu_some_percent",)),),
        failed_rules=(RuleFailed("mine", "it ran longer than 10 s"),),
        verdict=Verdict(None, "poor", "A high-severity insight was found.", {"memory": 40.0, "fps": None}),
        cannot_tell=("The session is shorter than a trend needs.",),
    )  # fmt: skip


def empty_report() -> Report:
    """A session without a tick: nothing is known but that it was begun."""
    report = plain_report()
    return replace(
        report,
        session=replace(
            report.session,
            target_name="",
            command="",
            duration_ns=None,
            ended_at_us=None,
            exit_code=None,
            stop_reason=None,
            interval_changes=(),
            host={},
            missing={},
        ),
        monitoring=Monitoring(False, 0, 0, 0, None, None, None, None, 0, 0, 0, ()),
        summaries=tuple(summary(one.metric) for one in report.summaries),
        insights=(),
        not_applicable=(),
        failed_rules=(),
        verdict=Verdict(None, "good", "", {}),
        cannot_tell=("There is no tick in this session.",),
    )


def hostile_report(text: str) -> Report:
    """The stranger's text in every place that a stranger can write to."""
    report = plain_report()
    metric = Metric(f"m{text}", text, GAUGE, FAST, text, text)
    insight = Insight(text, text, text, text, text, text, {text: text, "number": math.nan}, (text,))
    return replace(
        report,
        source=text,
        session=replace(
            report.session,
            session_id=text,
            perfkit_version=text,
            mode=text,
            sampler=text,
            target_name=text,
            command=text,
            stop_reason=text,
            host={"cpu_model": text, "kernel": text, "governor": text, text: text},
            missing={text: text},
            notes={text: text},
        ),
        monitoring=replace(report.monitoring, holes=(Hole(0, 1, 1, text),), cost_percent=math.inf),
        summaries=(
            *report.summaries,
            summary(metric, 1.0, 2.0),
            replace(summary(metric, 1.0, 2.0), mean=math.nan, sparkline=(math.nan, math.inf, 1.0)),
        ),
        insights=(*report.insights, insight, replace(insight, severity="high")),
        not_applicable=(NotApplicable(text, text, (text,)),),
        failed_rules=(RuleFailed(text, text),),
        verdict=Verdict(math.nan, text, text, {text: math.nan}),
        cannot_tell=(text,),
    )


EXAMPLES = {
    "plain": plain_report(),
    "empty": empty_report(),
    **{name: hostile_report(text) for name, text in HOSTILE.items()},
}
"""What every renderer must bear."""
