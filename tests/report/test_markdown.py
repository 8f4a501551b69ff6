"""The report as Markdown: read by a Markdown parser, hostile names stay text."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from report_examples import EXAMPLES, HOSTILE, hostile_report, plain_report

from perfkit.model.text import printable
from perfkit.report import Page
from perfkit.report.markdown import code, prose, render

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

OWN_HTML = {"<details>\n<summary>Metrics</summary>\n", "</details>\n", "<br>"}

REFERENCE = re.compile(r"@\w|(?<!\w)#\d|\bGH-\d|://|\bwww\.")
"""What GitHub turns into a mention, an issue link or a web link, in text as it is shown."""


def tokens(markdown):
    for token in PARSER.parse(markdown):
        yield token
        yield from token.children or ()


def shown(markdown):
    """The text that a reader of the parsed Markdown sees, without zero width spaces."""
    parts = [
        token.content
        for token in tokens(markdown)
        if token.type in ("text", "code_inline", "softbreak")
    ]
    return "".join(parts).replace("\u200b", "")


@pytest.mark.parametrize("name", EXAMPLES)
def test_strangers_open_no_tag_and_no_link(name):
    """The only HTML is the report's own, and nothing becomes a link or an image."""
    found = list(tokens(render([EXAMPLES[name]], Page())))

    html = {token.content for token in found if token.type in ("html_inline", "html_block")}
    assert html <= OWN_HTML
    assert {token.type for token in found}.isdisjoint(
        {"link_open", "image", "fence", "code_block", "s_open"}
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_strangers_mention_nobody(name):
    """Outside of code, no text reads as a mention, an issue or an address."""
    texts = [
        token.content for token in tokens(render([EXAMPLES[name]], Page())) if token.type == "text"
    ]

    assert [text for text in texts if REFERENCE.search(text)] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_structure_does_not_depend_on_the_names(name):
    """A hostile name changes the words of the report, never its shape."""
    if name in ("plain", "empty"):
        pytest.skip("these have another shape by themselves")

    def shape(report):
        return [
            token.type
            for token in tokens(render([report], Page()))
            if token.type not in ("text", "code_inline", "text_special")
        ]

    assert shape(EXAMPLES[name]) == shape(hostile_report("word"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_row_of_a_table_has_its_five_cells(name):
    """A pipe in a name opens no cell."""
    row: list[str] = []
    for token in PARSER.parse(render([EXAMPLES[name]], Page())):
        if token.type == "tr_open":
            row = []
        elif token.type in ("td_open", "th_open"):
            row.append(token.type)
        elif token.type == "tr_close":
            assert len(row) == 5


@given(st.text(max_size=40))
@example("".join(HOSTILE.values()))
@example("a\\|b`c``d")
def test_prose_shows_exactly_the_printable_text(text):
    """Escaping is invisible: the reader sees what the stranger wrote, harmless."""
    expected = printable(text)

    assert re.sub(r"\s+", "", shown(f"x {prose(text)} x")) == re.sub(r"\s+", "", f"x{expected}x")


@given(st.text(st.characters(exclude_categories=["Zs"]), min_size=1, max_size=40))
@example("``a`")
@example("`")
def test_code_shows_the_text_in_one_code_span(text):
    """Whatever backticks a name holds, it is one span; a pipe is a broken bar."""
    found = [token for token in tokens(f"x {code(text)} x") if token.type == "code_inline"]

    assert [token.content for token in found] == [printable(text).replace("|", "¦")]


def test_the_metrics_are_folded_away():
    """A comment is read for its insights; the table is one click away."""
    text = render([plain_report()], Page())

    assert text.index("### Insights") < text.index("<details>") < text.index("| `cpu_percent` |")


def test_a_comment_of_one_session_is_far_below_githubs_limit():
    """65,536 characters is what GitHub takes."""
    assert len(render([EXAMPLES["links and mentions"]], Page())) < 30_000
