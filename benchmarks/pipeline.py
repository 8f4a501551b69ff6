"""What the analysis of a session costs, with the limits beside the figures.

    python benchmarks/pipeline.py            1 h, 4 h and 24 h at 10 Hz, all columns; live cost

The sessions are those of `benchmarks/seal.py`: every column is noise, the seed is fixed. Each part
runs in a process of its own; times are CPU seconds, reading the file included. The live cost is
that of ticks that come five at a time, as a follower gets them, paced by nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from seal import write_journal

SECONDS_LIMIT = 20.0
PEAK_MIB_LIMIT = 1024
LIVE_MS_LIMIT = 2.0
LINEAR_LIMIT = 1.5
HOURS = (1, 4, 24)
TICKS_AN_HOUR = 36_000

REPLAY = """
import resource, sys, time
from pathlib import Path
from perfkit.workflows.findings import findings
from perfkit.workflows.source import open_recording
started = time.process_time()
found = sum(1 for _ in findings(open_recording(Path(sys.argv[1]))))
peak = next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]
print(time.process_time() - started, peak, found)
"""

LIVE = """
import sys, time
from pathlib import Path
from perfkit.analysis.pipeline import Pipeline
from perfkit.analysis.rates import DERIVED_METRICS, Rates
from perfkit.session.parquet import SessionFile
source = SessionFile(Path(sys.argv[1]))
derived = {metric.name for metric in DERIVED_METRICS}
raw = [metric for metric in source.metrics if metric.name not in derived]
rates = Rates(raw)
pipeline = Pipeline((*raw, *rates.metrics), source.session.interval_ns)
rates = Rates(raw, pipeline.inputs)
block = next(iter(source.blocks({*pipeline.inputs, *rates.inputs})))[:6000]
started = time.process_time()
for start in range(0, len(block), 5):
    pipeline.add(rates.add(block[start : start + 5]))
print((time.process_time() - started) / len(block) * 1000)
"""


def main() -> None:
    """Measure, print, and exit with 1 if a limit is missed."""
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        seconds = {}
        for hours in HOURS:
            session = _session(Path(folder), hours * TICKS_AN_HOUR)
            cpu, peak, found = map(float, _run(REPLAY, session).split())
            seconds[hours] = cpu
            print(
                f"{hours:>3} h   {cpu:6.2f} s   {peak / 1024:5.0f} MiB   "
                f"{1e6 * cpu / (hours * TICKS_AN_HOUR):5.1f} us a tick   {found:.0f} emissions"
            )
            missed |= peak / 1024 > PEAK_MIB_LIMIT
            if hours == HOURS[0]:
                live = float(_run(LIVE, session))
        longest = seconds[HOURS[-1]]
        growth = (longest / HOURS[-1]) / (seconds[HOURS[1]] / HOURS[1])
        print(f"24 h: {longest:.1f} s (limit {SECONDS_LIMIT}), limit {PEAK_MIB_LIMIT} MiB")
        print(f"an hour of 24 against an hour of 4: {growth:.2f} (limit {LINEAR_LIMIT})")
        print(f"live: {live:.2f} ms of CPU a tick (limit {LIVE_MS_LIMIT})")
        missed |= longest > SECONDS_LIMIT or growth > LINEAR_LIMIT or live > LIVE_MS_LIMIT
    sys.exit(missed)


def _session(folder: Path, ticks: int) -> Path:
    journal, session = folder / f"{ticks}.parquet.partial", folder / f"{ticks}.parquet"
    write_journal(journal, ticks)
    code = "import sys; from perfkit.workflows.seal import main; main()"
    subprocess.run([sys.executable, "-c", code, str(journal), str(session)], check=True)
    return session


def _run(code: str, session: Path) -> str:
    words = [sys.executable, "-c", code, str(session)]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
