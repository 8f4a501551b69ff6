"""Other tools beside perfkit: same target, same interval, one after the other in one run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from perfkit.model.overhead import PeerCost
from perfkit.workflows.overhead_processes import (
    NS,
    cpu_ns,
    ended,
    figures_of,
    loop,
    rss_mib,
    us_per_tick,
)

# A loop that only wakes up uses this many times more on a machine too busy to be compared with.
MOST_BUSIER = 1.5

# a tool that ends by itself ends after what is measured
_SPARE_S = 5.0


@dataclass(frozen=True)
class Peer:
    """Another tool.

    key: its name in figures. words: its command with {pid}, {seconds} and {file}.
    interval_s: how often it reads. trees: whether it reads a process's descendants as well.
    """

    key: str
    name: str
    words: tuple[str, ...]
    interval_s: float
    trees: bool = False


_PSRECORD = (
    "psrecord", "{pid}", "--interval", "0.1", "--duration", "{seconds}", "--log", os.devnull,
)  # fmt: skip
PEERS = (
    Peer("psrecord", "psrecord (3 columns)", _PSRECORD, 0.1),
    Peer(
        "psrecord_tree",
        "psrecord, children and I/O",
        (*_PSRECORD, "--include-children", "--include-io"),
        0.1,
        trees=True,
    ),
    Peer(
        "procpath",
        "procpath record, with io",
        ("procpath", "record", "-i", "0.1", "-f", "stat,cmdline,io", "-p", "{pid}", "-d", "{file}"),
        0.1,
        trees=True,
    ),
    Peer("top", "top -b", ("top", "-b", "-d", "0.1", "-p", "{pid}"), 0.1),
    # pidstat knows whole seconds only
    Peer("pidstat", "pidstat -urd", ("pidstat", "-urd", "-p", "{pid}", "1"), 1.0),
)


def measure_peer(
    peer: Peer, seconds: float, warm_up_s: float, pid: int, folder: Path, *, processes: int = 0
) -> PeerCost:
    """Another tool under the recorder's conditions: a target of its kind, the clock loop beside it.

    processes: size of the tree at pid, 0 for the busy process; only the result says it.
    """
    process = _start(peer, pid, warm_up_s + seconds + _SPARE_S, folder)
    if process is None:
        return _absent(peer, processes, "not installed")
    interval_ns = int(peer.interval_s * NS)
    with (
        ended(process),
        loop("clock", interval_ns, seconds, pid, warm_up_s=warm_up_s) as clock,
    ):
        time.sleep(warm_up_s)
        began_ns, before_ns = time.monotonic_ns(), cpu_ns(process.pid)
        time.sleep(seconds)
        elapsed_ns, after_ns = time.monotonic_ns() - began_ns, cpu_ns(process.pid)
        rss = rss_mib(process.pid)
        if before_ns is None or after_ns is None or process.poll() is not None:
            return _absent(peer, processes, "ended before its time")
        clock_figures = figures_of(clock).named
    used_ns = after_ns - before_ns
    return PeerCost(
        peer.key,
        peer.name,
        _command_of(peer),
        peer.interval_s,
        processes,
        cpu_us_per_tick=used_ns / 1000 * peer.interval_s * NS / elapsed_ns,
        cpu_percent=100 * used_ns / elapsed_ns,
        rss_mib=rss,
        clock_us_per_tick=us_per_tick(clock_figures),
    )


def with_ratio(cost: PeerCost, ours_us: float | None, clock_us: float | None = None) -> PeerCost:
    """The same with perfkit's CPU per tick over this one's, if the two can be compared.

    clock_us: what a loop that only wakes up used for a tick beside perfkit, if there was one.
    """
    if ours_us is None or not cost.cpu_us_per_tick:
        return cost
    if clock_us and cost.clock_us_per_tick:
        busier = cost.clock_us_per_tick / clock_us
        if not 1 / MOST_BUSIER <= busier <= MOST_BUSIER:
            return cost
    return replace(cost, ratio=ours_us / cost.cpu_us_per_tick)


def _start(peer: Peer, pid: int, seconds: float, folder: Path) -> subprocess.Popen[bytes] | None:
    # beside this interpreter first: psrecord is installed into the environment
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    program = shutil.which(peer.words[0], path=path)
    if program is None:
        return None
    file = folder / f"{peer.key}-{pid}.sqlite"
    words = [word.format(pid=pid, seconds=f"{seconds:g}", file=file) for word in peer.words[1:]]
    return subprocess.Popen(
        [program, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TERM": "dumb", "LC_ALL": "C"},
    )


def _absent(peer: Peer, processes: int, why: str) -> PeerCost:
    return PeerCost(peer.key, peer.name, _command_of(peer), peer.interval_s, processes, absent=why)


def _command_of(peer: Peer) -> str:
    return " ".join(peer.words).format(pid="PID", seconds="SECONDS", file="FILE")
