"""What recording costs: the real recorder beside bare loops and other tools, all paced.

A recorder that is asked for its figures in a hot loop flatters itself three to four times: caches
stay warm that are cold after a sleep. So everything here sleeps between ticks, at the same
interval, on the same target, one after the other in one run, and is judged by its CPU clock.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import perfkit
from perfkit.errors import PerfkitError, UnusableInput, UsageError
from perfkit.model.overhead import BASE_RATE_HZ, Budget, Overhead, PeerCost, RateCost, figure_names
from perfkit.model.text import printable
from perfkit.sampling.metrics import RAW_METRICS
from perfkit.session.journal import create_journal
from perfkit.workflows.source import open_recording

MAX_RATE_HZ = 1000
MAX_SECONDS = 3600

# A recording reads the slow group more often in its first seconds; what it costs for hours is
# what it costs afterwards.
WARM_UP_S = 5.0

_NS = 1_000_000_000
_BUDGET = re.compile(r"\s*([A-Za-z0-9_]+)\s*(<=|<)\s*([0-9.eE+-]+)\s*")

# Busy enough that every reading differs from the last, so that nothing is saved by not parsing;
# far from filling a core.
_TARGET = """
import os, time
null = os.open(os.devnull, os.O_WRONLY)
print("ready", flush=True)
while True:
    until = time.process_time() + 0.0005
    while time.process_time() < until:
        pass
    os.write(null, b"x" * 100)
    time.sleep(0.005)
"""


@dataclass(frozen=True)
class _Peer:
    """Another tool: its name, its command with {pid} and {seconds}, and the shortest interval."""

    name: str
    words: tuple[str, ...]
    interval_s: float


_PEERS = (
    _Peer(
        "psrecord (3 columns)",
        ("psrecord", "{pid}", "--interval", "0.1", "--duration", "{seconds}", "--log", os.devnull),
        0.1,
    ),
    _Peer(
        "psrecord, children and I/O",
        ("psrecord", "{pid}", "--interval", "0.1", "--duration", "{seconds}", "--log", os.devnull,
         "--include-children", "--include-io"),
        0.1,
    ),
    _Peer("top -b", ("top", "-b", "-d", "0.1", "-p", "{pid}"), 0.1),
    # pidstat knows whole seconds only
    _Peer("pidstat -urd", ("pidstat", "-urd", "-p", "{pid}", "1"), 1.0),
)  # fmt: skip


def parse_budgets(texts: Sequence[str], rates_hz: Sequence[int]) -> tuple[Budget, ...]:
    """Budgets from `figure<=limit` or `figure<limit`. Raises UsageError, naming what is known."""
    known = figure_names(rates_hz)
    budgets = []
    for text in texts:
        match = _BUDGET.fullmatch(text)
        try:
            limit = float(match.group(3)) if match else float("nan")
        except ValueError:
            limit = float("nan")
        if match is None or limit != limit:
            raise UsageError(
                f"--budget {printable(text)!r} is not FIGURE<=NUMBER, such as 'cpu_us_per_tick<=400'"
            )
        if match.group(1) not in known:
            plain = ", ".join(name for name in known if "_at_" not in name)
            raise UsageError(
                f"--budget names no figure {printable(match.group(1))!r}; there are {plain}, each "
                f"also with _at_{'hz, _at_'.join(map(str, rates_hz))}hz"
            )
        budgets.append(Budget(match.group(1), limit, strict=match.group(2) == "<"))
    return tuple(budgets)


def parse_rates(text: str) -> tuple[int, ...]:
    """Rates in Hz from `1,10,100`, each once, ascending. Raises UsageError."""
    try:
        rates = sorted({int(word) for word in text.split(",")})
    except ValueError:
        rates = []
    if not rates or rates[0] < 1 or rates[-1] > MAX_RATE_HZ:
        raise UsageError(
            f"--rates {printable(text)!r} is not a list of whole numbers from 1 to {MAX_RATE_HZ}, "
            "such as 1,10,100"
        )
    return tuple(rates)


def measure(
    seconds: float,
    rates_hz: Sequence[int],
    *,
    peers: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> Overhead:
    """Measure each rate, every part of it for so many seconds; peers if 10 Hz is among the rates.

    say: is told what happens now. Raises UsageError if seconds is out of range, UnusableInput
    where there is no /proc.
    """
    if not 0 < seconds <= MAX_SECONDS:
        raise UsageError(f"--seconds {seconds:g} is out of range; choose from 1 to {MAX_SECONDS}")
    if sys.platform != "linux":
        raise UnusableInput("bench-overhead measures the Linux sampler; here is no Linux")
    costs = []
    peer_costs: list[PeerCost] = []
    with tempfile.TemporaryDirectory(prefix="perfkit-overhead-") as folder, _target() as pid:
        for rate in rates_hz:
            say(f"measuring at {rate} Hz for {3 * (WARM_UP_S + seconds):g} s")
            costs.append(_measure_rate(rate, seconds, pid, Path(folder)))
        for peer in _PEERS if peers and BASE_RATE_HZ in rates_hz else ():
            say(f"measuring {peer.name} for {WARM_UP_S + seconds:g} s")
            peer_costs.append(_measure_peer(peer, seconds, pid))
    return Overhead(seconds, WARM_UP_S, tuple(costs), tuple(peer_costs))


def _measure_rate(rate_hz: int, seconds: float, pid: int, folder: Path) -> RateCost:
    """The recorder, then the loops: never two that read the same files at the same time.

    Who reads a file right after somebody else finds the kernel's code and data for it in the
    caches and looks a third cheaper. The clock loop reads nothing; it runs beside both sides of the
    ratio, and beside the recorder for the slots that nobody could have kept.
    """
    interval_ns = _NS // rate_hz
    session = folder / f"{rate_hz}.parquet"
    recording = _record(pid, interval_ns, WARM_UP_S + seconds, session)
    with _ended(recording) as recorder, _loop("clock", interval_ns, seconds, pid) as clock:
        time.sleep(WARM_UP_S + seconds)
        rss_mib = _rss_mib(recorder.pid)
        figures = {"clock": _figures_of(clock)}
        _finish(recorder, "the recorder")
    with (
        _loop("bare", interval_ns, seconds, pid) as bare,
        _loop("clock", interval_ns, seconds, pid) as clock,
    ):
        figures["bare"] = _figures_of(bare)
        _figures_of(clock)
    journal = folder / f"{rate_hz}.parts"
    os.close(create_journal(str(journal), RAW_METRICS, {}))
    with _loop("parts", interval_ns, seconds, pid, journal) as parts:
        figures["parts"] = _figures_of(parts)
    cpu_us, ticks, missed = _recorder_cost(session)
    return _rate_cost(rate_hz, cpu_us, ticks, missed, rss_mib, figures)


def _measure_peer(peer: _Peer, seconds: float, pid: int) -> PeerCost:
    """Another tool under the recorder's conditions: the same target, the clock loop beside it."""
    process = _start_peer(peer, pid, WARM_UP_S + seconds + 5)
    if process is None:
        command = _command(peer, 0, 0)
        return PeerCost(peer.name, command, peer.interval_s, absent="not installed")
    interval_ns = int(peer.interval_s * _NS)
    with _ended(process), _loop("clock", interval_ns, seconds, pid) as clock:
        running = _RunningPeer(peer, process)
        time.sleep(WARM_UP_S)
        running.begin()
        time.sleep(seconds)
        cost = running.end()
        _figures_of(clock)
    return cost


def _rate_cost(
    rate_hz: int,
    cpu_us: float | None,
    ticks: int,
    missed: int,
    rss_mib: float | None,
    loops: dict[str, dict[str, float]],
) -> RateCost:
    clock, bare, parts = loops["clock"], loops["bare"], loops["parts"]
    bare_us = _per_tick_us(bare)
    missed_percent = _missed_percent(ticks, missed)
    clock_missed = _missed_percent(clock["ticks"], clock["missed"])
    beyond = None
    if missed_percent is not None and clock_missed is not None:
        beyond = max(0.0, missed_percent - clock_missed)
    return RateCost(
        rate_hz=rate_hz,
        ticks=ticks,
        cpu_us_per_tick=cpu_us,
        cpu_percent=None if cpu_us is None else cpu_us * rate_hz / 1e4,
        wall_us_per_tick=parts["wall_ns"] / 1000,
        fast_us=_us(parts.get("fast_ns")),
        system_us=_us(parts.get("system_ns")),
        slow_us=_us(parts.get("slow_ns")),
        write_us=_us(parts.get("write_ns")),
        clock_us_per_tick=_per_tick_us(clock),
        bare_us_per_tick=bare_us,
        ratio_to_bare=None if cpu_us is None or not bare_us else cpu_us / bare_us,
        rss_mib=rss_mib,
        missed_percent=missed_percent,
        missed_beyond_clock_percent=beyond,
    )


def _recorder_cost(session: Path) -> tuple[float | None, int, int]:
    """(CPU per tick in µs, ticks, missed slots) after the warm-up, as the recording itself says."""
    columns = {"t_ns", "sampler_cost_ns", "ticks_missed"}
    cost_ns = missed = ticks = 0
    for block in open_recording(session).blocks(columns):
        counted = block.t_ns > (WARM_UP_S + 0.05) * _NS
        ticks += int(np.count_nonzero(counted))
        cost_ns += int(block.columns["sampler_cost_ns"].values[counted].sum())
        missed += int(block.columns["ticks_missed"].values[counted].sum())
    return (cost_ns / ticks / 1000 if ticks else None), ticks, missed


# ── processes ──


@contextlib.contextmanager
def _target() -> Iterator[int]:
    """The process that everyone looks at; yields its pid."""
    words = [sys.executable, "-S", "-E", "-c", _TARGET]
    with _ended(subprocess.Popen(words, stdout=subprocess.PIPE)) as process:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise PerfkitError("the process to be measured did not start; try again")
        yield process.pid


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Whatever happens, the process does not outlive this."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _record(pid: int, interval_ns: int, seconds: float, session: Path) -> subprocess.Popen[bytes]:
    code = f"import sys; sys.path.append({_root()!r}); from perfkit.cli import main; main()"
    words = [sys.executable, "-P", "-c", code, "record", "--quiet", "--pid", str(pid)]
    # pinned: a recorder that reads less often to keep its budget would measure something else
    words += ["--no-adaptive", "--interval", f"{interval_ns}ns", "--duration", f"{seconds}s"]
    words += ["-o", str(session)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@contextlib.contextmanager
def _loop(
    kind: str, interval_ns: int, seconds: float, pid: int, journal: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A loop of workflows.overhead_probe, started as the recorder is: no `site`, little loaded."""
    code = (
        f"import sys; sys.path.append({_root()!r}); "
        "from perfkit.workflows.overhead_probe import main; main()"
    )
    numbers = (interval_ns, int(WARM_UP_S * _NS), int(seconds * _NS), pid)
    words = [sys.executable, "-S", "-E", "-P", "-c", code, kind, *map(str, numbers)]
    words += [] if journal is None else [str(journal)]
    loop = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with _ended(loop):
        yield loop


def _root() -> str:
    return str(Path(perfkit.__file__).parent.parent)


def _finish(process: subprocess.Popen[bytes], what: str) -> bytes:
    out, error = process.communicate()
    if process.returncode != 0:
        last = printable(error.strip().splitlines()[-1]) if error.strip() else "no reason given"
        raise PerfkitError(f"{what} ended with {process.returncode} ({last}); nothing was measured")
    return out


def _figures_of(process: subprocess.Popen[bytes]) -> dict[str, float]:
    words = _finish(process, "a measured loop").decode().split()
    return {name: float(value) for name, value in (word.split("=") for word in words)}


def _command(peer: _Peer, pid: int, seconds: float) -> str:
    return " ".join(peer.words).format(pid=pid or "PID", seconds=f"{seconds:g}")


def _start_peer(peer: _Peer, pid: int, seconds: float) -> subprocess.Popen[bytes] | None:
    # beside this interpreter first: psrecord is installed into the environment
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    program = shutil.which(peer.words[0], path=path)
    if program is None:
        return None
    words = [word.format(pid=pid, seconds=f"{seconds:g}") for word in peer.words[1:]]
    return subprocess.Popen(
        [program, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": "dumb", "LC_ALL": "C"},
    )


class _RunningPeer:
    """Another tool at work, judged by its CPU clock between two moments."""

    def __init__(self, peer: _Peer, process: subprocess.Popen[bytes]) -> None:
        self._peer, self._process = peer, process
        self._cpu_ns = self._at_ns = 0

    def begin(self) -> None:
        """From here on it counts."""
        self._at_ns = time.monotonic_ns()
        self._cpu_ns = self._cpu() or 0

    def end(self) -> PeerCost:
        """What it used since, per reading that its interval gives."""
        peer = self._peer
        cpu_ns, rss_mib = self._cpu(), _rss_mib(self._process.pid)
        elapsed_ns = time.monotonic_ns() - self._at_ns
        command = _command(peer, 0, 0)
        if cpu_ns is None or self._process.poll() is not None:
            return PeerCost(peer.name, command, peer.interval_s, absent="ended before its time")
        self._process.send_signal(signal.SIGTERM)
        used_ns = cpu_ns - self._cpu_ns
        return PeerCost(
            peer.name,
            command,
            peer.interval_s,
            cpu_us_per_tick=used_ns / 1000 * peer.interval_s * _NS / elapsed_ns,
            cpu_percent=100 * used_ns / elapsed_ns,
            rss_mib=rss_mib,
        )

    def _cpu(self) -> int | None:
        try:
            # the kernel's number of a process CPU clock: include/linux/posix-timers.h
            return time.clock_gettime_ns(~self._process.pid << 3 | 2)
        except OSError:
            return None


def _rss_mib(pid: int) -> float | None:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20 or None


# ── numbers ──


def _us(ns: float | None) -> float | None:
    return None if ns is None else ns / 1000


def _per_tick_us(loop: dict[str, float]) -> float | None:
    return loop["cpu_ns"] / loop["ticks"] / 1000 if loop["ticks"] else None


def _missed_percent(ticks: float, missed: float) -> float | None:
    return 100 * missed / (ticks + missed) if ticks else None
