"""What the gate decided, as annotations of a GitHub workflow.

A workflow command is a line `::kind title=…::message`; GitHub shows at most ten of a kind for one
step and drops the others without a word.
Source: "Workflow commands for GitHub Actions"; in the runner, ActionCommand.cs for what is escaped
(`%`, carriage return and newline everywhere, `:` and `,` in properties as well) and
ExecutionContext.cs for the limits.
"""

from __future__ import annotations

import re

from perfkit.model.verdict import IMPROVED, REGRESSED, UNDECIDED, Comparison
from perfkit.report.comparison import (
    causes,
    failed_sentences,
    headline,
    note_sentences,
    open_sentences,
    reason_sentences,
    title,
)

ANNOTATIONS_A_KIND = 10
MESSAGE_LIMIT = 4096  # characters; the runner cuts what is longer

ERROR, WARNING, NOTICE = "error", "warning", "notice"

_COMMAND = re.compile(r"^([^\S\n]*):(?=:)", re.MULTILINE)
"""What the runner takes for a command: it trims a line and looks at its first two characters."""


def annotate(comparison: Comparison) -> str:
    """Workflow commands, one a line: a regression is an error, what is open a warning.

    At most ten of a kind; the tenth then says how many more there are. Empty if there is nothing
    to tell but a pass.
    """
    found: dict[str, list[tuple[str, str]]] = {ERROR: [], WARNING: [], NOTICE: []}
    reasons = reason_sentences(comparison)
    for cause in causes(comparison):
        if not cause.gating:
            continue
        if cause.verdict == REGRESSED:
            why = f". Why: {'; '.join(reasons)}" if reasons and not found[ERROR] else ""
            found[ERROR].append(("perfkit: regressed", f"{cause}{why}"))
        elif cause.verdict == IMPROVED:
            found[NOTICE].append(("perfkit: improved", str(cause)))
    if comparison.verdict == UNDECIDED or not comparison.metrics:
        sentences = open_sentences(comparison) or [headline(comparison)]
        found[WARNING] += [("perfkit: undecided", sentence) for sentence in sentences]
    found[WARNING] += [("perfkit: runs left out", one) for one in failed_sentences(comparison)]
    found[NOTICE] += [("perfkit: note", one) for one in note_sentences(comparison)]
    if not found[ERROR] and comparison.verdict == REGRESSED:
        found[ERROR].append((f"perfkit: {title(comparison).lower()}", headline(comparison)))
    return "".join(
        _command(kind, *one) for kind, told in found.items() for one in _at_most_ten(told)
    )


def _at_most_ten(told: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if len(told) <= ANNOTATIONS_A_KIND:
        return told
    kept = told[: ANNOTATIONS_A_KIND - 1]
    rest = len(told) - len(kept)
    return [*kept, ("perfkit", f"and {rest} more, see the summary of this step")]


def _command(kind: str, heading: str, message: str) -> str:
    if len(message) > MESSAGE_LIMIT:
        message = message[: MESSAGE_LIMIT - 1] + "…"
    return f"::{kind} title={escaped_property(heading)}::{escaped(message)}\n"


def escaped(text: str) -> str:
    """Text as the message of a workflow command; the runner undoes exactly this."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escaped_property(text: str) -> str:
    """Text as the value of a property of a workflow command."""
    return escaped(text).replace(":", "%3A").replace(",", "%2C")


def disarmed(text: str) -> str:
    """Text for a log, with no line that a runner would take for a command.

    A report quotes names from strangers, and a wrapped line may begin with any of their words.
    `##[` is the runner's older form, which it takes anywhere in a line.
    """
    return _COMMAND.sub(r"\1\\x3a", text).replace("##[", "#\\x23[")
