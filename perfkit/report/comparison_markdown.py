"""What the gate decided as GitHub flavoured Markdown: a comment, or the summary of a step.

Text from strangers is escaped as in `perfkit.report.markdown`. A limit in bytes is kept by leaving
out whole blocks from the end, where the least important stand, so that no tag stays open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from perfkit.model.verdict import IMPROVED, PASSED, REGRESSED, UNCHANGED, UNDECIDED, Comparison
from perfkit.report.comparison import (
    LIST_LIMIT,
    Row,
    causes,
    cut,
    difference_groups,
    failed_sentences,
    headline,
    legend_sentences,
    metric_rows,
    note_sentences,
    open_sentences,
    reason_sentences,
    side_facts,
    terms_sentences,
    title,
)
from perfkit.report.github import disarmed
from perfkit.report.markdown import code, prose

COMMENT_BYTES = 60_000
"""GitHub takes comments of 65,536 characters; bytes are never fewer."""

SUMMARY_BYTES = 1024 * 1024
"""What GitHub takes as the summary of one step."""

_ROWS = 60
_MARKS = {REGRESSED: "🔴", PASSED: "🟢", IMPROVED: "🟢", UNCHANGED: "⚪", UNDECIDED: "🟡"}
_BLOCK = re.compile(r"^(\d*)([-+=.)])")
"""What a list, a rule or a heading begins with; other signs are escaped wherever they stand."""

_LEFT_OUT = "*The rest is left out: it would be more than GitHub takes.*"


def render(comparison: Comparison, limit: int = COMMENT_BYTES) -> str:
    """The comparison as Markdown that ends in a newline and is at most `limit` bytes long.

    Returns "" where not even the verdict fits.
    """
    blocks = [disarmed(block) for block in _blocks(comparison)]
    text = "\n\n".join(blocks) + "\n"
    while _size(text) > limit and blocks:
        blocks.pop()
        text = "\n\n".join([*blocks, _LEFT_OUT]) + "\n"
    return text if blocks else ""


def _size(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))


def _blocks(comparison: Comparison) -> Iterable[str]:
    mark = _MARKS.get(comparison.verdict, "⚪")
    yield f"## {mark} perfkit: {prose(title(comparison).lower())}"
    yield f"**{prose(headline(comparison).strip())}**"
    told = causes(comparison)
    if len(told) > 1 or (told and str(told[0]) not in headline(comparison)):
        yield _bullets(
            f"{_MARKS.get(one.verdict, '⚪')} {prose(str(one))}" for one in told[:LIST_LIMIT]
        )
    rows = metric_rows(comparison)
    yield from _table([row for row in rows if row.gating])
    yield _bullets(
        f"**{prose(label)}**: {_fact(label, text)}" for label, text in side_facts(comparison)
    )
    for heading, sentences in (
        ("Why, as the recordings have it", reason_sentences(comparison)),
        ("What would decide it", cut(open_sentences(comparison))),
        ("Runs left out", failed_sentences(comparison)),
        ("What limits this", note_sentences(comparison)),
    ):
        if sentences:
            yield f"### {heading}\n\n{_bullets(_item(sentence) for sentence in sentences)}"
    groups = difference_groups(comparison)
    if groups:
        lines = ["| where | metric | base | head | effect |", "|:--|:--|--:|--:|--:|"]
        lines += [
            f"| {prose(one.where)} | {code(one.metric)} | {prose(one.base)} | {prose(one.head)} "
            f"| {prose(one.effect)} |"
            for _, members in groups
            for one in members
        ]
        yield _folded("Where the difference lies", ["\n".join(lines)])
    beside = [row for row in rows if not row.gating]
    if beside:
        yield _folded("Not gated", list(_table(beside)))
    for sentence in (" ".join(legend_sentences(comparison)), *terms_sentences(comparison)):
        if not sentence:
            continue
        yield f"<sub>{prose(sentence)}</sub>"


def _fact(label: str, text: str) -> str:
    return code(text) if label in ("base", "head") else prose(text)


def _item(text: str) -> str:
    """Text as an item of a list that opens no list, rule or code block of its own."""
    return _BLOCK.sub(r"\1\\\2", prose(text.strip()))


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _folded(heading: str, blocks: Sequence[str]) -> str:
    inside = "\n\n".join(blocks)
    return f"<details>\n<summary>{heading}</summary>\n\n{inside}\n\n</details>"


def _table(rows: Sequence[Row]) -> Iterable[str]:
    if not rows:
        return
    lines = [
        "| metric | verdict | effect | interval | base | head | pairs | noise | finds |",
        "|:--|:--|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows[:_ROWS]:
        cells = (
            row.effect,
            row.interval,
            row.base,
            row.head,
            row.runs,
            row.noise,
            row.detectable,
        )
        shown = " | ".join(prose(cell) for cell in cells)
        lines.append(
            f"| {code(row.name)} | {_MARKS.get(row.verdict, '⚪')} {prose(row.verdict)} | {shown} |"
        )
    yield "\n".join(lines)
    if len(rows) > _ROWS:
        yield f"… and {len(rows) - _ROWS} more."
