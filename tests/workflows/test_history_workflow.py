"""A gate's result becomes a point of a history, and nonsense becomes a sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from compared_sessions import write_side

from perfkit.errors import UnusableInput, UsageError
from perfkit.model.verdict import PASSED, REGRESSED, UNDECIDED
from perfkit.session.history import read_history
from perfkit.workflows.history import add, check, show


def gate_json(effects, source="./anchor --all", **other):
    """What `perfkit gate --json` writes, as far as it is read."""
    return {
        "schema_version": "1.0",
        "verdict": "passed",
        "base": {"source": source},
        "host": "made up",
        "metrics": {
            name: {
                "effect": effect,
                "ci_low": None if effect is None else effect - 0.01,
                "ci_high": None,
                "pairs": 8,
                "unit": "s",
                "gating": name != "wall_s",
                "design": "duet",
                "head": 0.25,
            }
            for name, effect in effects.items()
        },
        **other,
    }


@pytest.fixture
def file(tmp_path):
    return tmp_path / "history.parquet"


@pytest.fixture
def put(tmp_path, file):
    """Add a commit with these effects."""

    def put(commit, effects, name=None, **other):
        result = tmp_path / "result.json"
        result.write_text(json.dumps(gate_json(effects, **other)))
        return add(file, commit=commit, head=str(result), anchor_name=name)

    return put


def test_a_result_becomes_a_row_a_metric(put, file):
    """With its interval as ratios, the anchor's name and what was run of it."""
    done = put("abc", {"cpu_s": 0.05, "wall_s": -0.5})

    assert (done.commit, done.anchor, done.metrics, done.commits) == (
        "abc",
        "anchor",
        ("cpu_s", "wall_s"),
        1,
    )
    first, second = read_history(file)
    assert first.ratio == pytest.approx(1.05)
    assert (first.low, first.high) == (pytest.approx(1.04), None)
    assert (first.pairs, first.value, first.host) == (8, 0.25, "made up")
    assert first.anchor_source == "./anchor --all"
    assert (first.gating, second.gating) == (True, False)
    assert first.added_at_us > 1_700_000_000_000_000


def test_a_metric_that_one_side_lacks_is_left_out_and_said(put):
    """An effect that is no number is no data point."""
    done = put("abc", {"cpu_s": 0.05, "peak_rss_bytes": None, "x": float("nan")})

    assert done.metrics == ("cpu_s",)
    assert done.skipped == ("peak_rss_bytes has no effect", "x has no effect")


def test_a_result_without_any_is_refused_and_begins_no_file(put, file):
    """Nothing measured is unusable, never a success."""
    with pytest.raises(UnusableInput, match="no metric"):
        put("abc", {"cpu_s": None, "wall_s": -1.0})
    assert not file.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not a result"),
        ("[1]", "not a result"),
        ('{"metrics": []}', "not a result"),
        ("[" * 100_000, "not a result"),
        ('{"metrics": {"cpu_s": 3}}', "is no object"),
        ('{"metrics": {}}', "no metric"),
        ('{"schema_version": "2.0", "metrics": {}}', "upgrade"),
        ("PAR1", "is a session"),
    ],
)
def test_what_is_no_result_is_one_sentence(tmp_path, file, content, says):
    """Whatever it is."""
    result = tmp_path / "result.json"
    result.write_text(content)

    with pytest.raises(UnusableInput, match=says) as caught:
        add(file, commit="abc", head=str(result))
    assert "\n" not in str(caught.value)
    assert not file.exists()


def test_a_folder_or_nothing_is_no_result(tmp_path, file):
    """Sessions need those of the anchor beside them."""
    with pytest.raises(UnusableInput, match="--anchor"):
        add(file, commit="abc", head=str(tmp_path))
    with pytest.raises(UnusableInput, match="does not exist"):
        add(file, commit="abc", head=str(tmp_path / "none.json"))


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 501, "\x1b[31m"])
def test_a_name_is_printable(tmp_path, file, name):
    """It stands in tables and annotations for years."""
    with pytest.raises(UsageError, match="--commit"):
        add(file, commit=name, head="x")
    with pytest.raises(UsageError, match="--anchor-name"):
        add(file, commit="abc", head="x", anchor_name=name)


def test_what_is_odd_about_an_addition_is_said(put):
    """A commit again, another build under the old name, a new anchor with and without a link."""
    assert put("a", {"cpu_s": 0.0}, "v1").notes == ()
    assert "averaged" in put("a", {"cpu_s": 0.0}).notes[0]
    assert "--anchor-name" in put("b", {"cpu_s": 0.0}, source="./other").notes[0]
    assert "joins v2 to before" in put("b", {"cpu_s": 0.0}, "v2").notes[0]
    done = put("c", {"cpu_s": 0.0}, "v3")
    assert "nothing joins it" in done.notes[0]
    assert done.commits == 3


def test_a_regression_is_found_shown_and_gated_on(put, file):
    """From the first commit on: too short, passed, regressed, old news."""
    rng = np.random.default_rng(11)
    verdicts = []
    for number in range(30):
        slower = 0.05 * (number >= 16)
        effects = {"cpu_s": slower + rng.normal(0, 0.004), "wall_s": rng.normal(0, 0.1)}
        put(f"c{number}", effects, host="one" if number < 16 else "two")
        verdicts.append(check(file).verdict)

    assert verdicts[:7] == [UNDECIDED] * 7
    assert verdicts[7:18] == [PASSED] * 11
    assert verdicts[18:26] == [REGRESSED] * 8
    assert verdicts[26:] == [PASSED] * 4
    cpu, wall = show(file).metrics
    (change,) = cpu.levels.changes
    assert cpu.series.points[change.index].commit == "c16"
    assert wall.levels.changes == ()
    assert any("the host changes at c16" in note for note in show(file).notes)


def test_a_check_looks_at_what_decided_or_was_named(put, file):
    """An unknown name is refused with those there are."""
    for number in range(8):
        put(f"c{number}", {"cpu_s": 0.0, "wall_s": 0.0})

    assert check(file).checked == ("cpu_s",)
    assert check(file, metrics=["wall_s"]).checked == ("wall_s",)
    with pytest.raises(UnusableInput, match="it has cpu_s, wall_s"):
        check(file, metrics=["bogus"])
    with pytest.raises(UsageError, match="--last"):
        check(file, newest=0)


def test_a_history_in_which_nothing_decided_is_unusable(put, file):
    """Nothing to gate on is no pass."""
    put("a", {"wall_s": 0.0})

    with pytest.raises(UnusableInput, match="--metric"):
        check(file)


def test_an_anchor_that_nothing_joins_is_said(put, file):
    """And how to mend it."""
    put("a", {"cpu_s": 0.0}, "v1")
    put("b", {"cpu_s": 0.0}, "v2")

    (note,) = show(file).notes
    assert "from v1 to v2 at b" in note
    put("b", {"cpu_s": 0.0}, "v1")
    assert show(file).notes == ()


def test_sessions_beside_those_of_the_anchor_are_a_result(sessions, file):
    """By the figures that the kernel told when they ended."""
    anchor = write_side(sessions / "anchor", [1.0, 1.01, 0.99, 1.0, 1.0])
    head = write_side(sessions / "head", [1.2, 1.21, 1.19, 1.2, 1.2])

    done = add(file, commit="abc", head=str(head), anchor=str(anchor), anchor_name="v1")

    assert "cpu_s" in done.metrics
    cpu = next(one for one in read_history(file) if one.metric == "cpu_s")
    assert cpu.ratio == pytest.approx(1.2, abs=0.005)
    assert (cpu.pairs, cpu.design, cpu.gating) == (5, "unpaired", True)
    with pytest.raises(UnusableInput):
        add(file, commit="abc", head=str(head), anchor=str(sessions / "none"))
