"""Following a recording in progress: the pipeline and the rules over it, as it grows.

`perfkit replay --follow` prints what it yields; `perfkit record --analyze` starts it as a process
of its own, which writes `SESSION.findings.jsonl` meanwhile and the report beside the session when
the recorder says that it is sealed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from perfkit.analysis.pipeline import Pipeline, Settings
from perfkit.analysis.rates import Rates
from perfkit.errors import PerfkitError
from perfkit.model.finding import Finding
from perfkit.model.insight import Insight
from perfkit.model.text import printable
from perfkit.session.follow import Follower
from perfkit.workflows.findings_file import findings_path, written
from perfkit.workflows.pipeline_settings import pipeline_settings
from perfkit.workflows.window import Window

RULES_EVERY_NS = 30_000_000_000
RULES_OVER_NS = 60_000_000_000
_LOOK_S = 0.5
_NICENESS = 5
_SEALED = b"s"


def follow(
    path: Path, settings: Settings | None = None, rules_dir: Path | None = None
) -> Iterator[Finding | Insight]:
    """What is found in a recording while it goes on, and at its end.

    path: the journal, or the session that it will become. Insights are those of the last 60 s,
    asked for every 30 s; one that still holds is not repeated.
    Raises UnusableInput if there is no recording in progress, or it cannot be read any more.
    """
    follower = Follower(path)
    window = Window(follower, RULES_OVER_NS)
    asked_ns = 0
    holding: set[tuple[str, str]] = set()
    for found, now_ns in _fed(follower, settings, window):
        yield from found
        if now_ns - asked_ns < RULES_EVERY_NS:
            continue
        asked_ns = now_ns
        from perfkit.workflows.insights import insights

        said = insights(window, rules_dir, settings)
        holds = [one for one in said if isinstance(one, Insight)]
        yield from (one for one in holds if (one.rule, one.cause) not in holding)
        holding = {(one.rule, one.cause) for one in holds}


def followed(path: Path, settings: Settings | None = None) -> Iterator[Finding]:
    """The findings alone, in order; see `follow`. Raises at once if there is no recording."""
    fed = _fed(Follower(path), settings, None)
    return (one for found, _ in fed for one in found)


def _fed(
    follower: Follower, settings: Settings | None, window: Window | None
) -> Iterator[tuple[list[Finding], int]]:
    """What each new piece of the recording shows, and the session's time after it."""
    rates = Rates(follower.metrics)
    metrics = (*follower.metrics, *rates.metrics)
    pipeline = Pipeline(metrics, follower.session.interval_ns, settings)
    if window is None:
        rates = Rates(follower.metrics, pipeline.inputs)
        wanted = {*pipeline.inputs, *rates.inputs}
    else:
        wanted = {*(metric.name for metric in follower.metrics), "processes", "events"}

    def pause() -> None:
        time.sleep(_LOOK_S)

    now_ns = 0
    for raw in follower.blocks(wanted, pause):
        block = rates.add(raw)
        if window is not None:
            window.add(block)
        now_ns = int(block.t_ns[-1])
        yield pipeline.add(block), now_ns
    yield pipeline.finish(), now_ns


# ── beside a recorder ──


def main() -> None:
    """Entry of the process beside a recorder: SESSION, descriptor, whether to be quiet, detector."""
    import socket

    session, descriptor, quiet = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1"
    detector = sys.argv[4] if len(sys.argv) > 4 else None
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the recorder
    os.nice(_NICENESS)
    with socket.socket(fileno=descriptor) as recorder:
        try:
            found = {
                one.id
                for one in written(
                    followed(session, pipeline_settings(detector=detector)), findings_path(session)
                )
            }
            if recorder.recv(1) == _SEALED:
                said = _report(session, len(found), detector)
                if not quiet:
                    os.write(2, f"perfkit: {said}\n".encode("utf-8", "backslashreplace"))
        except PerfkitError as error:
            os.write(2, f"perfkit: {error}\n".encode("utf-8", "backslashreplace"))


def report_path(session: Path) -> Path:
    """Where the final report of a session lies: `NAME.report.md` beside `NAME.parquet`."""
    return session.with_name(session.name.removesuffix(".parquet") + ".report.md")


def _report(session: Path, count: int, detector: str | None) -> str:
    """Write the final report; a sentence on where everything is."""
    from perfkit.report import Format, Page, renderer
    from perfkit.workflows.analyze import analyze
    from perfkit.workflows.report_file import write_report

    report = analyze(session, detector=detector)
    path = report_path(session)
    write_report(renderer(Format.MARKDOWN)([report], Page(width=80)), path, [session])
    return (
        f"{count} finding{'' if count == 1 else 's'} in {printable(str(findings_path(session)))}, "
        f"the report in {printable(str(path))}"
    )
