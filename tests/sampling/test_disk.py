"""Room on disk, read of real processes and held against what the file system itself says."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perfkit.model.metric import NULL_INTEGER
from perfkit.sampling.disk import LOOKED_AT, Disks
from perfkit.sampling.linux import LinuxSampler
from perfkit.sampling.member import Member
from perfkit.sampling.metrics import RAW_METRICS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

NAMES = [metric.name for metric in RAW_METRICS]
HELPER = "import sys\nfor line in sys.stdin:\n    exec(line)\n    print('done', flush=True)\n"


class Helper:
    """A process that does what it is told, a line at a time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HELPER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = self.process.pid

    def do(self, line: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def look(self) -> Disks:
        disks = Disks()
        member = Member("/proc", self.pid)
        disks.look(member)
        member.close()
        return disks


@pytest.fixture
def helper() -> Iterator[Helper]:
    one = Helper()
    yield one
    one.process.kill()
    one.process.communicate()


def sampled(pid: int) -> tuple[dict[str, int | float | None], list[tuple[str, str]]]:
    """The columns of one reading, null as None, and the notes that can be told at the end."""
    sampler = LinuxSampler(pid)
    row: list[int | float] = [
        NULL_INTEGER if m.format == "q" else float("nan") for m in RAW_METRICS
    ]
    sampler.read(row, system=True, slow=True)
    notes = sampler.take_last_notes()
    sampler.close()
    pairs = zip(NAMES, row, strict=True)
    return {name: None if value == NULL_INTEGER else value for name, value in pairs}, notes


def near(value: float | None, path: Path) -> bool:
    """Whether it is what the file system says, up to what others write meanwhile."""
    figures = os.statvfs(path)
    return value is not None and abs(value - figures.f_bavail * figures.f_frsize) < 64 * 2**20


def test_a_file_open_for_writing_tells_the_room(helper: Helper, tmp_path: Path) -> None:
    """Free and total are those of its file system."""
    helper.do(f"f = open({str(tmp_path / 'data')!r}, 'w')")
    row, notes = sampled(helper.pid)
    figures = os.statvfs(tmp_path)
    assert near(row["disk_free_bytes"], tmp_path)
    assert row["disk_total_bytes"] == figures.f_blocks * figures.f_frsize
    assert notes == []


def test_a_file_open_for_reading_tells_nothing(helper: Helper, tmp_path: Path) -> None:
    """It takes no room; why there is no figure is noted."""
    (tmp_path / "data").write_text("x")
    helper.do(f"f = open({str(tmp_path / 'data')!r})")
    row, notes = sampled(helper.pid)
    assert row["disk_free_bytes"] is None
    assert row["disk_total_bytes"] is None
    assert notes == [("disk_free_bytes, disk_total_bytes", "no file was seen open for writing")]


@pytest.mark.parametrize("act", ["open('/dev/null', 'w')", "os.pipe()", "socket.socket()"])
def test_what_is_no_file_tells_nothing(helper: Helper, act: str) -> None:
    """Devices, pipes and sockets are open for writing and take no room."""
    helper.do(f"import os, socket; f = {act}")
    assert helper.look().least is None


def test_a_file_that_was_removed_still_takes_room(helper: Helper, tmp_path: Path) -> None:
    """The descriptor leads to it, not its name."""
    path = tmp_path / "data"
    helper.do(f"f = open({str(path)!r}, 'w')")
    path.unlink()
    least = helper.look().least
    assert least is not None
    assert near(least[0], tmp_path)


def test_a_closed_file_tells_nothing_any_more(helper: Helper, tmp_path: Path) -> None:
    """The next pass has no figure."""
    helper.do(f"f = open({str(tmp_path / 'data')!r}, 'w')")
    assert helper.look().least is not None
    helper.do("f.close()")
    assert helper.look().least is None


def test_the_least_free_file_system_counts(helper: Helper, tmp_path: Path) -> None:
    """Of two, the one with less room."""
    if Path("/dev/shm").stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system only")
    helper.do("import tempfile; t = tempfile.NamedTemporaryFile(dir='/dev/shm')")
    helper.do(f"f = open({str(tmp_path / 'data')!r}, 'w')")
    free = min(
        figures.f_bavail * figures.f_frsize
        for figures in (os.statvfs(tmp_path), os.statvfs("/dev/shm"))
    )
    least = helper.look().least
    assert least is not None
    assert abs(least[0] - free) < 64 * 2**20


def test_files_of_children_count(helper: Helper, tmp_path: Path) -> None:
    """The tree's, not the root's alone."""
    code = f"import time; f = open({str(tmp_path / 'data')!r}, 'w'); print(1, flush=True); time.sleep(60)"
    helper.do(
        "import subprocess; c = subprocess.Popen([sys.executable, '-c', "
        f"{code!r}], stdout=subprocess.PIPE); c.stdout.readline()"
    )
    row, _ = sampled(helper.pid)
    helper.do("c.kill(); c.communicate()")
    assert near(row["disk_free_bytes"], tmp_path)


def test_many_descriptors_are_looked_at_in_part(helper: Helper, tmp_path: Path) -> None:
    """The lowest come first; what lies beyond the bound is not seen."""
    helper.do("import os; r, w = os.pipe()")
    helper.do(f"held = [os.dup(r) for _ in range({LOOKED_AT})]")
    helper.do(f"f = open({str(tmp_path / 'data')!r}, 'w')")
    assert helper.look().least is None
    helper.do(f"os.close(held[0]); g = open({str(tmp_path / 'more')!r}, 'w')")
    assert helper.look().least is not None


def test_a_process_that_has_not_run_is_asked_for_what_it_held(
    helper: Helper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its descriptors are looked at again only once its clock has moved."""
    helper.do(f"f = open({str(tmp_path / 'data')!r}, 'w')")
    member = Member("/proc", helper.pid)
    member.clock_ns = 5
    disks = Disks()
    disks.look(member)
    first = disks.least
    looks: list[object] = []
    scan = os.scandir

    def seen(path: str) -> object:
        looks.append(path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", seen)
    disks.begin()
    assert disks.least is None
    disks.look(member)
    assert first is not None
    assert disks.least is not None
    assert disks.least[1] == first[1]
    assert looks == []
    member.clock_ns = 6
    helper.do("f.close()")
    disks.begin()
    disks.look(member)
    member.close()
    assert disks.least is None
    assert len(looks) == 1


def test_a_process_that_is_gone_is_no_denial(helper: Helper) -> None:
    """It holds nothing open."""
    member = Member("/proc", helper.pid)
    helper.process.kill()
    helper.process.wait()
    disks = Disks()
    disks.look(member)
    member.close()
    assert disks.complete
    assert disks.least is None


class FakeMember:
    """A process of an imagined /proc."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.denied: dict[str, str] = {}
        self.pid, self.clock_ns = 1, -1


@pytest.fixture
def imagined(tmp_path: Path) -> FakeMember:
    """One file open for writing on the mount 7; the test says what that is."""
    for name in ("fd", "fdinfo"):
        (tmp_path / "1" / name).mkdir(parents=True)
    (tmp_path / "data").touch()
    (tmp_path / "1/fd/3").symlink_to(tmp_path / "data")
    (tmp_path / "1/fdinfo/3").write_text("pos:\t0\nflags:\t0100001\nmnt_id:\t7\nino:\t1\n")
    return FakeMember(tmp_path / "1")


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "fuse", "9p"])
def test_network_file_systems_are_never_asked(
    imagined: FakeMember, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither stat nor statvfs: a dead server would hold the recorder."""

    def refuse(path: object, **_options: object) -> os.stat_result:
        raise AssertionError(f"asked {path}")

    Path(imagined.path, "mountinfo").write_text(f"7 1 0:9 / /mnt rw - {kind} server:/ rw\n")
    monkeypatch.setattr(os, "stat", refuse)
    monkeypatch.setattr(os, "statvfs", refuse)
    disks = Disks()
    disks.look(imagined)  # type: ignore[arg-type]
    monkeypatch.undo()
    assert disks.least is None
    assert disks.afar


def test_a_local_file_system_is_asked(imagined: FakeMember) -> None:
    """The same with another type; links of a test are writable like those of /proc."""
    assert os.lstat(f"{imagined.path}/fd/3").st_mode & stat.S_IWUSR
    Path(imagined.path, "mountinfo").write_text("7 1 0:9 / /mnt rw shared:1 - ext4 /dev/x rw\n")
    disks = Disks()
    disks.look(imagined)  # type: ignore[arg-type]
    assert disks.least is not None


def test_a_refusal_is_noted_and_gives_no_figure(
    imagined: FakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Least of the others would be a guess."""

    def refuse(_path: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    disks = Disks()
    disks.look(imagined)  # type: ignore[arg-type]
    assert not disks.complete
    assert imagined.denied == {"disk": "Permission denied"}


def test_threads_are_held_against_the_limit_that_is_nearest(helper: Helper) -> None:
    """Never above it, and never beyond the kernel's own."""
    row, _ = sampled(helper.pid)
    most = min(
        int(Path("/proc/sys/kernel", name).read_text()) for name in ("threads-max", "pid_max")
    )
    assert row["tasks_nearest_count"] is not None
    assert row["tasks_limit_count"] is not None
    assert 1 <= row["tasks_nearest_count"] <= row["tasks_limit_count"] <= most
