"""What a project sets: which file counts, what --set changes, and how a wrong key is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfkit.errors import UnusableInput, UsageError
from perfkit.model.text import printable
from perfkit.model.thresholds import (
    LOWER_IS_WORSE,
    NAMES,
    RATIOS,
    Threshold,
    Thresholds,
    fault_of_mark,
    fault_of_order,
)
from perfkit.workflows.settings import Settings, load_settings

DEFAULTS = Settings()


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


class TestFiles:
    def test_without_a_file_the_defaults_hold(self, tmp_path: Path) -> None:
        """The marks that the documents name."""
        assert load_settings(folder=tmp_path) == DEFAULTS
        assert DEFAULTS.thresholds == Thresholds(
            fps=Threshold(50, 30),
            memory=Threshold(0.7, 0.9),
            latency_ms=Threshold(1000, 2000),
            cache_hit=Threshold(0.8, 0.6),
            errors=Threshold(0.02, 0.05),
        )

    def test_pyproject_and_perfkit_toml_say_the_same_in_their_own_way(self, tmp_path: Path) -> None:
        """What is not named keeps its default."""
        write(tmp_path / "a", "perfkit.toml", "[thresholds]\nfps = {warning = 45, critical = 20}")
        write(
            tmp_path / "b",
            "pyproject.toml",
            "[project]\nname = 'x'\n[tool.perfkit.thresholds.fps]\nwarning = 45\ncritical = 20.0\n",
        )

        found = [load_settings(folder=tmp_path / name).thresholds for name in "ab"]

        assert found[0] == found[1] == Thresholds(fps=Threshold(45, 20))

    def test_how_far_forecasts_look_is_a_length_of_time(self, tmp_path: Path) -> None:
        """As options have it, or a number of seconds; --set goes last."""
        assert DEFAULTS.forecast.horizon_ns == 300 * 10**9
        write(tmp_path, "perfkit.toml", "[forecast]\nhorizon = '30m'")
        assert load_settings(folder=tmp_path).forecast.horizon_ns == 1800 * 10**9
        for said in ("horizon=90", "forecast.horizon=1.5m", "forecast.horizon='90s'"):
            assert load_settings([said], tmp_path).forecast.horizon_ns == 90 * 10**9

    def test_the_nearest_folder_with_settings_counts(self, tmp_path: Path) -> None:
        """A pyproject.toml without a word on perfkit is passed over."""
        write(tmp_path, "perfkit.toml", "[thresholds]\nfps = {warning = 45}")
        write(tmp_path / "a", "pyproject.toml", "[tool.other]\nname = 'perfkit'")
        write(tmp_path / "a" / "b", "perfkit.toml", "[thresholds]\nfps = {warning = 55}")

        assert load_settings(folder=tmp_path / "a").thresholds.fps.warning == 45
        assert load_settings(folder=tmp_path / "a" / "b" / "c").thresholds.fps.warning == 55

    def test_perfkit_toml_wins_over_pyproject_beside_it(self, tmp_path: Path) -> None:
        """The other one is not even read."""
        write(tmp_path, "perfkit.toml", "[thresholds]\nerrors = {warning = 0.01}")
        write(tmp_path, "pyproject.toml", "[tool.perfkit]\nrubbish")

        assert load_settings(folder=tmp_path).thresholds.errors.warning == 0.01

    def test_the_working_directory_is_where_the_search_begins(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And one that is gone is none."""
        write(tmp_path, "perfkit.toml", "[thresholds]\nfps = {warning = 45}")
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        assert load_settings().thresholds.fps.warning == 45

        gone.rmdir()
        assert load_settings() == DEFAULTS

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("[threshold]", "threshold is no section; did you mean thresholds?"),
            ("colour = 1", "colour is no section; there are thresholds, forecast"),
            ("[forecast]\nhorizon = true", "forecast.horizon has to be a length of time"),
            ("[forecast]\nhorizon = 'soon'", "such as 5m, not 'soon'"),
            ("[forecast]\nhorizont = '5m'", "is no setting of forecasts; did you mean horizon?"),
            ("thresholds = 3", "thresholds has to be a table"),
            ("[thresholds]\nfsp = {warning = 1}", "thresholds.fsp is no threshold; did you mean fps?"),
            ("[thresholds]\nfps = 50", "thresholds.fps has to be a table"),
            ("[thresholds.fps]\nwarn = 50", "thresholds.fps.warn is no mark; did you mean warning?"),
            ("[thresholds.fps]\nwarning = '50'", "thresholds.fps.warning has to be a number, not '50'"),
            ("[thresholds.fps]\nwarning = true", "has to be a number, not True"),
            ("[thresholds.fps]\nwarning = nan", "thresholds.fps.warning has to be a finite number"),
            ("[thresholds.fps]\nwarning = inf", "has to be a finite number"),
            ("[thresholds.fps]\nwarning = 1" + "0" * 400, "has to be a finite number"),
            ("[thresholds.fps]\nwarning = -1", "thresholds.fps.warning cannot be below 0"),
            ("[thresholds.memory]\ncritical = 90", "is a share, so it cannot be above 1"),
            ("[thresholds.fps]\nwarning = 20", "thresholds.fps warns at 20, below its critical mark 30"),
            ("[thresholds.errors]\nwarning = 0.06", "warns at 0.06, above its critical mark 0.05"),
            ("[thresholds.'a\x7f']\nx = 1", "no valid TOML"),
            ("[thresholds]\n\"a\\u001b\" = 1", "thresholds.a\\x1b is no threshold"),
            ("x = [", "is no valid TOML"),
            ("x = " + "[" * 5000, "is no valid TOML"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_told_with_file_and_key(
        self, tmp_path: Path, text: str, words: str
    ) -> None:
        """In one line, whichever of the two files it is."""
        path = write(tmp_path, "perfkit.toml", text)

        with pytest.raises(UnusableInput) as told:
            load_settings(folder=tmp_path)

        assert words in str(told.value)
        assert str(path) in str(told.value)
        assert "\n" not in str(told.value)

    def test_a_key_of_pyproject_is_named_as_it_stands_there(self, tmp_path: Path) -> None:
        """With tool.perfkit before it."""
        write(tmp_path, "pyproject.toml", "[tool.perfkit.thresholds.fps]\nwarning = 1")
        with pytest.raises(UnusableInput, match=r"pyproject.toml: tool\.perfkit\.thresholds\.fps "):
            load_settings(folder=tmp_path)

        write(tmp_path, "pyproject.toml", "[tool]\nperfkit = 1")
        with pytest.raises(UnusableInput, match=r"tool\.perfkit has to be a table"):
            load_settings(folder=tmp_path)

    def test_files_that_are_none(self, tmp_path: Path) -> None:
        """Bytes that are no text are told with their line; a folder of that name is no file."""
        path = write(tmp_path, "perfkit.toml", "")
        path.write_bytes(b"# fine\n# caf\xe9\n")
        with pytest.raises(UnusableInput, match="line 2: not UTF-8"):
            load_settings(folder=tmp_path)

        path.unlink()
        path.mkdir()
        assert load_settings(folder=tmp_path) == DEFAULTS


class TestSet:
    @pytest.mark.parametrize(
        "overrides",
        [
            ["thresholds.fps.warning=45", "thresholds.fps.critical=20"],
            ["fps.warning=45", "fps.critical=20"],
            ["fps.critical=20.0", "fps.warning=1", "fps.warning = 45"],
            ["fps={warning=45, critical=20}"],
            ["thresholds={fps={critical=20}}", "fps.warning=4.5e1"],
        ],
    )
    def test_it_goes_over_defaults(self, tmp_path: Path, overrides: list[str]) -> None:
        """With or without its section; marks are checked when all are known."""
        found = load_settings(overrides, tmp_path)

        assert found.thresholds == Thresholds(fps=Threshold(45, 20))

    def test_it_goes_over_a_file(self, tmp_path: Path) -> None:
        """What it does not name stays as the file has it."""
        write(tmp_path, "perfkit.toml", "[thresholds.fps]\nwarning = 45\ncritical = 20")

        assert load_settings(["fps.warning=25"], tmp_path).thresholds.fps == Threshold(25, 20)
        with pytest.raises(UsageError, match=r"--set: thresholds\.fps warns at 15, below"):
            load_settings(["fps.warning=15"], tmp_path)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("fps.warning", "write KEY=VALUE"),
            ("=45", "write KEY=VALUE"),
            ("fps..warning=45", "write KEY=VALUE"),
            ("fsp.warning=45", "--set fsp.warning: there is no such setting; did you mean fps?"),
            ("threshold.fps.warning=45", "did you mean thresholds?"),
            ("fps.warn=45", "thresholds.fps.warn is no mark; did you mean warning?"),
            ("fps.warning=", "has to be a number, not ''"),
            ("fps.warning=fast", "has to be a number, not 'fast'"),
            ("fps.warning=nan", "has to be a finite number"),
            ("fps.warning=1e999", "has to be a finite number"),
            ("fps.warning.x=1", "has to be a number"),
            ("fps=45", "thresholds.fps has to be a table"),
            ("thresholds=1", "thresholds has to be a table"),
            ("\x1b.x=1", "there is no such setting"),
        ],
    )
    def test_what_is_wrong_is_told(self, tmp_path: Path, text: str, words: str) -> None:
        """As a fault of the command line."""
        with pytest.raises(UsageError) as told:
            load_settings([text], tmp_path)

        assert words in str(told.value)
        assert str(told.value).isprintable()

    @given(st.lists(st.text(max_size=30), max_size=3))
    def test_any_text_is_taken_or_told(
        self, tmp_path_factory: pytest.TempPathFactory, texts: list[str]
    ) -> None:
        """Never anything but settings or a sentence."""
        folder = tmp_path_factory.getbasetemp()
        for overrides in (texts, [f"fps.warning={text}" for text in texts]):
            try:
                load_settings(overrides, folder)
            except UsageError as error:
                assert str(error) == printable(str(error))


@given(st.sampled_from(NAMES), st.floats(0, 1), st.floats(0, 1))
def test_marks_are_in_order_or_not(name: str, one: float, other: float) -> None:
    """Of two different marks, one order is right and the other wrong; equal ones are both."""
    orders = [
        fault_of_order(name, Threshold(one, other)) is None,
        fault_of_order(name, Threshold(other, one)) is None,
    ]

    assert any(orders)
    assert all(orders) == (one == other)
    assert fault_of_mark(name, one) is None
    assert {*NAMES} >= LOWER_IS_WORSE | RATIOS
