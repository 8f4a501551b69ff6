"""The catalogue of programs: one row each, and each row true."""

from __future__ import annotations

import importlib.util
from collections import Counter

import pytest

from perfkit.lab import registry
from perfkit.lab.registry import CLEAN, FAULT, FORECAST, PROGRAMS


def test_every_program_has_a_name_of_its_own_and_a_module() -> None:
    """A name is also a file's name; the module is there."""
    assert [
        name for name, times in Counter(one.name for one in PROGRAMS).items() if times > 1
    ] == []
    assert [one.name for one in PROGRAMS if not one.name.replace("_", "").isalnum()] == []
    assert [one.name for one in PROGRAMS if importlib.util.find_spec(one.runs) is None] == []


def test_there_are_ten_faults_and_as_many_clean_loads() -> None:
    """Every kind of fault is one that the figures are given for."""
    assert len([one for one in PROGRAMS if one.purpose == FAULT]) == 10
    assert len([one for one in PROGRAMS if one.purpose == CLEAN]) >= 10


def test_half_of_what_is_to_be_forecast_never_comes_and_half_of_that_looks_as_if() -> None:
    """Who always cries wolf is wrong at least every other time."""
    forecasts = [one for one in PROGRAMS if one.purpose == FORECAST]
    never = [one for one in forecasts if one.looks or one.kind == "calm" or one.shape == "slow"]

    assert len(never) >= len(forecasts) / 2
    assert len([one for one in never if one.looks]) >= len(never) / 2


@pytest.mark.parametrize(("word", "count"), [("fault", 10), ("memory_leak", 1), ("leak", 10)])
def test_a_purpose_a_kind_and_a_name_choose_programs(word: str, count: int) -> None:
    """One word of the user for all three."""
    assert len(registry.chosen(word)) == count


def test_nothing_is_chosen_by_a_word_that_nothing_is_called() -> None:
    """It is for the caller to say so."""
    assert registry.chosen("nothing") == ()


def test_a_run_to_forecast_is_as_long_as_its_seed_says() -> None:
    """The same for all programs of a seed, so that they can be recorded side by side."""
    lengths = {one.seconds(7) for one in PROGRAMS if one.purpose == FORECAST}

    assert len(lengths) == 1
    assert 40 <= lengths.pop() <= 90
