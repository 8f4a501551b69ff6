"""What the gate decided goes to those who asked: files, and GitHub's annotations and summary."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from perfkit.errors import OutputRefused, UsageError
from perfkit.model.text import printable
from perfkit.model.verdict import Comparison
from perfkit.workflows.report_file import STANDARD_OUTPUT, assert_writable, write_report

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"


def assert_publishable(junit: Path | None, markdown: Path | None, json_file: Path | None) -> None:
    """Raise OutputRefused or UsageError if `publish` could not: asked before any run is made."""
    chosen = [path for path in (junit, markdown, json_file) if path is not None]
    for path in chosen:
        assert_writable(path)
    if len({os.path.realpath(path) for path in chosen}) < len(chosen):
        raise UsageError("--junit, --markdown and --json name one file twice; give each its own")


def publish(
    comparison: Comparison,
    *,
    github: bool,
    junit: Path | None,
    markdown: Path | None,
    json_file: Path | None,
) -> None:
    """Write the files that were asked for (`-` is standard output), and tell GitHub.

    github: annotations go to standard output, or to standard error if a report goes there; the
    summary is added to the file that GITHUB_STEP_SUMMARY names.
    Raises OutputRefused if files cannot be written, after everything else has been told.
    """
    from perfkit.report import comparison_json, comparison_markdown
    from perfkit.report import junit as comparison_junit

    if github:
        _tell_github(comparison, STANDARD_OUTPUT in (junit, markdown, json_file))
    renderers: tuple[tuple[Path | None, Callable[[Comparison], str]], ...] = (
        (junit, comparison_junit.render),
        (markdown, comparison_markdown.render),
        (json_file, comparison_json.render),
    )
    refused = []
    for path, render in renderers:
        if path is None:
            continue
        try:
            write_report(render(comparison), path)
        except OutputRefused as error:
            refused.append(str(error))
    if refused:
        raise OutputRefused("\nperfkit: ".join(refused))


def _tell_github(comparison: Comparison, stdout_is_taken: bool) -> None:
    """Annotations and summary; what does not work out is said and changes no verdict."""
    from perfkit.report.github import annotate

    # The runner looks for commands in both streams.
    stream = sys.stderr if stdout_is_taken else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    text = annotate(comparison).encode(encoding, "backslashreplace").decode(encoding)
    print(text, end="", file=stream, flush=True)
    problem = _add_summary(comparison)
    if problem:
        print(f"perfkit: no step summary: {problem}", file=sys.stderr)


def _add_summary(comparison: Comparison) -> str:
    """Add the summary to the step's; returns why that cannot be, or ""."""
    from perfkit.report import comparison_markdown

    name = os.environ.get(SUMMARY_VARIABLE, "")
    if not name:
        return f"{SUMMARY_VARIABLE} is not set, so this is no step of a GitHub workflow"
    try:
        with open(name, "ab") as file:
            # What earlier commands of the step wrote counts, and so does the line between.
            room = comparison_markdown.SUMMARY_BYTES - file.tell() - 2
            text = comparison_markdown.render(comparison, limit=room)
            if not text:
                return "the summary of this step is full"
            file.write(b"\n\n" * bool(file.tell()) + text.encode("utf-8", "backslashreplace"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid path"
        return f"{printable(name)} cannot be written ({reason})"
    return ""
