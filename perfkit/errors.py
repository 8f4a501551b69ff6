"""The errors a user can meet, each with the exit code it ends in.

Every message is one sentence that says what is wrong, where, and how to mend it.
This module is part of what the small recorder loads, so it imports nothing.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAULT = 1  # a fault of perfkit's own
EXIT_USAGE = 2
EXIT_REGRESSED = 3  # regressed, over budget, or a finding as severe as --fail-on asks
EXIT_UNDECIDED = 4  # another run may help
EXIT_UNUSABLE = 5  # unusable input; also a target gone or denied, an output that cannot be written

# `record -- CMD` before CMD runs, as `env` and `timeout` have it.
EXIT_LAUNCH_FAILED = 125
EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127


class PerfkitError(Exception):
    """An expected failure: its text is printed, no traceback, and `exit_code` is returned."""

    exit_code = EXIT_FAULT


class UsageError(PerfkitError):
    """The command's words do not fit together."""

    exit_code = EXIT_USAGE


class UnusableInput(PerfkitError):
    """A file, target or query that cannot be used as it is."""

    exit_code = EXIT_UNUSABLE


class TargetGone(UnusableInput):
    """The process to record does not exist, has ended, or may not be read."""


class OutputRefused(UnusableInput):
    """The output exists already or cannot be written."""


class RecordingStopped(UnusableInput):
    """The journal could not be written any further; what it holds is safe."""


class LaunchFailed(PerfkitError):
    """`record -- CMD` could not start CMD; carries the exit code that `env` would give."""

    def __init__(self, message: str, exit_code: int = EXIT_LAUNCH_FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code
