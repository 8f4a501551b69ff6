"""Making text from strangers harmless: names, command lines and labels are never trusted.

Part of what the small recorder loads, so it imports nothing.
"""

from __future__ import annotations

# Characters that turn text around or hide it (bidirectional controls, zero width, line separators):
# a process name holding one would make a report say what it does not say.
_DECEIVING = frozenset(
    {0xAD, 0x061C, 0x180E, 0xFEFF, 0xFFF9, 0xFFFA, 0xFFFB}
    | set(range(0x200B, 0x2010))
    | set(range(0x2028, 0x202F))
    | set(range(0x2060, 0x2070))
    | set(range(0xE0000, 0xE0080))
)


def printable(text: str | bytes, limit: int = 0) -> str:
    """The text with every control, deceiving or undecodable character shown as an escape.

    text: anything; bytes are read as UTF-8, what is not UTF-8 becomes `\\xNN`.
    limit: cut to so many characters, the last an ellipsis; 0 keeps all.
    Returns one line that a terminal, a log or a table shows as it is.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if not (text.isascii() and text.isprintable()):
        text = "".join(_shown(character) for character in text)
    if limit and len(text) > limit:
        text = text[: limit - 1] + "…"
    return text


def _shown(character: str) -> str:
    code = ord(character)
    if code < 0x20 or 0x7F <= code < 0xA0:
        return f"\\x{code:02x}"
    if 0xD800 <= code < 0xE000 or code in _DECEIVING or 0xE000 <= code < 0xF900:
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character
