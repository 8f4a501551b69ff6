"""How the noise of a machine reads, for a person and for a program."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rich.cells import cell_len

from perfkit.model.noise import MetricNoise, Noise, RunNoise
from perfkit.model.verdict import ALTERNATING, DUET
from perfkit.report import Page
from perfkit.report.noise import as_json, as_text

NOISE = Noise(
    command="python ev\x1b[31mil [bold]\n.py",
    core=1,
    pinned=False,
    pairs=20,
    seed=0,
    elapsed_s=31.4,
    host={"cores": 2, "cpu_model": "<x>"},
    metrics=(
        MetricNoise(
            "cpu_s", "s", DUET, True, 20, 0.21, 0.011, 0.03, {5: None, 10: 0.032, 20: 0.021}
        ),
        MetricNoise(
            "wall_s", "s", ALTERNATING, True, 20, 0.3, 0.2, 900.0, {5: None, 10: None, 20: 12.0}
        ),
        MetricNoise("voluntary_switches", "count", DUET, False, 20, 3, 0.3, 1, {5: 1, 10: 1, 20: 1}),
    ),
    runs=(
        RunNoise("cpu_s", "s", 40, 0.2, 0.09, 0.42, {1: 0.3, 3: 0.2, 5: 0.1, 10: 0.06}),
        RunNoise("peak_rss_bytes", "bytes", 40, 1e7, 0.0, None, {1: 0.0}),
    ),
    absent=("instructions",),
    failed=("in company: oh\x07 dear",) * 9,
    others_cores=0.6,
    stolen_cores=None,
    advice=("Do this.", "Do that."),
)  # fmt: skip


def test_the_text_holds_what_a_person_needs() -> None:
    """Spread, what is found in so many pairs, neighbours, floors, and what to do."""
    text = as_text(NOISE, Page(width=100))

    for part in ("1.1 %", "3.2 %", "2.1 %", "nothing", ">10x", "0.42", "35 %", "6.2 %"):
        assert part in text
    assert "20 duets on core 1 and 40 runs alone on any core" in text
    assert "others used 0.6 cores meanwhile" in " ".join(text.split())
    assert "Not known here: instructions." in text
    assert "and 4 more" in text
    assert text.rstrip().endswith("Do that.")


@pytest.mark.parametrize("width", [30, 80, 120])
def test_strangers_text_is_harmless_and_lines_fit(width: int) -> None:
    """No control characters, nothing wider than the page; ASCII where nothing else is shown."""
    text = as_text(NOISE, Page(width=width))
    plain = as_text(NOISE, Page(width=width, ascii_only=True))

    assert "\x1b" not in text
    assert "\x07" not in text
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert plain.isascii()


def test_the_tables_are_tables_at_eighty_columns() -> None:
    """One line a metric."""
    text = as_text(NOISE, Page(width=80))

    assert any(
        line.startswith("  CPU time, duet") and "2.1 %" in line for line in text.splitlines()
    )


def test_json_holds_everything_as_shares() -> None:
    """Versioned; what is not known is null, what is too large for a number as well."""
    found = json.loads(as_json(NOISE))

    assert found["schema_version"] == "1.0"
    cpu, wall, _ = found["metrics"]
    assert cpu["noise"] == pytest.approx(0.01106, abs=1e-4)
    assert cpu["detectable_effect"] == {"5": None, "10": 0.032, "20": 0.021}
    assert wall["largest"] is None
    assert found["runs_alone"][0]["floor"]["1"] == pytest.approx(0.34986, abs=1e-4)
    assert found["stolen_cores"] is None
    assert found["absent"] == ["instructions"]
    assert as_json(NOISE).isascii()


def test_nothing_to_do_is_said_too() -> None:
    """An empty list of advice is no empty heading."""
    assert as_text(replace(NOISE, advice=()), Page()).rstrip().endswith("as it is.")
