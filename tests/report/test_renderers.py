"""The contract of the renderers: what every one of them must bear, whatever it is shown."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from report_examples import EXAMPLES, HOSTILE, hostile_report

import perfkit.report
from perfkit.model.text import printable
from perfkit.report import Format, Page, renderer

PAGES = [Page(), Page(width=40), Page(width=1), Page(width=200, colour=True), Page(ascii_only=True)]


@pytest.fixture(params=list(Format))
def format(request):
    return request.param


@pytest.fixture(params=PAGES, ids=str)
def page(request):
    return request.param


@pytest.fixture(params=EXAMPLES)
def example(request):
    return EXAMPLES[request.param]


def without_colour(text: str, page: Page) -> str:
    """The text without the colour sequences that the renderer itself may write."""
    if page.colour:
        for number in (0, 1, 2, 31, 32, 33, 36):
            for start in ("", "1;", "2;"):
                text = text.replace(f"\x1b[{start}{number}m", "")
    return text


def test_every_report_is_rendered_as_text_that_ends_in_a_newline(format, page, example):
    """No report is too empty or too strange to be shown."""
    text = renderer(format)([example], page)

    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_no_control_or_deceiving_character_reaches_the_reader(format, page, example):
    """What a stranger wrote can neither move the cursor, nor hide, nor turn text around."""
    text = without_colour(renderer(format)([example], page), page).replace("\n", "")

    assert printable(text) == text


def test_text_is_valid_utf8(format, page, example):
    """Names that are not UTF-8 do not make the report so."""
    renderer(format)([example], page).encode("utf-8")


def test_no_figure_is_called_nan_or_infinite(format):
    """A number that is none is shown as no value."""
    text = renderer(format)([hostile_report("x")], Page())

    words = text.replace('"', " ").replace(",", " ").lower().split()
    assert not {"nan", "inf", "infinity", "-inf", "-infinity"} & set(words)


def test_several_reports_come_in_the_order_given(format):
    """The order of the sessions on the command line is the order of the reports."""
    names = ["beta", "alpha", "gamma"]

    text = renderer(format)([hostile_report(name) for name in names], Page())

    places = [text.index(name) for name in names]
    assert places == sorted(places)


def test_rendering_twice_gives_the_same(format, page, example):
    """A renderer is pure: nothing of the moment or the machine gets into the report."""
    assert renderer(format)([example], page) == renderer(format)([example], page)


def test_the_verdict_and_the_insights_are_in_every_format(format):
    """Whatever the format, the status, an insight and its recommendation are told."""
    text = renderer(format)([EXAMPLES["plain"]], Page()).lower()

    for words in ("poor", "memory keeps growing", "look at what is kept", "postgres"):
        assert words in text


def test_what_cannot_be_told_is_in_every_format(format):
    """No tick, a missing capability, rules without input: said, not passed over."""
    text = renderer(format)([EXAMPLES["plain"]], Page(width=200)).replace("\\", "")

    for words in ("shorter than a trend", "pressure stall information", "ran longer", "needs"):
        assert words in text


def test_every_renderer_file_is_in_the_catalogue():
    """A file with a `render` of the shape of a report's that no format names would be forgotten."""
    folder = Path(perfkit.report.__file__).parent
    with_render = {
        path.stem for path in folder.glob("*.py") if "def render(reports:" in path.read_text()
    }

    assert with_render == {format.value for format in Format}


def test_the_hostile_texts_are_hostile():
    """The fixture holds what it promises: control, bidi and private characters among them."""
    categories = {
        unicodedata.category(character) for text in HOSTILE.values() for character in text
    }

    assert {"Cc", "Cf", "Cs", "Zl"} <= categories
