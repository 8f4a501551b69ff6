"""Control groups of both versions, read from copied file systems with hand-made figures."""

from collections.abc import Mapping
from pathlib import Path

from perfkit.sampling.cgroup import Cgroup


def lay(root: Path, files: Mapping[str, str]) -> tuple[str, str]:
    """Write the files below root; returns (proc, sys)."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root / "proc"), str(root / "sys")


V2 = {
    "proc/7/cgroup": "0::/app.slice/web.service\n",
    "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
    "sys/fs/cgroup/cpu.stat": "usage_usec 999\n",
    "sys/fs/cgroup/app.slice/memory.max": "1000000\n",
    "sys/fs/cgroup/app.slice/memory.current": "600000\n",
    "sys/fs/cgroup/app.slice/memory.stat": "anon 1\ninactive_file 50000\n",
    "sys/fs/cgroup/app.slice/memory.events": "low 0\nhigh 0\nmax 4\noom 1\noom_kill 2\n",
    "sys/fs/cgroup/app.slice/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/app.slice/cpu.stat": "usage_usec 9\nnr_periods 40\nnr_throttled 10\nthrottled_usec 7\n",
    "sys/fs/cgroup/app.slice/web.service/memory.max": "max\n",
    "sys/fs/cgroup/app.slice/web.service/memory.current": "1\n",
    "sys/fs/cgroup/app.slice/web.service/cpu.max": "max 100000\n",
    "sys/fs/cgroup/app.slice/web.service/cpu.stat": "usage_usec 5\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
}


def test_version_2_reads_memory_and_throttling_where_the_limit_binds(tmp_path: Path) -> None:
    """The slice has the limits, so its memory and its throttling count; CPU time is the service's."""
    group = Cgroup(*lay(tmp_path, V2), 7)
    assert group.version == 2
    assert group.read() == {
        "cgroup_cpu_ns": 5_000,
        "cgroup_cpu_limit_cores": 1.5,
        "cgroup_periods_count": 40,
        "cgroup_throttled_count": 10,
        "cgroup_throttled_ns": 7_000,
        "cgroup_memory_bytes": 600_000,
        "cgroup_memory_inactive_file_bytes": 50_000,
        "cgroup_memory_limit_bytes": 1_000_000,
        "cgroup_memory_limit_hits_count": 4,
        "cgroup_oom_kills_count": 2,
    }


def test_a_changed_limit_is_found_again(tmp_path: Path) -> None:
    """Limits may be set while the target runs."""
    group = Cgroup(*lay(tmp_path, V2), 7)
    lay(tmp_path, {"sys/fs/cgroup/app.slice/web.service/memory.max": "500000\n"})
    group.find_limits()
    assert group.memory_limit_bytes == 500_000
    assert group.read()["cgroup_memory_bytes"] == 1


def test_a_target_that_moves_is_followed_and_its_counters_go_on(tmp_path: Path) -> None:
    """A launcher puts itself into a group and becomes the program; what was counted stays counted."""
    group = Cgroup(*lay(tmp_path, V2), 7)
    before = group.read()
    box = "sys/fs/cgroup/box"
    lay(
        tmp_path,
        {
            "proc/7/cgroup": "0::/box\n",
            f"{box}/memory.max": "700\n",
            f"{box}/memory.current": "300\n",
            f"{box}/memory.events": "max 90\noom_kill 0\n",
            f"{box}/cpu.max": "max 100000\n",
            f"{box}/cpu.stat": "usage_usec 1000\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
        },
    )
    assert group.read() == before
    group.find_limits()
    moved = group.read()
    assert (moved["cgroup_memory_bytes"], moved["cgroup_memory_limit_bytes"]) == (300, 700)
    assert "cgroup_cpu_limit_cores" not in moved
    counted = {
        name: value
        for name, value in before.items()
        if name.endswith("_count") or name in ("cgroup_cpu_ns", "cgroup_throttled_ns")
    }
    assert {name: moved[name] for name in counted} == counted
    lay(
        tmp_path,
        {
            f"{box}/memory.events": "max 95\noom_kill 1\n",
            f"{box}/cpu.stat": "usage_usec 1002\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
        },
    )
    later = group.read()
    assert later["cgroup_cpu_ns"] == before["cgroup_cpu_ns"] + 2_000
    assert later["cgroup_memory_limit_hits_count"] == before["cgroup_memory_limit_hits_count"] + 5
    assert later["cgroup_oom_kills_count"] == before["cgroup_oom_kills_count"] + 1


def test_version_1_reads_each_controller_from_its_own_tree(tmp_path: Path) -> None:
    """cpuacct, cpu and memory are separate mounts; 2^63 less a page is no limit."""
    roots = lay(
        tmp_path,
        {
            "proc/7/cgroup": "4:memory:/box\n2:cpuacct:/box\n1:cpu:/box\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "2000\n",
            "sys/fs/cgroup/memory/box/memory.usage_in_bytes": "1500\n",
            "sys/fs/cgroup/memory/box/memory.failcnt": "3\n",
            "sys/fs/cgroup/memory/box/memory.stat": "total_inactive_file 200\n",
            "sys/fs/cgroup/memory/box/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
            "sys/fs/cgroup/cpuacct/box/cpuacct.usage": "123456\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/box/cpu.stat": "nr_periods 8\nnr_throttled 2\nthrottled_time 99\n",
            "sys/fs/cgroup/unified/cgroup.controllers": "\n",
        },
    )
    group = Cgroup(*roots, 7)
    assert group.version == 1
    assert group.read() == {
        "cgroup_cpu_ns": 123_456,
        "cgroup_cpu_limit_cores": 0.5,
        "cgroup_periods_count": 8,
        "cgroup_throttled_count": 2,
        "cgroup_throttled_ns": 99,
        "cgroup_memory_bytes": 1_500,
        "cgroup_memory_inactive_file_bytes": 200,
        "cgroup_memory_limit_bytes": 2_000,
        "cgroup_memory_limit_hits_count": 3,
        "cgroup_oom_kills_count": 1,
    }


def test_a_container_that_sees_its_own_group_as_root_reads_the_mount(tmp_path: Path) -> None:
    """The path in /proc is the host's and not visible: the mount itself is the group."""
    roots = lay(
        tmp_path,
        {
            "proc/7/cgroup": "0::/../../kubepods/pod1\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
            "sys/fs/cgroup/memory.max": "4096\n",
            "sys/fs/cgroup/memory.current": "1024\n",
        },
    )
    assert Cgroup(*roots, 7).read() == {
        "cgroup_memory_bytes": 1024,
        "cgroup_memory_limit_bytes": 4096,
    }


def test_no_control_group_is_no_figure(tmp_path: Path) -> None:
    """A machine without control groups gives nothing, and nothing fails."""
    group = Cgroup(*lay(tmp_path, {"proc/7/stat": ""}), 7)
    assert group.version == 0
    assert group.read() == {}
