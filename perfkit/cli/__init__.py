"""The command line: `perfkit COMMAND`. One file a command; this one joins them and bounds errors.

Nothing here loads a large library: what a command needs, it imports when it runs.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from perfkit.cli import commands
from perfkit.errors import (
    EXIT_FAULT,
    EXIT_LAUNCH_FAILED,
    EXIT_UNUSABLE,
    EXIT_USAGE,
    PerfkitError,
    UsageError,
)
from perfkit.model.text import printable
from perfkit.version import __version__

# the base of all "these words do not fit" exceptions; typer does not export it under a name
_ClickException: type[Exception] = next(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException"
)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"perfkit {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def application(words: Sequence[str] = ()) -> typer.Typer:
    """The command line with the command that words begin with, or with all of them."""
    app = typer.Typer(
        name="perfkit",
        help="Record a running process into one file, analyse it, know what it cost.",
        no_args_is_help=True,
        # plain help: the large library behind the coloured one takes longer than the rest
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    commands.register(app, words)
    return app


def main() -> NoReturn:
    """Run the command line and exit: the one place where errors become sentences and codes."""
    # Importing a large library makes hundreds of thousands of objects that all stay: collecting
    # among them over and over is a sixth of a short command's time.
    gc.set_threshold(200_000, 50, 1000)
    code = run(sys.argv[1:])
    # Taking the large libraries apart again is a tenth of a short command's time, and a query that
    # was left behind in its thread must not meet an interpreter that is half gone.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def run(words: list[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        if "" in words and words[:1] != ["record"]:
            raise UsageError("an argument is empty; was a variable of the shell not set?")
        code = application(words)(words, prog_name="perfkit", standalone_mode=False)
        sys.stdout.flush()
    except PerfkitError as error:
        _complain(str(error))
        return _code_of(error.exit_code, words)
    except _ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message() if hasattr(error, "format_message") else error)
            return EXIT_USAGE
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        command = commands.command_of(words)
        if message:
            where = f"perfkit {command} --help" if command else "perfkit --help"
            _complain(f"{printable(message).rstrip('.')}; see `{where}`")
            return _code_of(EXIT_USAGE, words)
        return 0  # no_args_is_help: the help has been shown
    except typer.Abort:
        return 130
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader of our output has left; there is nobody to tell
        sys.stderr.close()
        return EXIT_FAULT
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _complain(f"the output cannot be written ({error.strerror}); make room or choose another")
        # what is still buffered could not be written either, and would be tried again at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_UNUSABLE
    return code if isinstance(code, int) else 0


def _code_of(code: int, words: list[str]) -> int:
    """Until `record -- CMD` has started CMD, usage errors too are 125, as with `env`."""
    if words[:1] == ["record"] and "--" in words and code < EXIT_LAUNCH_FAILED:
        return EXIT_LAUNCH_FAILED
    return code


def _complain(sentence: str) -> None:
    print(f"perfkit: {sentence}", file=sys.stderr)
