"""A `--json` that may stand alone."""

from __future__ import annotations

import pytest

from perfkit.cli.json_option import completed


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a b", "a b"),
        ("a b --json", "a b --json -"),
        ("a b --json -", "a b --json -"),
        ("a b --json f", "a b --json f"),
        ("a --json -x b", "a --json - -x b"),
        ("--json --json", "--json - --json -"),
        ("a --json=f", "a --json=f"),
        ("a -- --json", "a -- --json"),
        ("a --json -- b", "a --json - -- b"),
    ],
)
def test_it_is_completed_where_no_file_follows(words, expected):
    """What follows `--` is nobody's option."""
    assert completed(words.split()) == expected.split()


def test_it_is_completed_everywhere_where_the_words_are_needed_elsewhere():
    """`--json a b` of a command that takes two words."""
    assert completed(["--json", "a", "b"], always=True) == ["--json", "-", "a", "b"]
