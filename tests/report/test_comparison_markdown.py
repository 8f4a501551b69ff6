"""The gate's Markdown: read by a parser, hostile names stay text, and limits are kept."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from comparison_examples import COMPARISONS, FAILING, PASSING, hostile, metric, side
from markdown_it import MarkdownIt

from perfkit.model.verdict import REGRESSED
from perfkit.report.comparison_markdown import COMMENT_BYTES, SUMMARY_BYTES, render

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OWN_HTML = re.compile(r"</?details>|</?sub>|<summary>[\w ]+</summary>|\n")
REFERENCE = re.compile(r"@\w|(?<!\w)#\d|\bGH-\d|://|\bwww\.")

HOSTILE = [name for name in COMPARISONS if name.startswith("hostile")]


def tokens(markdown):
    for token in PARSER.parse(markdown):
        yield token
        yield from token.children or ()


@pytest.mark.parametrize("name", COMPARISONS)
def test_strangers_open_no_tag_and_no_link_and_mention_nobody(name):
    """The only HTML is the report's own."""
    found = list(tokens(render(COMPARISONS[name])))

    html = [token.content for token in found if token.type in ("html_inline", "html_block")]
    assert [one for one in html if OWN_HTML.sub("", one)] == []
    assert {token.type for token in found}.isdisjoint(
        {"link_open", "image", "fence", "code_block", "s_open"}
    )
    texts = [token.content for token in found if token.type == "text"]
    assert [text for text in texts if REFERENCE.search(text)] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_the_structure_does_not_depend_on_the_names(name):
    """A hostile name changes the words, never the shape."""

    def shape(comparison):
        return [
            token.type
            for token in tokens(render(comparison))
            if token.type not in ("text", "code_inline", "text_special")
        ]

    assert shape(COMPARISONS[name]) == shape(hostile("word"))


@pytest.mark.parametrize("name", COMPARISONS)
def test_every_row_has_the_cells_of_its_heading(name):
    """A pipe in a name opens no cell."""
    cells: list[int] = []
    for token in PARSER.parse(render(COMPARISONS[name])):
        if token.type == "table_open":
            cells = []
        elif token.type == "tr_open":
            cells.append(0)
        elif token.type in ("td_open", "th_open"):
            cells[-1] += 1
        elif token.type == "table_close":
            assert len(set(cells)) == 1


def crowded():
    """Hundreds of metrics and failures, each with a name that escaping makes many times longer."""
    metrics = tuple(
        metric(f"{'@a' * 200}{number}", verdict=REGRESSED, cause="", note="@a" * 400)
        for number in range(500)
    )
    return replace(
        FAILING,
        base=side("base", "@a" * 500, failed=[f"{'@a' * 400}{number}" for number in range(99)]),
        metrics=metrics,
        reasons=tuple(f"{'#1 ' * 200}{number}" for number in range(99)),
        notes=tuple(f"{'[x](y)' * 99}{number}" for number in range(99)),
    )


@pytest.mark.parametrize("limit", [SUMMARY_BYTES, COMMENT_BYTES, 9000, 3000, 800])
@pytest.mark.parametrize("comparison", [FAILING, crowded()], ids=["plain", "crowded"])
def test_a_limit_in_bytes_is_kept_and_no_tag_stays_open(comparison, limit):
    """Blocks are left out whole, the least important first; that it was cut is said."""
    whole, text = render(comparison, limit=10**9), render(comparison, limit)

    assert len(text.encode()) <= limit
    assert text.count("<details>") == text.count("</details>")
    assert not text or "perfkit: regressed" in text.splitlines()[0]
    assert text in (whole, "") or text.endswith("more than GitHub takes.*\n")


def test_where_not_even_the_verdict_fits_there_is_nothing():
    """Half a heading helps nobody."""
    assert render(FAILING, 40) == ""
    assert render(FAILING, 0) == ""
    assert render(FAILING, -5) == ""


def test_a_crowded_table_names_the_rest():
    """Sixty rows are more than anybody reads."""
    metrics = tuple(metric(f"test_{number}") for number in range(100))

    assert "… and 40 more." in render(replace(PASSING, metrics=metrics), SUMMARY_BYTES)


def test_the_verdict_comes_first_and_what_does_not_decide_is_folded():
    """A comment is read for its first line."""
    lines = render(FAILING).splitlines()

    assert lines[0] == "## 🔴 perfkit: regressed"
    assert lines.index("<details>") > next(
        at for at, line in enumerate(lines) if line.startswith("| `cpu_s` |")
    )
