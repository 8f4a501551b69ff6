"""Taking secrets out of command lines before they are written anywhere.

Part of what the small recorder loads, hence string methods instead of patterns.
"""

from __future__ import annotations

HIDDEN = b"***"

_SECRET_WORDS = (
    b"passw",
    b"pwd",
    b"secret",
    b"token",
    b"apikey",
    b"api-key",
    b"api_key",
    b"access-key",
    b"access_key",
    b"accesskey",
    b"private-key",
    b"private_key",
    b"credential",
    b"auth",
    b"bearer",
    b"session-key",
)


def redact(arguments: list[bytes]) -> list[bytes]:
    """The arguments with the values of secrets replaced by `***`.

    Hidden are: the value behind `=` or `:` of a word that names a secret (`--password=x`,
    `API_TOKEN=x`, `Authorization: x`), the argument after an option that names one
    (`--token x`), and user:password in front of the `@` of a URL.
    """
    shown: list[bytes] = []
    hide_next = False
    for position, argument in enumerate(arguments):
        if hide_next:
            shown.append(HIDDEN)
            hide_next = False
            continue
        argument = _without_credentials(argument)
        lower = argument.lower()
        if position > 0 and any(word in lower for word in _SECRET_WORDS):
            cut = _value_starts(argument)
            if cut > 0 and any(word in lower[:cut] for word in _SECRET_WORDS):
                argument = argument[:cut] + HIDDEN
            elif argument.startswith(b"-") and cut < 0:
                hide_next = True
        shown.append(argument)
    return shown


def _value_starts(argument: bytes) -> int:
    """Where the value of NAME=value or NAME: value begins, or -1."""
    ends = [end for end in (argument.find(b"="), argument.find(b":")) if end >= 0]
    return min(ends) + 1 if ends else -1


def _without_credentials(argument: bytes) -> bytes:
    scheme = argument.find(b"://")
    if scheme < 0:
        return argument
    host_end = len(argument)
    for delimiter in (b"/", b"?", b"#"):
        found = argument.find(delimiter, scheme + 3)
        if 0 <= found < host_end:
            host_end = found
    at = argument.rfind(b"@", scheme + 3, host_end)
    if at < 0:
        return argument
    return argument[: scheme + 3] + HIDDEN + argument[at:]
