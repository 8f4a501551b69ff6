"""How noisy a machine is for a command, for a person and for a program."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.cells import cell_len

from perfkit.model.noise import PAIRS, MetricNoise, Noise, RunNoise
from perfkit.model.text import printable
from perfkit.model.verdict import DUET
from perfkit.report import Page
from perfkit.report.comparison import metric_words
from perfkit.report.json import dump
from perfkit.report.sheet import HEADING, QUIET, Sheet, ink
from perfkit.report.units import UNKNOWN, format_value

SCHEMA_VERSION = "1.0"
# 1.0: the first. A key that is added raises the second number, a changed meaning the first.

_DESIGN_WORDS = {DUET: "duet"}
_SHOWN = ("cpu_s", "instructions", "minor_faults")  # beside what gates; --json has all
_SHOWN_ALONE = ("cpu_s", "wall_s", "peak_rss_bytes")
_LEGEND = (
    ("in turn", "one run after the other, where a duet is both at once on one core"),
    ("spread", "robust standard deviation of a pair's ratio, or of a run"),
    ("neighbours", "correlation of each run with the next; 0: they know nothing of one another"),
    ("floor", "what runs of another time differ by, without any change of the program"),
)
_COMMAND_LIMIT = 200
_SENTENCES = 5


def as_json(noise: Noise) -> str:
    """Everything that was found as one JSON object; null where nothing is known.

    Effects, noise and floors are shares: 0.02 is two percent.
    """
    return dump(
        {
            "schema_version": SCHEMA_VERSION,
            "command": noise.command,
            "core": noise.core,
            "pinned": noise.pinned,
            "pairs": noise.pairs,
            "seed": noise.seed,
            "elapsed_s": noise.elapsed_s,
            "host": dict(noise.host),
            "others_cores": noise.others_cores,
            "stolen_cores": noise.stolen_cores,
            "metrics": [
                {
                    "metric": one.metric,
                    "unit": one.unit,
                    "design": one.design,
                    "gating": one.gating,
                    "pairs": one.pairs,
                    "typical": one.typical,
                    "noise": _share(one.noise),
                    "largest": _share(one.largest),
                    "detectable_effect": {
                        str(pairs): effect for pairs, effect in one.detectable.items()
                    },
                }
                for one in noise.metrics
            ],
            "runs_alone": [
                {
                    "metric": one.metric,
                    "unit": one.unit,
                    "runs": one.runs,
                    "typical": one.typical,
                    "noise": _share(one.noise),
                    "autocorrelation": one.autocorrelation,
                    "floor": {str(runs): _share(floor) for runs, floor in one.floors.items()},
                }
                for one in noise.runs
            ],
            "absent": list(noise.absent),
            "failed": list(noise.failed),
            "advice": list(noise.advice),
        }
    )


def as_text(noise: Noise, page: Page) -> str:
    """What pairs of it find, how runs alone differ, and what to do about it."""
    sheet = Sheet.of(page)
    command = printable(noise.command, _COMMAND_LIMIT)
    sheet.paragraph(f"How noisy this machine is for {command}", HEADING, indent=0)
    sheet.paragraph(_what_was_run(noise), QUIET)
    sheet.heading("Pairs, and what a gate finds in 80 of 100 cases in 5, 10 and 20 of them")
    _table(
        sheet,
        ("metric", "a run", "spread", "largest", *(f"in {count}" for count in PAIRS)),
        [_pair_row(one) for one in noise.metrics if one.gating or one.metric in _SHOWN],
    )
    sheet.heading("Runs alone, and the floor of so many against as many others")
    runs = [one for one in noise.runs if one.metric in _SHOWN_ALONE]
    sizes = sorted({size for one in runs for size in one.floors})
    _table(
        sheet,
        ("metric", "a run", "spread", "neighbours", *(_runs_words(size) for size in sizes)),
        [_run_row(one, sizes) for one in runs],
    )
    sheet.blank()
    for name, meaning in _LEGEND:
        sheet.paragraph(meaning, QUIET, indent=14, head=(f"  {name}", QUIET))
    if noise.absent:
        names = ", ".join(metric_words(name) for name in noise.absent)
        sheet.paragraph(f"Not known here: {names}.", QUIET)
    if noise.failed:
        sheet.heading("Runs that do not count")
        for sentence in noise.failed[:_SENTENCES]:
            sheet.paragraph(printable(sentence))
        if len(noise.failed) > _SENTENCES:
            sheet.paragraph(f"and {len(noise.failed) - _SENTENCES} more")
    sheet.heading("What to do")
    for sentence in noise.advice or ("Nothing: a gate works here as it is.",):
        sheet.paragraph(printable(sentence))
    return ink(sheet.lines, page)


def _what_was_run(noise: Noise) -> str:
    duets = max((one.pairs for one in noise.metrics if one.design == DUET), default=0)
    alone = max((one.runs for one in noise.runs), default=0)
    core = f"on core {noise.core}" if noise.pinned else "on any core"
    said = (
        f"{duets} duets on core {noise.core} and {alone} runs alone {core}, in turn, in "
        f"{format_value(noise.elapsed_s, 's')}"
    )
    if noise.others_cores is not None:
        said += f"; others used {noise.others_cores:.1f} cores meanwhile"
    return said + "."


def _pair_row(one: MetricNoise) -> tuple[str, ...]:
    name = f"{metric_words(one.metric)}, {_DESIGN_WORDS.get(one.design, 'in turn')}"
    return (
        name,
        format_value(one.typical, one.unit),
        _percent(_share(one.noise)),
        _percent(_share(one.largest)),
        *(_detectable(one.detectable.get(count)) for count in PAIRS),
    )


def _run_row(one: RunNoise, sizes: Sequence[int]) -> tuple[str, ...]:
    neighbours = UNKNOWN if one.autocorrelation is None else f"{one.autocorrelation:.2f}"
    return (
        metric_words(one.metric),
        format_value(one.typical, one.unit),
        _percent(_share(one.noise)),
        neighbours,
        *(_percent(_share(one.floors.get(size))) for size in sizes),
    )


def _table(sheet: Sheet, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(cell_len(row[at]) for row in (heads, *rows)) for at in range(len(heads))]
    if sum(widths) + 2 * len(widths) <= sheet.width:
        sheet.line((_aligned(heads, widths), QUIET))
        for row in rows:
            sheet.line((_aligned(row, widths), ""))
        return
    for row in rows:  # too narrow for a table: one block a row
        sheet.paragraph(row[0])
        facts = [f"{head} {cell}" for head, cell in zip(heads[1:], row[1:], strict=True)]
        sheet.paragraph(", ".join(facts), QUIET, indent=4)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        (cell + pad if at == 0 else pad + cell)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        for pad in (" " * (width - cell_len(cell)),)
    )
    return "  " + "  ".join((first, *others))


def _share(log_ratio: float | None) -> float | None:
    """A difference of logarithms as a share; None also where it is too large for one."""
    if log_ratio is None or not log_ratio < 700:
        return None
    return math.expm1(log_ratio)


def _detectable(effect: float | None) -> str:
    return "nothing" if effect is None else _percent(effect)


def _runs_words(runs: int) -> str:
    return f"{runs} run" if runs == 1 else f"{runs} runs"


def _percent(share: float | None) -> str:
    if share is None or not math.isfinite(share):
        return UNKNOWN
    if share >= 10:
        return ">10x"
    if share == 0:
        return "0 %"
    percent = 100 * share
    digits = 2 if percent < 0.995 else 1 if percent < 9.95 else 0
    return f"{percent:.{digits}f} %"
