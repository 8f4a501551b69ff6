"""What every reader of the catalogue holds to."""

from __future__ import annotations

import json

import pytest

from perfkit.cli.compare import Tool
from perfkit.errors import UnusableInput
from perfkit.foreign.formats import FORMATS

HOSTILE = {
    "empty": b"",
    "blank": b"  \n\n",
    "binary": bytes(range(256)),
    "cut off": b'{"results": [{"command": "a", "ti',
    "deep": b"[" * 100_000,
    "a number": b"17",
    "a list": b"[[], {}]",
    "nothing in it": b"{}",
    "wrong kinds": b'{"results": 3, "benchmarks": {"a": 1}}',
    "a list of wrong kinds": b'{"results": [3], "benchmarks": [null]}',
    "huge number": b'{"results": [{"command": "a", "times": [1' + b"0" * 400 + b"]}]}",
    "nul": b"a\0,b\n1,2\0\n",
}


@pytest.mark.parametrize("format", FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_is_none_of_the_tools_is_refused_in_one_line(tmp_path, format, kind):
    """Whatever the bytes are."""
    path = tmp_path / "evil\n::error::\x1b[31m.json"
    path.write_bytes(HOSTILE[kind])

    with pytest.raises(UnusableInput) as refused:
        format.read(path)

    assert str(refused.value).isprintable()


@pytest.mark.parametrize("format", FORMATS, ids=lambda one: one.name)
def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path, format):
    """With the path in the sentence."""
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(UnusableInput, match=path.name):
            format.read(path)


def test_the_command_offers_what_the_catalogue_has():
    """The choices of --from are written apart, so that the help loads no reader."""
    assert [tool.value for tool in Tool] == [format.name for format in FORMATS]


@pytest.mark.parametrize("format", [one for one in FORMATS if one.name != "csv"])
def test_names_of_strangers_are_kept_as_they_are(tmp_path, format):
    """Escaping is for those who show them."""
    name = "a|b::c\n<b>%0A\x1b[1m"
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps(
            {
                "results": [{"command": name, "times": [1.0]}],
                "benchmarks": [
                    {
                        "fullname": name,
                        "stats": {"median": 1.0},
                        "metadata": {"name": name},
                        "runs": [{"values": [1.0]}],
                    }
                ],
            }
        )
    )

    (measure,) = format.read(path).values

    assert measure.benchmark == name
