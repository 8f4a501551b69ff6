"""Where sockets lie: in a folder that is the target's user's own, whoever may have been there first."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the small recorder is for Linux")

from perfkit.workflows import event_socket  # noqa: E402
from perfkit.workflows.event_socket import EventFolder, NoEvents, target_folder  # noqa: E402

GONE = 4_194_303  # beyond any pid that is given out here


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the only user there is, below a folder of the test."""
    patterns = (f"{tmp_path}/none/{{uid}}/perfkit", f"{tmp_path}/perfkit-{{uid}}")
    monkeypatch.setattr(event_socket, "FOLDERS", patterns)
    yield tmp_path / f"perfkit-{os.geteuid()}"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_folder_is_made_for_its_user_alone(place: Path) -> None:
    """0700, and the socket 0600, whatever the umask."""
    former = os.umask(0)
    try:
        folder = EventFolder(os.geteuid())
        listener = folder.listen(os.getpid())
    finally:
        os.umask(former)
    with listener, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sender:
        folder.close()
        assert (mode(place), mode(place / f"{os.getpid()}.sock")) == (0o700, 0o600)
        sender.connect(folder.path_for(os.getpid()))


def test_a_folder_that_is_open_to_others_is_closed(place: Path) -> None:
    """Somebody made it by hand."""
    place.mkdir(0o755)
    place.chmod(0o755)
    EventFolder(os.geteuid()).close()

    assert mode(place) == 0o700


@pytest.mark.parametrize("what", ["link", "file"])
def test_what_is_no_folder_is_not_followed(place: Path, tmp_path: Path, what: str) -> None:
    """A link could lead anywhere, and root may be the one who follows it."""
    if what == "link":
        (tmp_path / "elsewhere").mkdir(0o700)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.write_text("")

    with pytest.raises(NoEvents, match="cannot be made or entered"):
        EventFolder(os.geteuid())
    assert not list((tmp_path / "elsewhere").glob("*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to own a folder as another user")
def test_a_folder_of_another_user_is_refused(place: Path) -> None:
    """They were there first, in a folder where everybody may make one."""
    place.mkdir(0o700)
    os.chown(place, 12_345, -1)

    with pytest.raises(NoEvents, match="belongs to user 12345"):
        EventFolder(os.geteuid())


def test_the_runtime_folder_comes_first_where_it_is_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As systemd makes it."""
    (tmp_path / "run").mkdir(0o700)
    patterns = (f"{tmp_path}/run/perfkit", f"{tmp_path}/perfkit-{{uid}}")
    monkeypatch.setattr(event_socket, "FOLDERS", patterns)
    folder = EventFolder(os.geteuid())
    folder.close()

    assert folder.path == f"{tmp_path}/run/perfkit"


def test_a_living_recorders_socket_is_left_alone_and_a_dead_ones_taken(place: Path) -> None:
    """Even one that is too busy to accept."""
    first = EventFolder(os.geteuid())
    listener = first.listen(os.getpid())
    first.close()
    second = EventFolder(os.geteuid())
    with pytest.raises(NoEvents, match="another recorder listens"):
        second.listen(os.getpid())
    listener.close()  # killed: the file stays
    assert (place / f"{os.getpid()}.sock").exists()
    second.listen(os.getpid()).close()
    second.close()


def test_what_dead_recorders_of_dead_targets_left_is_swept(place: Path) -> None:
    """Nothing else is touched."""
    place.mkdir(0o700)
    names = (f"{GONE}.sock", f"{os.getppid()}.sock", "x.sock", "notes")
    for name in names[:2]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
            left.bind(str(place / name))
    for name in names[2:]:
        (place / name).write_text("")
    folder = EventFolder(os.geteuid())
    folder.listen(os.getpid()).close()
    folder.close()

    assert {path.name for path in place.iterdir()} == {*names[1:], f"{os.getpid()}.sock"}


def test_a_target_that_is_gone_has_no_folder() -> None:
    """Said, not raised: the recording is worth more."""
    assert isinstance(target_folder(GONE), NoEvents)
