"""The terms of a gate as a user writes them: shares such as `1%`, checked before anything runs."""

from __future__ import annotations

from perfkit.errors import UsageError
from perfkit.gate.decision import Terms
from perfkit.model.text import printable


def parse_share(text: str, what: str) -> float:
    """A share, of `1%` or `0.01`; from 0 to 1000 %.

    what: the option's name, for the message. Raises UsageError.
    """
    stripped = text.strip()
    try:
        share = float(stripped.removesuffix("%")) / (100 if stripped.endswith("%") else 1)
    except ValueError:
        share = float("nan")
    if not 0 <= share <= 10:
        raise UsageError(f"{what} {printable(text)!r} is not a share; write it like 1% or 0.01")
    return share


def parse_terms(tolerance: str, margin: str, *, max_pairs: int = 30) -> Terms:
    """What `--tolerance`, `--margin` and `--max-pairs` ask for. Raises UsageError."""
    try:
        return Terms(
            tolerance=parse_share(tolerance, "--tolerance"),
            margin=parse_share(margin, "--margin"),
            max_pairs=max_pairs,
        )
    except ValueError as error:
        raise UsageError(f"--tolerance and --margin do not fit: {error}") from None
