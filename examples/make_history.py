"""A made-up history to look at: sixty commits beside an anchor build, one that made it slower.

    python examples/make_history.py history.parquet
    perfkit history show history.parquet

Every commit is added as in CI, from a result such as `perfkit gate --json` writes; the noise is that
of eight duet pairs. The anchor build is replaced once, on the way.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

from perfkit.workflows.history import add

COMMITS = 60
SLOWER_FROM, LARGER_FROM = 53, 30
NEW_ANCHOR_FROM, MEASURED_WITH_BOTH = 40, 3
NEW_ANCHOR_IS_FASTER = 0.02


def main() -> None:
    history = Path(sys.argv[1] if len(sys.argv) > 1 else "history.parquet")
    noise = random.Random(3)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        for number in range(COMMITS):
            commit = f"{0x5EED0000 + number * 7919:x}"
            cpu = 0.05 * (number >= SLOWER_FROM)
            memory = 0.02 * (number >= LARGER_FROM)
            for anchor, faster in _anchors(number):
                effects = {
                    "cpu_s": (1 + cpu) / (1 - faster) * (1 + noise.gauss(0, 0.005)) - 1,
                    "peak_rss_bytes": (1 + memory) * (1 + noise.gauss(0, 0.0005)) - 1,
                }
                result.write_text(json.dumps(_as_the_gate_writes_it(effects)))
                add(history, commit=commit, head=str(result), anchor_name=anchor)
    print(f"{history}: {COMMITS} commits")


def _anchors(number: int) -> list[tuple[str, float]]:
    old, new = ("v1.0", 0.0), ("v1.1", NEW_ANCHOR_IS_FASTER)
    if number < NEW_ANCHOR_FROM:
        return [old]
    return [old, new] if number < NEW_ANCHOR_FROM + MEASURED_WITH_BOTH else [new]


def _as_the_gate_writes_it(effects: dict[str, float]) -> dict[str, object]:
    units = {"cpu_s": "s", "peak_rss_bytes": "bytes"}
    return {
        "schema_version": "1.0",
        "base": {"source": "./anchor"},
        "metrics": {
            name: {"effect": effect, "pairs": 8, "unit": units[name], "gating": True}
            for name, effect in effects.items()
        },
    }


if __name__ == "__main__":
    main()
