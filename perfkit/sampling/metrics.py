"""The table of raw metrics: each row is a column's spec beside the place it is read from.

To record one more number of a file that is read already, add one row here.
Sources: proc_pid_stat(5), proc_pid_io(5), Documentation/accounting/psi.rst and
Documentation/admin-guide/cgroup-v2.rst of the Linux kernel.
"""

from __future__ import annotations

from perfkit.model.metric import (
    CGROUP,
    CLOCK,
    COUNTER,
    DELTA,
    FAST,
    FLOAT,
    GAUGE,
    MACHINE,
    RECORDER,
    SLOW,
    SYSTEM,
    TARGET,
    TICK,
    Metric,
)

TICK_METRICS: tuple[Metric, ...] = (
    Metric("t_ns", "ns", CLOCK, TICK, RECORDER, "CLOCK_BOOTTIME since the start of the recording; the only order"),
    Metric("time", "us", CLOCK, TICK, RECORDER, "wall clock at the tick, UTC; may step"),
    Metric("suspended_ns", "ns", DELTA, TICK, RECORDER, "time the machine slept since the tick before"),
    Metric("tick_late_ns", "ns", DELTA, TICK, RECORDER, "how late the tick came after its deadline"),
    Metric("ticks_missed", "count", DELTA, TICK, RECORDER, "slots that passed without a tick since the tick before"),
    Metric("sampler_cost_ns", "ns", DELTA, TICK, RECORDER, "CPU time the recorder used since the tick before"),
    Metric("events_dropped", "count", DELTA, TICK, RECORDER, "events lost since the tick before"),
)  # fmt: skip


class StatField:
    """A number of /proc/PID/stat, summed over the tree.

    index: position after the closing parenthesis of the name, 0 being the state.
    children: position of the same figure for reaped children, or -1.
    scale: what one unit of the file is worth (`tick`: 10 ms as ns, `page`: bytes, or 1).
    """

    __slots__ = ("children", "index", "metric", "scale")

    def __init__(self, metric: Metric, index: int, children: int = -1, scale: str = "1") -> None:
        self.metric = metric
        self.index = index
        self.children = children
        self.scale = scale


STAT_FIELDS: tuple[StatField, ...] = (
    StatField(Metric("cpu_user_ns", "ns", COUNTER, FAST, TARGET, "CPU time in user mode, in steps of 10 ms"), 11, 13, "tick"),
    StatField(Metric("cpu_system_ns", "ns", COUNTER, FAST, TARGET, "CPU time in the kernel, in steps of 10 ms"), 12, 14, "tick"),
    StatField(Metric("minor_faults_count", "count", COUNTER, FAST, TARGET, "page faults served without storage"), 7, 8),
    StatField(Metric("major_faults_count", "count", COUNTER, FAST, TARGET, "page faults that had to read from storage"), 9, 10),
    StatField(Metric("threads_count", "count", GAUGE, FAST, TARGET, "threads of all processes"), 17),
    StatField(Metric("rss_bytes", "bytes", GAUGE, FAST, TARGET, "resident memory summed over processes; shared pages count once a process"), 21, -1, "page"),
)  # fmt: skip

IO_FIELDS: tuple[tuple[Metric, str], ...] = (
    (Metric("read_call_bytes", "bytes", COUNTER, FAST, TARGET, "bytes passed through read calls: cache, pipes and terminals included"), "rchar"),
    (Metric("write_call_bytes", "bytes", COUNTER, FAST, TARGET, "bytes passed through write calls: cache, pipes and terminals included"), "wchar"),
    (Metric("read_calls_count", "count", COUNTER, FAST, TARGET, "read calls"), "syscr"),
    (Metric("write_calls_count", "count", COUNTER, FAST, TARGET, "write calls"), "syscw"),
    (Metric("read_bytes", "bytes", COUNTER, FAST, TARGET, "bytes fetched from storage"), "read_bytes"),
    (Metric("write_bytes", "bytes", COUNTER, FAST, TARGET, "bytes that writes made dirty for storage, in whole units of the page cache: may be many times what was written, and is not what reached the disk"), "write_bytes"),
)  # fmt: skip

TREE_METRICS: tuple[Metric, ...] = (
    Metric("cpu_time_ns", "ns", COUNTER, FAST, TARGET, "CPU time of the tree, from the process CPU clocks"),
    Metric("processes_count", "count", GAUGE, FAST, TARGET, "living processes of the tree"),
    Metric("processes_born_count", "count", COUNTER, FAST, TARGET, "processes seen to appear since the start"),
    Metric("processes_gone_count", "count", COUNTER, FAST, TARGET, "processes seen to vanish since the start"),
)  # fmt: skip

LIMIT_METRICS: tuple[Metric, ...] = (
    Metric("fds_count", "count", GAUGE, SYSTEM, TARGET, "open file descriptors of all processes"),
    Metric("fds_nearest_count", "count", GAUGE, SYSTEM, TARGET, "open descriptors of the process nearest its own limit"),
    Metric("fds_limit_count", "count", GAUGE, SYSTEM, TARGET, "RLIMIT_NOFILE of that process"),
    Metric("virtual_nearest_bytes", "bytes", GAUGE, SYSTEM, TARGET, "address space of the process nearest its own limit; null without a limit"),
    Metric("virtual_limit_bytes", "bytes", GAUGE, SYSTEM, TARGET, "RLIMIT_AS of that process; null without a limit"),
    Metric("tasks_nearest_count", "count", GAUGE, SYSTEM, TARGET, "threads that count against the limit on threads nearest to being met: those of the cgroup, or of the machine"),
    Metric("tasks_limit_count", "count", GAUGE, SYSTEM, TARGET, "that limit: pids.max of the cgroup or of an ancestor, or the kernel's threads-max or pid_max"),
    Metric("memory_capacity_bytes", "bytes", GAUGE, SYSTEM, TARGET, "memory that binds the target: its cgroup's limit, else the machine's"),
    Metric("cpu_capacity_cores", "cores", GAUGE, SYSTEM, TARGET, "cores the target may use: the least of online cores, affinity and cgroup quota", FLOAT),
)  # fmt: skip

SLOW_METRICS: tuple[Metric, ...] = (
    Metric("pss_bytes", "bytes", GAUGE, SLOW, TARGET, "resident memory with each shared page divided among its users"),
    Metric("swap_bytes", "bytes", GAUGE, SLOW, TARGET, "memory swapped out"),
    Metric("ctx_switches_voluntary_count", "count", COUNTER, SLOW, TARGET, "context switches by waiting, over all threads"),
    Metric("ctx_switches_involuntary_count", "count", COUNTER, SLOW, TARGET, "context switches by preemption, over all threads"),
    Metric("runqueue_wait_ns", "ns", COUNTER, SLOW, TARGET, "time threads were ready but waited for a core"),
    Metric("sigchld_ignored_count", "count", GAUGE, SLOW, TARGET, "processes that ignore SIGCHLD: the figures of their short children are lost"),
    Metric("busiest_thread_cpu_ns", "ns", COUNTER, SLOW, TARGET, "CPU time of the thread that used most since the reading before, added up; short-lived threads left out"),
    Metric("disk_free_bytes", "bytes", GAUGE, SLOW, TARGET, "room for an ordinary user on the file system with least of it, among those where the tree holds a file open for writing; null without such a file; network and FUSE file systems are not asked"),
    Metric("disk_total_bytes", "bytes", GAUGE, SLOW, TARGET, "size of that file system"),
)  # fmt: skip

STAT_CPU_FIELDS: tuple[tuple[Metric, tuple[int, ...]], ...] = (
    # positions in the `cpu` line of /proc/stat that are added up; ticks of 10 ms
    (Metric("system_cpu_user_ns", "ns", COUNTER, SYSTEM, MACHINE, "CPU time of the machine in user mode, nice included"), (0, 1)),
    (Metric("system_cpu_kernel_ns", "ns", COUNTER, SYSTEM, MACHINE, "CPU time of the machine in the kernel, interrupts included"), (2, 5, 6)),
    (Metric("system_cpu_idle_ns", "ns", COUNTER, SYSTEM, MACHINE, "CPU time the machine was idle"), (3,)),
    (Metric("system_cpu_iowait_ns", "ns", COUNTER, SYSTEM, MACHINE, "CPU time the machine was idle while storage was awaited"), (4,)),
    (Metric("system_cpu_steal_ns", "ns", COUNTER, SYSTEM, MACHINE, "CPU time taken by other guests of the host"), (7,)),
)  # fmt: skip

CORES_METRIC = Metric(
    "system_cores_count", "count", GAUGE, SYSTEM, MACHINE, "cores that are online"
)
LOAD_METRIC = Metric(
    "system_load_1m_count", "count", GAUGE, SYSTEM, MACHINE, "load average over one minute", FLOAT
)
RUNNABLE_METRIC = Metric(
    "system_runnable_count",
    "count",
    GAUGE,
    SYSTEM,
    MACHINE,
    "threads of the machine that run or could, at the moment of the reading; the recorder's own left out",
)

MEMINFO_FIELDS: tuple[tuple[Metric, str], ...] = (
    (Metric("system_memory_total_bytes", "bytes", GAUGE, SYSTEM, MACHINE, "memory of the machine"), "MemTotal"),
    (Metric("system_memory_available_bytes", "bytes", GAUGE, SYSTEM, MACHINE, "memory the machine can still give without swapping"), "MemAvailable"),
    (Metric("system_swap_total_bytes", "bytes", GAUGE, SYSTEM, MACHINE, "swap space of the machine"), "SwapTotal"),
    (Metric("system_swap_free_bytes", "bytes", GAUGE, SYSTEM, MACHINE, "swap space not in use"), "SwapFree"),
)  # fmt: skip

PSI_FIELDS: tuple[tuple[Metric, str, str], ...] = (
    (Metric("psi_cpu_some_us", "us", COUNTER, SYSTEM, MACHINE, "time in which some task waited for a core"), "cpu", "some"),
    (Metric("psi_memory_some_us", "us", COUNTER, SYSTEM, MACHINE, "time in which some task waited for memory"), "memory", "some"),
    (Metric("psi_memory_full_us", "us", COUNTER, SYSTEM, MACHINE, "time in which every task waited for memory"), "memory", "full"),
    (Metric("psi_io_some_us", "us", COUNTER, SYSTEM, MACHINE, "time in which some task waited for storage"), "io", "some"),
    (Metric("psi_io_full_us", "us", COUNTER, SYSTEM, MACHINE, "time in which every task waited for storage"), "io", "full"),
)  # fmt: skip

NET_FIELDS: tuple[tuple[Metric, tuple[int, ...]], ...] = (
    # positions in a line of /proc/PID/net/dev, summed over interfaces (loopback included)
    (Metric("net_receive_bytes", "bytes", COUNTER, SYSTEM, MACHINE, "bytes received in the target's network namespace, loopback included"), (0,)),
    (Metric("net_transmit_bytes", "bytes", COUNTER, SYSTEM, MACHINE, "bytes sent in the target's network namespace, loopback included"), (8,)),
    (Metric("net_packets_count", "count", COUNTER, SYSTEM, MACHINE, "packets received and sent in the target's network namespace, loopback included"), (1, 9)),
    (Metric("net_errors_count", "count", COUNTER, SYSTEM, MACHINE, "network errors and drops, both ways"), (2, 3, 10, 11)),
)  # fmt: skip

CGROUP_METRICS: tuple[Metric, ...] = (
    Metric("cgroup_cpu_ns", "ns", COUNTER, SYSTEM, CGROUP, "CPU time of the target's cgroup"),
    Metric("cgroup_cpu_limit_cores", "cores", GAUGE, SYSTEM, CGROUP, "CPU quota of the cgroup, the tightest of its ancestors'; null without one", FLOAT),
    Metric("cgroup_periods_count", "count", COUNTER, SYSTEM, CGROUP, "quota periods that have passed"),
    Metric("cgroup_throttled_count", "count", COUNTER, SYSTEM, CGROUP, "quota periods in which the cgroup was throttled"),
    Metric("cgroup_throttled_ns", "ns", COUNTER, SYSTEM, CGROUP, "time the cgroup's tasks were throttled"),
    Metric("cgroup_memory_bytes", "bytes", GAUGE, SYSTEM, CGROUP, "memory of the cgroup, page cache included"),
    Metric("cgroup_memory_inactive_file_bytes", "bytes", GAUGE, SYSTEM, CGROUP, "page cache of the cgroup that can be dropped first"),
    Metric("cgroup_memory_limit_bytes", "bytes", GAUGE, SYSTEM, CGROUP, "memory limit of the cgroup, the tightest of its ancestors'; null without one"),
    Metric("cgroup_memory_limit_hits_count", "count", COUNTER, SYSTEM, CGROUP, "how often the memory limit was reached"),
    Metric("cgroup_oom_kills_count", "count", COUNTER, SYSTEM, CGROUP, "processes of the cgroup killed for want of memory"),
)  # fmt: skip

FAST_METRICS: tuple[Metric, ...] = (
    *TREE_METRICS,
    *(field.metric for field in STAT_FIELDS),
    *(metric for metric, _ in IO_FIELDS),
)

SYSTEM_METRICS: tuple[Metric, ...] = (
    *LIMIT_METRICS,
    *(metric for metric, _ in STAT_CPU_FIELDS),
    CORES_METRIC,
    LOAD_METRIC,
    RUNNABLE_METRIC,
    *(metric for metric, _ in MEMINFO_FIELDS),
    *(metric for metric, _, _ in PSI_FIELDS),
    *(metric for metric, _ in NET_FIELDS),
    *CGROUP_METRICS,
)

RAW_METRICS: tuple[Metric, ...] = (*TICK_METRICS, *FAST_METRICS, *SYSTEM_METRICS, *SLOW_METRICS)
"""Every raw column in the order of the journal record and of the file."""
