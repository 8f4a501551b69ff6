"""The mechanism of rules: reading folders of them, asking them, telling what they said."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_recordings import METRICS, QUIET, MadeRecording, make_recording

from perfkit.errors import UnusableInput
from perfkit.model.insight import SEVERITIES, Insight, NotApplicable, RuleFailed, RuleOutcome
from perfkit.sql.front_matter import PLACEHOLDER, Rule, needed_types, parse_rule
from perfkit.sql.mentions import mentions
from perfkit.sql.rulebook import RULES_DIR, load_rules, run_rules
from perfkit.workflows.insights import database, insights

HEAD = """\
-- id: {id}
-- title: A title
-- severity: low
-- cause: memory
-- needs: {needs}
-- impact: It took {{peak_bytes}}.
-- message: Peak of {{peak_bytes}} in {{where}}.
-- message: Peak of {{peak_bytes}}.
-- recommendation: Look at {{where}}.
-- recommendation: Run `perfkit query {{session}} …`.
"""
PEAK = 'SELECT max(rss_bytes) AS peak_bytes, NULL AS "where" FROM ticks'


def rule_text(sql: str = PEAK, id: str = "peak", needs: str = "rss_bytes") -> str:
    return HEAD.format(id=id, needs=needs) + sql + "\n"


def ask(recording: MadeRecording, *texts: str, known: tuple[str, ...] = ()) -> list[RuleOutcome]:
    """The outcomes of rules given as text; figures are shown as NAME=VALUE."""
    views = database(recording)  # type: ignore[arg-type]
    rules = [parse_rule(text, "mine.sql") for text in texts]
    given = {"session": "FILE"}
    return run_rules(views, rules, known, lambda name, value: f"{name}={value}", given)


@pytest.fixture
def recording() -> MadeRecording:
    """Ten seconds with memory and nothing else."""
    return make_recording(seconds=10, rss_bytes=lambda second: round(second * 100))


class TestAsking:
    def test_a_row_is_an_insight(self, recording: MadeRecording) -> None:
        """Evidence fills the texts; what names an unknown figure gives way to what does not."""
        assert ask(recording, rule_text()) == [
            Insight(
                rule="peak",
                title="A title",
                severity="low",
                cause="memory",
                impact="It took peak_bytes=990.",
                message="Peak of peak_bytes=990.",
                evidence={"peak_bytes": 990, "where": None},
                recommendations=("Run `perfkit query session=FILE …`.",),
            )
        ]

    def test_the_first_message_with_all_its_figures_is_used(self, recording: MadeRecording) -> None:
        """Here `where` is known."""
        (found,) = ask(recording, rule_text(PEAK.replace("NULL", "'the cache'")))

        assert isinstance(found, Insight)
        assert found.message == "Peak of peak_bytes=990 in where=the cache."
        assert found.recommendations[0] == "Look at where=the cache."

    def test_no_row_is_no_outcome(self, recording: MadeRecording) -> None:
        """The rule looked and found nothing: that is fine, and says nothing."""
        assert ask(recording, rule_text(PEAK + " HAVING false")) == []

    def test_several_rows_are_several_insights(self, recording: MadeRecording) -> None:
        """In the order of the query."""
        found = ask(recording, rule_text('SELECT unnest([3, 1, 2]) AS peak_bytes, 0 AS "where"'))

        assert [one.evidence["peak_bytes"] for one in found if isinstance(one, Insight)] == [
            3,
            1,
            2,
        ]

    @pytest.mark.parametrize("severity", SEVERITIES)
    def test_a_column_severity_overrides(self, recording: MadeRecording, severity: str) -> None:
        """It is no evidence then."""
        (found,) = ask(
            recording, rule_text(PEAK.replace("SELECT", f"SELECT '{severity}' severity,"))
        )

        assert isinstance(found, Insight)
        assert found.severity == severity
        assert "severity" not in found.evidence

    def test_a_null_severity_is_that_of_the_file(self, recording: MadeRecording) -> None:
        """A CASE without ELSE."""
        (found,) = ask(recording, rule_text(PEAK.replace("SELECT", "SELECT NULL AS severity,")))

        assert isinstance(found, Insight)
        assert found.severity == "low"

    def test_evidence_is_numbers_and_text_only(self, recording: MadeRecording) -> None:
        """So that every renderer, JSON first, can show it."""
        (found,) = ask(
            recording,
            rule_text(
                "SELECT 1.5 AS peak_bytes, true AS \"where\", 'nan'::DOUBLE AS n, "
                "'-inf'::FLOAT AS i, DATE '2026-01-02' AS d, TIMESTAMP '2026-01-02 03:04:05' AS t, "
                "INTERVAL 2 MINUTES AS s, [1, 2] AS l, 'a'::BLOB AS b, 3::HUGEINT AS h"
            ),
        )

        assert isinstance(found, Insight)
        assert found.evidence == {
            "peak_bytes": 1.5,
            "where": 1,
            "n": None,
            "i": None,
            "d": "2026-01-02",
            "t": "2026-01-02 03:04:05",
            "s": 120.0,
            "l": "[1, 2]",
            "b": "a",
            "h": 3,
        }

    def test_text_is_filled_by_plain_substitution(self, recording: MadeRecording) -> None:
        """What looks like a format of Python's stays as it is, in rules and in evidence."""
        text = rule_text(
            "SELECT '{where.__class__}{0}%s' AS peak_bytes, '{peak_bytes}' AS \"where\""
        )
        text = text.replace("It took", "It {0.x} {peak_bytes!r} {} took")

        (found,) = ask(recording, text)

        assert isinstance(found, Insight)
        assert found.impact.startswith(
            "It {0.x} {peak_bytes!r} {} took peak_bytes={where.__class__}"
        )
        assert "where={peak_bytes}." in found.message


class TestNotApplicable:
    def test_a_column_that_the_session_lacks(self, recording: MadeRecording) -> None:
        """Not the same as fine."""
        assert ask(recording, rule_text(needs="rss_bytes, fds_ratio")) == [
            NotApplicable("peak", "A title", ("fds_ratio",))
        ]

    def test_a_column_without_a_value(self) -> None:
        """A capability that was missing is a null column."""
        recording = make_recording(seconds=3, rss_bytes=1, pss_bytes=[None] * 30)

        assert ask(recording, rule_text(needs="pss_bytes")) == [
            NotApplicable("peak", "A title", ("pss_bytes",))
        ]

    @pytest.mark.parametrize("name", ["fds_ratio", "fds_ratio_last", "fds_ratio_mean"])
    def test_a_metric_that_an_older_session_did_not_have(
        self, recording: MadeRecording, name: str
    ) -> None:
        """The rule names it without needing it: the session is old, the rule is not wrong."""
        sql = f'SELECT max({name}) AS peak_bytes, 1 AS "where" FROM ticks'

        assert ask(recording, rule_text(sql), known=("fds_ratio", "rss_bytes")) == [
            NotApplicable("peak", "A title", ("fds_ratio",))
        ]

    def test_a_session_without_a_tick(self) -> None:
        """Nothing applies, nothing fails."""
        empty = make_recording(seconds=0, rss_bytes=1)

        assert ask(empty, rule_text()) == [NotApplicable("peak", "A title", ("rss_bytes",))]


class TestFailing:
    @pytest.mark.parametrize(
        ("sql", "said"),
        [
            ("SELECT nope AS peak_bytes FROM ticks", "no column 'nope'"),
            ("SELECT 1 AS other", "names {peak_bytes}, which its query does not return"),
            ("SELECT 'dire' AS severity, 1 AS peak_bytes, 1 AS \"where\"", "severity holds 'dire'"),
            ('SELECT range AS peak_bytes, 1 AS "where" FROM range(21)', "more than 20 rows"),
            ("SELEC 1", "no valid SQL"),
            ("SELECT 1; SELECT 2", "2 statements"),
            ("COPY ticks TO 'out.csv'", "not available"),
            ("SELECT * FROM read_text('/etc/passwd')", "can only read the views"),
            ("ATTACH 'x.db'", "not available"),
            ("INSTALL httpfs", "not available"),
        ],
    )
    def test_a_rule_that_is_wrong_spoils_nothing_but_itself(
        self, recording: MadeRecording, sql: str, said: str
    ) -> None:
        """Its reason is one sentence; the rules before and after it are asked."""
        outcomes = ask(
            recording, rule_text(id="first"), rule_text(sql, id="wrong"), rule_text(id="last")
        )

        assert [one.rule for one in outcomes] == ["first", "wrong", "last"]
        assert isinstance(outcomes[0], Insight) and isinstance(outcomes[2], Insight)
        assert isinstance(outcomes[1], RuleFailed)
        assert said in outcomes[1].reason
        assert outcomes[1].reason.isprintable()

    def test_a_rule_that_runs_for_ever_is_stopped(
        self, recording: MadeRecording, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And the next one is asked."""
        views = database(recording)  # type: ignore[arg-type]
        monkeypatch.setattr(views, "_timeout_s", 0.2)
        rules = [
            parse_rule(text, "mine.sql")
            for text in (rule_text("SELECT count(*) FROM range(1000000000000)"), rule_text(id="b"))
        ]

        endless, other = run_rules(views, rules, (), lambda *_: "", {"session": ""})

        assert isinstance(endless, RuleFailed) and "stopped after 0.2 s" in endless.reason
        assert isinstance(other, Insight)


class TestFolders:
    def test_rules_of_a_folder_follow_the_own_ones(self, tmp_path: Path) -> None:
        """Sorted by file name; other files are passed over."""
        (tmp_path / "b.sql").write_text(rule_text(id="second"))
        (tmp_path / "a.sql").write_text(rule_text(id="first"))
        (tmp_path / "notes.txt").write_text("no rule")

        assert [rule.id for rule in load_rules(tmp_path)[-2:] if isinstance(rule, Rule)] == [
            "first",
            "second",
        ]
        assert len(load_rules(tmp_path)) == len(load_rules()) + 2

    def test_a_rule_with_the_id_of_an_own_one_replaces_it(self, tmp_path: Path) -> None:
        """To set other bounds, copy the file and change them."""
        (tmp_path / "mine.sql").write_text(rule_text(id="memory-growth"))

        rules = [rule for rule in load_rules(tmp_path) if isinstance(rule, Rule)]

        assert [rule.title for rule in rules if rule.id == "memory-growth"] == ["A title"]

    def test_bad_files_are_told_and_the_others_kept(self, tmp_path: Path) -> None:
        """With file and line where there is one."""
        (tmp_path / "a.sql").write_text("SELECT 1")
        (tmp_path / "b.sql").write_text(rule_text().replace("severity: low", "severity: dire"))
        (tmp_path / "c.sql").write_bytes(b"-- id: x\n-- title: \xff\n")
        (tmp_path / "d.sql").write_text(rule_text(id="fine"))
        (tmp_path / "e.sql").write_text(rule_text(id="fine"))
        (tmp_path / "f.sql").mkdir()
        (tmp_path / "g.sql").symlink_to(tmp_path / "gone")
        (tmp_path / "h.sql").symlink_to("/dev/zero")
        (tmp_path / "i.sql").write_bytes(b"-" * (1 << 20))
        (tmp_path / "j\x1b[2J.sql").write_text("")

        found = load_rules(tmp_path)[len(load_rules()) :]

        failed = {one.rule: one.reason for one in found if isinstance(one, RuleFailed)}
        assert [rule.id for rule in found if isinstance(rule, Rule)] == ["fine"]
        assert len(failed) == 9
        assert "b.sql, line 3" in failed["b.sql"]
        assert "c.sql, line 2: not UTF-8" in failed["c.sql"]
        assert "already taken by d.sql" in failed["e.sql"]
        assert "larger" in failed["i.sql"]
        assert all(name.isprintable() and why.isprintable() for name, why in failed.items())

    @pytest.mark.parametrize("place", ["nowhere", "a-file", "empty"])
    def test_a_folder_without_rules_is_unusable(self, tmp_path: Path, place: str) -> None:
        """Whoever names one means something by it."""
        (tmp_path / "a-file").write_text("")
        (tmp_path / "empty").mkdir()

        with pytest.raises(UnusableInput) as refused:
            load_rules(tmp_path / place)

        assert place in str(refused.value)

    def test_windows_line_ends_are_read(self, tmp_path: Path) -> None:
        """As editors leave them."""
        (tmp_path / "a.sql").write_bytes(rule_text().replace("\n", "\r\n").encode())

        assert isinstance(load_rules(tmp_path)[-1], Rule)


class TestEvents:
    @pytest.mark.parametrize(
        ("needs", "unmet"),
        [
            ("events", ()),
            ("events:request", ()),
            ("events:cache_operation|request", ()),
            ("rss_bytes, events:gc|log", ("events:gc|log",)),
            ("events, events:gc, events:perfkit", ("events:gc", "events:perfkit")),
        ],
    )
    def test_a_rule_may_need_events_of_some_type(self, needs: str, unmet: tuple[str, ...]) -> None:
        """One of several types is enough."""
        events = [{"type": "request", "at_s": 1}, {"type": "perfkit.decision", "at_s": 2}]
        speaking = make_recording(seconds=10, events=events, rss_bytes=1)

        (found,) = ask(speaking, rule_text(needs=needs))

        assert (found.needs if isinstance(found, NotApplicable) else ()) == unmet

    def test_where_nobody_spoke_that_is_all_that_is_told(self, recording: MadeRecording) -> None:
        """Whatever type it is; what perfkit says of itself is nothing that was said."""
        own = [{"type": "perfkit.decision", "at_s": 2}]
        for silent in (recording, make_recording(seconds=10, events=own, rss_bytes=1)):
            for needs in ("events", "events:gc", "fds_ratio, events:gc"):
                (found,) = ask(silent, rule_text(needs=needs))

                assert isinstance(found, NotApplicable)
                assert found.needs == ("events",)

    def test_a_rule_without_its_events_costs_no_reading(self, recording: MadeRecording) -> None:
        """Its query is not looked at, so the columns that it names are not loaded."""
        ask(recording, rule_text(needs="events"))

        assert not any("rss_bytes" in asked for asked in recording.asked)


class TestOwnRules:
    """One contract for all rules that perfkit brings."""

    own = pytest.mark.parametrize(
        "rule", load_rules(), ids=lambda rule: rule.id if isinstance(rule, Rule) else "failed"
    )

    @own
    def test_its_file_has_its_name_and_says_what_it_means(self, rule: Rule) -> None:
        """To find a rule, look for its id."""
        assert (RULES_DIR / f"{rule.id}.sql").is_file()
        assert len(rule.meaning) > 80
        assert rule.needs

    @own
    def test_it_speaks_in_figures_and_names_what_to_do(self, rule: Rule) -> None:
        """A message with evidence, an impact, and at least one command to run."""
        assert all(PLACEHOLDER.search(message) for message in rule.messages)
        assert rule.impact.endswith(".")
        assert any("`" in text for text in rule.recommendations)
        assert len(rule.recommendations) >= 2

    @own
    def test_it_names_its_columns(self, rule: Rule) -> None:
        """A star would load the whole session, for every other rule as well."""
        assert not mentions(rule.sql).everything

    @own
    def test_needs_are_metrics(self, rule: Rule) -> None:
        """A name that no recorder writes would make the rule never apply."""
        columns = {need for need in rule.needs if needed_types(need) is None}

        assert columns <= METRICS.keys()

    def test_they_say_nothing_of_a_quiet_process(self) -> None:
        """Every metric is there, at rest: no rule fails, none speaks, only events are lacking."""
        outcomes = insights(make_recording(**QUIET))  # type: ignore[arg-type]

        assert {one.needs for one in outcomes if isinstance(one, NotApplicable)} == {("events",)}
        assert all(isinstance(one, NotApplicable) for one in outcomes)

    @pytest.mark.parametrize("seconds", [0, 0.1, 0.2, 1, 3])
    def test_they_say_nothing_of_a_session_too_short(self, seconds: float) -> None:
        """A tick or two are no failure and no finding."""
        outcomes = insights(make_recording(seconds=seconds, **QUIET))  # type: ignore[arg-type]

        assert {type(one) for one in outcomes} <= {NotApplicable}

    def test_they_do_not_apply_to_a_session_without_metrics(self) -> None:
        """Only clocks: every rule says what it misses."""
        outcomes = insights(make_recording())  # type: ignore[arg-type]

        assert {type(one) for one in outcomes} == {NotApplicable}
        assert len(outcomes) == len(load_rules())

    def test_they_work_where_everything_is_null(self) -> None:
        """As on a platform that has none of it."""
        nothing = {name: [None] * 600 for name in QUIET}

        outcomes = insights(make_recording(**nothing))  # type: ignore[arg-type]

        assert {type(one) for one in outcomes} == {NotApplicable}
