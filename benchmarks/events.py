"""What it costs an application to speak and the recorder to listen, with the limits beside.

    python benchmarks/events.py [--seconds S] [--quick]

The calls of a process without a recorder; 20,000 events a second, paced, with a recorder at 10 Hz,
beside logging.info to a file and (if `statsd` can be imported) the statsd client's timing, each
alone in a process of its own; a minute of 20,000 a second for what is lost; ticks with and without
a socket; a recorder that is stopped, killed and replaced; the import. Takes about four minutes,
and wants the machine for itself. --quick takes one and shows rougher figures.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from perfkit.session.journal_reader import JournalSource
from perfkit.workflows.record import start_recorder

RATE_PER_S = 20_000
EVENT = 'operation="get", level="L1", hit=True, response_ms=0.4, size_bytes=512'

IDLE = f"""
import json, sys, time, types
import perfkit

there = types.ModuleType("there")  # called as perfkit.event is: by a name in a module

def empty(type, /, **fields):
    pass

def named(type, /, operation=None, level=None, hit=None, response_ms=None, size_bytes=None):
    pass

there.empty, there.named = empty, named

def call_event():
    for _ in range(2000):
        perfkit.event("cache_operation", {EVENT})

def call_empty():
    for _ in range(2000):
        there.empty("cache_operation", {EVENT})

def call_named():
    for _ in range(2000):
        there.named("cache_operation", {EVENT})

calls = (call_event, call_empty, call_named)
best = [1e9] * 3
for _ in range(int(sys.argv[1])):
    for which, call in enumerate(calls):
        began = time.perf_counter()
        call()
        best[which] = min(best[which], (time.perf_counter() - began) / 2000)
print(json.dumps(dict(zip(("event", "empty", "named"), best))))
"""

# The same loop for every speaker; what an empty body costs in it is taken off.
PACED = f"""
import json, os, sys, time
sys.stdin.readline()
speaker, seconds = sys.argv[1], float(sys.argv[2])
if speaker == "perfkit":
    import perfkit
    def say(): perfkit.event("cache_operation", {EVENT})
elif speaker == "logging":
    import logging
    logging.basicConfig(filename=sys.argv[3], level=logging.INFO)
    log = logging.getLogger("cache")
    def say(): log.info(
        "cache_operation operation=%s level=%s hit=%s response_ms=%s size_bytes=%s",
        "get", "L1", True, 0.4, 512)
elif speaker == "statsd":
    import statsd
    client = statsd.StatsClient("127.0.0.1", int(sys.argv[3]))
    def say(): client.timing("cache_operation", 0.4)
else:
    def say(): pass
say()
clock = time.perf_counter_ns
took = []
batch = {RATE_PER_S} // 1000
began = clock()
used = time.process_time_ns()
sent = 1
while True:
    due = int((clock() - began) / 1e9 * {RATE_PER_S})
    if due >= seconds * {RATE_PER_S}:
        break
    while sent <= due:
        before = clock()
        say()
        took.append(clock() - before)
        sent += 1
    time.sleep(0.001)
used = time.process_time_ns() - used
took.sort()
count = len(took)
print(json.dumps({{
    "sent": sent, "cpu_us": used / count / 1000, "mean_us": sum(took) / count / 1000,
    "p50_us": took[count // 2] / 1000, "p999_us": took[int(count * 0.999)] / 1000,
    "max_us": took[-1] / 1000}}), flush=True)
"""

QUIET = "import sys; print('ready', flush=True); sys.stdin.read()"

# A caller that never stops, while its recorder is stopped, killed and replaced.
STUBBORN = f"""
import json, sys, time
import perfkit
from perfkit import sdk
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[1])
worst, calls = 0, 0
seen = []
while time.monotonic() < end:
    for _ in range(20):
        before = time.perf_counter_ns()
        perfkit.event("cache_operation", {EVENT})
        worst = max(worst, time.perf_counter_ns() - before)
        calls += 1
    if not seen or seen[-1] != sdk._link.connected:
        seen.append(sdk._link.connected)
    time.sleep(0.001)
status = open("/proc/self/status").read()  # getrusage would count what our parent had
print(json.dumps({{"worst_ms": worst / 1e6, "calls": calls, "seen": seen,
    "rss_mib": int(status[status.index("VmHWM:") + 6:].split()[0]) / 1024}}), flush=True)
"""


def run(code: str, *arguments: str) -> dict[str, float]:
    words = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    done = subprocess.run(words, input="\n", capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def wait_until_it_ticks(journal: Path) -> None:
    while not (journal / "000000.ticks").exists():
        time.sleep(0.01)
    before = (journal / "000000.ticks").stat().st_size
    while (journal / "000000.ticks").stat().st_size <= before:
        time.sleep(0.01)


def stored(journal: Path) -> int:
    """How many lines of the application are in the journal."""
    lines = 0
    for path in sorted(journal.glob("*.frames")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            length = int.from_bytes(data[at + 4 : at + 8], "little")
            if data[at : at + 1] == b"E":
                payload = data[at + 16 : at + 8 + length]
                lines += payload.count(b"\n") - payload.count(b'"perfkit.dropped"')
            at += length + 12
    return lines


def recorded(folder: Path, speaker: str, seconds: float) -> tuple[dict[str, float], Path]:
    """What a paced speaker says of itself, and the journal of its recording at 10 Hz."""
    target = start(PACED, speaker, str(seconds))
    output = folder / f"{speaker}-{time.monotonic_ns()}.parquet"
    recorder = start_recorder(
        target.pid, ["python"], output=output, interval_ns=100_000_000, events=True
    )
    journal = Path(f"{output}.partial")
    wait_until_it_ticks(journal)
    figures = json.loads(target.communicate("\n")[0])
    recorder.wait()
    return figures, journal


def of_ticks(journal: Path, name: str) -> np.ndarray:
    blocks = list(JournalSource(journal).blocks([name]))
    if name == "t_ns":
        return np.concatenate([block.t_ns for block in blocks])
    return np.concatenate([block.columns[name].values for block in blocks])


def quiet_cost_us(folder: Path, seconds: float, events: bool) -> float:
    """Median cost of a tick of an idle target that says nothing."""
    target = start(QUIET)
    output = folder / f"quiet-{time.monotonic_ns()}.parquet"
    recorder = start_recorder(
        target.pid, ["python"], output=output, interval_ns=20_000_000, events=events
    )
    time.sleep(seconds)
    target.communicate("")
    recorder.wait()
    return float(np.median(of_ticks(Path(f"{output}.partial"), "sampler_cost_ns")[10:])) / 1000


def row(what: str, figure: float, unit: str, limit: float | None = None) -> None:
    kept = "" if limit is None else f"  limit {limit:g} {unit}"
    verdict = "" if limit is None else ("  ok" if figure <= limit else "  MISSED")
    print(f"{what:<62}{figure:>10.3f} {unit}{kept}{verdict}", flush=True)


def idle(rounds: int) -> None:
    best = run(IDLE, str(rounds))
    row("event without a recorder", best["event"] * 1e9, "ns")
    row("  to an empty function(type, /, **fields)", best["event"] / best["empty"], "", 1.3)
    row("  to an empty function that names the same arguments", best["event"] / best["named"], "")


def speakers(folder: Path, seconds: float) -> None:
    import socket

    nothing = run(PACED, "nothing", str(seconds))
    log = run(PACED, "logging", str(seconds), str(folder / "app.log"))
    ours, _ = recorded(folder, "perfkit", seconds)
    found = {"perfkit.event": ours, "logging.info to a file": log}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        try:
            port = str(sink.getsockname()[1])
            found["statsd timing"] = run(PACED, "statsd", str(seconds), port)
        except subprocess.CalledProcessError:
            print("statsd is not installed: not compared")
    for name, figures in found.items():
        row(f"{name}, CPU of the process", figures["cpu_us"] - nothing["cpu_us"], "µs")
        row("  a call, mean", figures["mean_us"] - nothing["mean_us"], "µs")
        row("  a call, p50", figures["p50_us"] - nothing["p50_us"], "µs")
        row("  a call, p99.9", figures["p999_us"], "µs")
        row("  a call, worst", figures["max_us"], "µs")
    for name, limit in (("logging.info to a file", 0.5), ("statsd timing", 1.0)):
        for figure in ("cpu_us", "mean_us") if name in found else ():
            ratio = (ours[figure] - nothing[figure]) / (found[name][figure] - nothing[figure])
            row(f"perfkit.event to {name}, {figure}", ratio, "", limit)


def a_minute(folder: Path, seconds: float) -> None:
    figures, journal = recorded(folder, "perfkit", seconds)
    cost_ns, late_ns = of_ticks(journal, "sampler_cost_ns"), of_ticks(journal, "tick_late_ns")
    t_ns = of_ticks(journal, "t_ns")
    dropped = int(of_ticks(journal, "events_dropped").sum())
    row(f"sent at {RATE_PER_S}/s", figures["sent"], "")
    row("  lost: sent - stored - dropped", abs(figures["sent"] - stored(journal) - dropped), "", 0)
    row("  dropped", dropped, "", 0)
    row("  recorder", float(cost_ns[1:].sum() / (t_ns[-1] - t_ns[0])), "core", 0.15)
    row("  ticks late, p99", float(np.percentile(late_ns, 99)) / 1e6, "ms")
    row("  ticks missed", float(of_ticks(journal, "ticks_missed").sum()), "", 0)


def without_events(folder: Path, seconds: float) -> None:
    pairs = [
        (quiet_cost_us(folder, seconds, False), quiet_cost_us(folder, seconds, True))
        for _ in range(3)
    ]
    row("a tick without a socket, median", statistics.median(pair[0] for pair in pairs), "µs")
    row("  with one that nobody uses", statistics.median(pair[1] for pair in pairs), "µs")


def bad_days(folder: Path) -> None:
    target = start(STUBBORN, "9")
    assert_ready(target)

    def recorder() -> tuple[subprocess.Popen[bytes], Path]:
        output = folder / f"stubborn-{time.monotonic_ns()}.parquet"
        return start_recorder(
            target.pid, ["python"], output=output, interval_ns=100_000_000, events=True
        ), Path(f"{output}.partial")

    first, _ = recorder()
    time.sleep(2)
    first.send_signal(signal.SIGSTOP)
    time.sleep(3)
    first.kill()
    first.wait()
    second, journal = recorder()
    figures = json.loads(target.communicate("")[0])
    second.wait()
    row("stopped, killed, replaced: worst call", figures["worst_ms"], "ms")
    row("  largest resident set of the application", figures["rss_mib"], "MiB")
    row("  events in the second recording", stored(journal), "")
    print(f"  connected: {figures['seen']}")


def assert_ready(target: subprocess.Popen[str]) -> None:
    if target.stdout is None or target.stdout.readline() != "ready\n":
        raise SystemExit("the application did not start")


def imports() -> None:
    def least(statement: str) -> float:
        code = (
            "import time; began = time.perf_counter()\n"
            f"{statement}\nprint(time.perf_counter() - began)"
        )
        times = []
        for _ in range(15):
            words = [sys.executable, "-c", code]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            times.append(float(done.stdout))
        return min(times)

    base = least("import json")
    row("import json", base * 1e3, "ms")
    row("  import perfkit, to it", least("import perfkit") / base, "", 3)
    row(
        "  import perfkit; perfkit.event, to it",
        least("import perfkit; perfkit.event") / base,
        "",
        3,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    seconds = 5.0 if options.quick else options.seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts: tuple[Callable[[], None], ...] = (
            lambda: idle(100 if options.quick else 500),
            lambda: speakers(folder, seconds / 4),
            lambda: a_minute(folder, seconds),
            lambda: without_events(folder, seconds / 6),
            lambda: bad_days(folder),
            imports,
        )
        for part in parts:
            part()
    print(f"load at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
