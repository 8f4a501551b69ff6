"""Small applications that speak, and the events that a recorder's journal holds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from perfkit.session.journal import EVENT_FRAME, FRAME_HEAD, TICK_HEAD
from perfkit.session.journal_reader import JournalSource


def lines_of(journal: Path) -> list[bytes]:
    """The lines of all event frames of a journal, committed or not."""
    found: list[bytes] = []
    for path in sorted(journal.glob("*.frames")):
        data, at = path.read_bytes(), 0
        while at + FRAME_HEAD.size <= len(data):
            kind, length = FRAME_HEAD.unpack_from(data, at)
            payload = data[at + FRAME_HEAD.size : at + FRAME_HEAD.size + length]
            if kind == EVENT_FRAME and len(payload) == length:
                found += payload[8:-1].split(b"\n")
            at += FRAME_HEAD.size + length + 4
    return found


def committed_bytes(journal: Path) -> int:
    """How far the last tick of a journal of one segment says its frames reach."""
    with open(journal / "000000.ticks", "rb") as file:
        header = file.readline()
        size = json.loads(header)["record_size"]
        body = file.read()
    last = len(body) // size - 1
    return int(TICK_HEAD.unpack_from(body, last * size)[1])


def events_of(journal: Path) -> list[dict[str, Any]]:
    """The same, parsed; every line must be JSON."""
    return [json.loads(line) for line in lines_of(journal)]


def dropped_in(journal: Path) -> int:
    """The sum of the column events_dropped."""
    blocks = JournalSource(journal).blocks(["events_dropped"])
    return sum(int(block.columns["events_dropped"].values.sum()) for block in blocks)


def wait_for(condition: Callable[[], Any]) -> None:
    """Until it holds; pytest's own limit ends what never does."""
    while not condition():
        time.sleep(0.002)
