"""Starting the analysis that runs beside a recorder (`perfkit record --analyze`)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from perfkit.errors import EXIT_OK


def start_beside(session: str, *, quiet: bool, detector: str | None = None) -> int:
    """Start a process that analyses the recording of this session while it is made.

    detector: name of one, None for the default.

    It is nobody's child: neither part of the target's tree nor waited for as one. Returns the
    descriptor, not inherited by commands, over which the recorder says that the session is sealed
    and then waits for the end of the file.
    """
    ours, theirs = socket.socketpair()
    root = str(Path(__file__).parents[2])
    code = (
        f"import sys; sys.path.append({root!r}); from perfkit.workflows.follow import main; main()"
    )
    words = [sys.executable, "-P", "-c", code, session, str(theirs.fileno()), str(int(quiet))]
    words += [] if detector is None else [detector]
    with ours, theirs:
        pid = os.fork()
        if not pid:
            try:
                subprocess.Popen(
                    words,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                )
            finally:
                os._exit(EXIT_OK)
        os.waitpid(pid, 0)
        return ours.detach()
