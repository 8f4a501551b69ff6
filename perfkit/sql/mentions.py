"""What a query names: read from its words, so that only these columns are loaded.

This is no parser. It may name too much (a column more is loaded, nothing else happens); where it
cannot know (`*`, DESCRIBE, …) it says `everything`. Keywords, strings and comments follow the
PostgreSQL lexer that DuckDB keeps to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

_TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*(?:.|\n)*?(?:\*/|\Z) )
    | (?P<string>  [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' )
    | (?P<dollar>  \$(?:[^\W\d]\w*)?\$ )
    | (?P<quoted>  "(?:[^"]|"")*" )
    | (?P<word>    [^\W\d][\w$]* )
    | (?P<number>  \d[\w.]* )
    | (?P<symbol>  [^\s\w] )
    """,
    re.VERBOSE,
)

# They ask which names there are: of columns, or of views too (`query_table` has one in a string).
_CATALOGUE_OF_TABLES = frozenset(
    {
        "duckdb_columns",
        "duckdb_tables",
        "duckdb_views",
        "information_schema",
        "query_table",
        "show",
    }
)
_CATALOGUE_WORDS = _CATALOGUE_OF_TABLES | {"columns", "describe"}
# With one of these a query may mean columns that are not written in it.
_OPEN_WORDS = _CATALOGUE_WORDS | {
    "summarize",
    "table",
    "pivot",
    "unpivot",
    "pivot_wider",
    "pivot_longer",
    "natural",
}
_SET_WORDS = frozenset({"union", "except", "intersect"})
_CALLS_WITH_FROM = frozenset({"extract", "substring", "trim", "overlay"})
# What may follow a star that stands for columns; a product is followed by an operand.
_AFTER_STAR = frozenset(
    ["", "from", "exclude", "replace", "rename", "like", "ilike", "not", "similar", ",", ")", ";"]
)
_BEFORE_STAR = frozenset(["select", "distinct", "all", "returning", ",", "."])


@dataclass(frozen=True)
class Token:
    """A word, symbol or literal. kind: `string`, `quoted`, `word`, `number` or `symbol`.

    text: lower case, a quoted name without its quotes; start: where it begins in the query.
    """

    kind: str
    text: str
    start: int


@dataclass(frozen=True)
class Mentions:
    """names: every identifier, lower case. everything: columns may be meant that are not named.

    catalogue: the query asks which columns there are; all_tables: which views there are.
    calls: names followed by a parenthesis.
    """

    names: frozenset[str]
    calls: frozenset[str]
    everything: bool
    catalogue: bool
    all_tables: bool

    def __or__(self, other: Mentions) -> Mentions:
        return Mentions(
            self.names | other.names,
            self.calls | other.calls,
            self.everything or other.everything,
            self.catalogue or other.catalogue,
            self.all_tables or other.all_tables,
        )


NOTHING = Mentions(frozenset(), frozenset(), False, False, False)


def tokens(sql: str) -> Iterator[Token]:
    """The tokens of a query, comments and spaces left out. Never fails, whatever the text."""
    position = 0
    while match := _TOKEN.search(sql, position):
        kind, text, position = match.lastgroup, match.group(), match.end()
        if kind == "dollar":  # a string up to the same tag; without one, two symbols
            end = sql.find(text, position)
            if end >= 0:
                position = end + len(text)
                yield Token("string", sql[match.start() : position], match.start())
            continue
        if kind == "comment" or kind is None:
            continue
        if kind == "quoted":
            text = text[1:-1].replace('""', '"')
        if kind != "string":
            text = text.lower()
        yield Token(kind, text, match.start())


@lru_cache(maxsize=128)
def mentions(sql: str) -> Mentions:
    """What the query names and whether it may mean more."""
    found = list(tokens(sql))
    identifiers = [token for token in found if token.kind in ("word", "quoted")]
    names = frozenset(token.text for token in identifiers)
    keywords = frozenset(token.text for token in identifiers if token.kind == "word")
    calls = frozenset(
        token.text
        for token, after in pairwise(found)
        if token.kind in ("word", "quoted") and after.text == "(" and after.kind == "symbol"
    )
    described = _has_desc(found)
    return Mentions(
        names,
        calls,
        everything=described
        or bool(keywords & _OPEN_WORDS)
        or _has_star(found)
        or _starts_with_from(found),
        catalogue=described or bool(keywords & _CATALOGUE_WORDS),
        all_tables=bool(keywords & _CATALOGUE_OF_TABLES),
    )


def _has_desc(found: Sequence[Token]) -> bool:
    """Whether a query or subquery is a DESC; behind ORDER BY the word is a direction."""
    befores = ["", *(token.text for token in found)]
    return any(
        token.kind == "word" and token.text == "desc" and before in ("", "(", ";")
        for before, token in zip(befores, found, strict=False)
    )


def _has_star(found: Sequence[Token]) -> bool:
    """Whether a `*` stands for columns, rather than for a product or for count(*)."""
    for index, token in enumerate(found):
        if token.text != "*" or token.kind != "symbol":
            continue
        before = found[index - 1].text if index else ""
        after = found[index + 1].text if index + 1 < len(found) else ""
        called = found[index - 2].text if index > 1 else ""
        if before == "(" and called == "count":
            continue
        if before in _BEFORE_STAR or after in _AFTER_STAR:
            return True
    return False


def _starts_with_from(found: Sequence[Token]) -> bool:
    """Whether a query or subquery begins with FROM: without a SELECT it means all columns."""
    before = ""
    openers: list[str] = [""]  # what stands before the parenthesis of each level
    selected: list[bool] = [False]  # whether the query of that level has had its SELECT
    for token in found:
        if token.kind == "symbol" and token.text == "(":
            openers.append(before)
            selected.append(False)
        elif token.kind == "symbol" and token.text == ")" and len(openers) > 1:
            openers.pop()
            selected.pop()
        elif token.kind == "word" and token.text == "select":
            selected[-1] = True
        elif token.kind == "word" and token.text in _SET_WORDS:
            selected[-1] = False
        elif token.kind == "word" and token.text == "from":
            # extract(year FROM x) and (a IS DISTINCT FROM b) begin no query.
            other_use = openers[-1] in _CALLS_WITH_FROM or before == "distinct"
            if not selected[-1] and not other_use:
                return True
        before = token.text
    return False
