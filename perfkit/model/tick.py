"""What one tick holds beside its metrics: the list of processes.

Part of what the small recorder loads: tables of plain tuples, nothing imported.
"""

from __future__ import annotations

BYTES = "bytes"  # a name or command as the kernel gave it; not necessarily UTF-8

PROCESS_FIELDS: tuple[tuple[str, str, str], ...] = (
    # name, storage (a struct letter or BYTES), meaning
    ("pid", "q", "process id, as the recorder sees it"),
    ("ppid", "q", "process id of the parent at this tick"),
    ("started_ns", "q", "when the process started, CLOCK_BOOTTIME since boot (10 ms steps)"),
    ("cpu_time_ns", "q", "CPU time of the process and of the children it reaped, since its start"),
    ("rss_bytes", "q", "resident memory, pages shared with others included"),
    ("pss_bytes", "q", "resident memory, each shared page divided among its users"),
    ("swap_bytes", "q", "memory swapped out"),
    ("threads_count", "q", "threads"),
    ("fds_count", "q", "open file descriptors"),
    ("read_bytes", "q", "bytes fetched from storage, reaped children included"),
    ("write_bytes", "q", "bytes made dirty for storage, reaped children included"),
    ("runqueue_wait_ns", "q", "time its threads were ready but waited for a core"),
    ("ctx_switches_count", "q", "context switches of its threads, voluntary and not"),
    ("ignores_sigchld", "q", "1 if the process ignores SIGCHLD: its children's figures are lost"),
    ("state", BYTES, "state letter of the kernel: R, S, D, Z, T, …"),
    ("name", BYTES, "name of the executable as the kernel keeps it (15 bytes)"),
    ("command", BYTES, "command line, secrets redacted, cut to 256 bytes"),
)
"""The fields of one entry of the `processes` list, in the order samplers give them.

Integers use NULL_INTEGER for what could not be read.
"""
