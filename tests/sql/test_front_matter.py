"""Reading a rule's file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.errors import UnusableInput
from perfkit.sql.front_matter import parse_rule

GOOD = """\
-- id: too-much
-- title: Too much
-- severity: medium
-- cause: memory
-- needs: rss_bytes, pss_bytes
-- impact: It hurts.
-- message: It was {rss_bytes}
--   all the time.
-- message: It was.
--
-- recommendation: Use less: `free -m`.
-- recommendation: Or more.
-- meaning: What it looks for.
SELECT max(rss_bytes) AS rss_bytes -- a comment of the SQL
FROM ticks
"""


class TestAGoodRule:
    def test_its_entries_are_read(self) -> None:
        """Lists, repeated entries, and a line that continues the one before."""
        rule = parse_rule(GOOD, "too-much.sql")

        assert rule.id == "too-much"
        assert rule.needs == ("rss_bytes", "pss_bytes")
        assert rule.messages == ("It was {rss_bytes} all the time.", "It was.")
        assert rule.recommendations == ("Use less: `free -m`.", "Or more.")
        assert rule.meaning == "What it looks for."

    def test_the_query_keeps_its_line_numbers(self) -> None:
        """So that DuckDB's errors speak of lines of the file."""
        rule = parse_rule(GOOD, "too-much.sql")

        assert rule.sql.split("\n")[13].startswith("SELECT")
        assert GOOD.split("\n")[13].startswith("SELECT")

    def test_needs_may_be_left_out(self) -> None:
        """A rule over other views than ticks needs no column of it."""
        text = GOOD.replace("-- needs: rss_bytes, pss_bytes\n", "")

        assert parse_rule(text, "x.sql").needs == ()


class TestABadRule:
    @pytest.mark.parametrize(
        ("before", "after", "line", "said"),
        [
            ("severity: medium", "severity: urgent", 3, "severity is one of info, low"),
            ("id: too-much", "id: Too Much", 1, "lower case"),
            ("-- cause: memory", "-- cause memory", 4, "no entry"),
            ("-- cause: memory", "-- colour: memory", 4, "no entry"),
            ("-- title: Too much", "-- id: again", 2, "given twice"),
            ("-- title: Too much\n", "", 1, "lacks title"),
            ("needs: rss_bytes,", "needs: rss-bytes,", 5, "no name of a column"),
            (
                "-- recommendation: Use less: `free -m`.\n-- recommendation: Or more.\n",
                "",
                1,
                "lacks",
            ),
        ],
    )
    def test_it_is_refused_with_file_and_line(
        self, before: str, after: str, line: int, said: str
    ) -> None:
        """One sentence that says where and what."""
        assert before in GOOD

        with pytest.raises(UnusableInput) as refused:
            parse_rule(GOOD.replace(before, after), "mine.sql")

        assert str(refused.value).startswith(f"mine.sql, line {line}: ")
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)

    def test_a_continuation_of_nothing_is_refused(self) -> None:
        """The first entry cannot be indented."""
        with pytest.raises(UnusableInput, match=r"line 1: it continues nothing"):
            parse_rule("--   more\n" + GOOD, "mine.sql")

    def test_a_rule_without_a_query_is_refused(self) -> None:
        """Front matter alone asks nothing."""
        with pytest.raises(UnusableInput, match=r"line 14: there is no SELECT"):
            parse_rule(GOOD.split("SELECT", maxsplit=1)[0], "mine.sql")

    def test_an_empty_file_is_refused(self) -> None:
        """As one that lacks everything."""
        with pytest.raises(UnusableInput, match="lacks id, title"):
            parse_rule("", "mine.sql")

    def test_a_hostile_name_is_shown_harmlessly(self) -> None:
        """A file name is text from strangers."""
        with pytest.raises(UnusableInput) as refused:
            parse_rule("", "\x1b[2J\n.sql")

        assert str(refused.value).isprintable()

    @given(st.text(alphabet="-: abid\n{}", max_size=200))
    def test_any_text_gives_a_rule_or_a_refusal(self, text: str) -> None:
        """Never another kind of failure."""
        try:
            parse_rule(text, "mine.sql")
        except UnusableInput as refused:
            assert str(refused).startswith("mine.sql, line ")
