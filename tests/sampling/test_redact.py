"""Secrets do not reach the file; everything else stays readable."""

import pytest

from perfkit.sampling.redact import redact


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("mysql --password=hunter2 db", "mysql --password=*** db"),
        ("deploy --token abc123 --verbose", "deploy --token *** --verbose"),
        ("env API_KEY=abc run", "env API_KEY=*** run"),
        ("curl -H Authorization:Bearer-abc x", "curl -H Authorization:*** x"),
        ("psql postgres://bob:hunter2@db/app", "psql postgres://***@db/app"),
        ("git clone https://tok@host/r.git", "git clone https://***@host/r.git"),
    ],
)
def test_the_value_of_a_secret_is_hidden(words: str, shown: str) -> None:
    """Whatever names a secret keeps its name and loses its value."""
    assert redact(words.encode().split()) == shown.encode().split()


@pytest.mark.parametrize(
    "words",
    [
        "python job.py --size=3 --name x",
        "nginx: worker process",
        "/opt/passwords/bin/tool run",
        "curl http://host/path@2x.png",
    ],
)
def test_ordinary_words_are_left_alone(words: str) -> None:
    """The program's own path is never taken for a secret, nor an @ behind the host."""
    assert redact(words.encode().split()) == words.encode().split()


def test_a_secret_option_at_the_end_hides_nothing_else() -> None:
    """An option without its value is no reason to fail."""
    assert redact([b"tool", b"--password"]) == [b"tool", b"--password"]
