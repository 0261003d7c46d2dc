"""Recurrence rules: what they mean, which are refused, and that no rule costs more than a moment."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest
from dateutil.rrule import rrulestr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import FieldError
from executions.timing.recurrence import RECIPIENT, Recurrence, due_at
from executions.timing.repeating import read_recurrence, stored_recurrence
from executions.timing.rrule_text import read_rule
from executions.timing.words import Words, wall_text

THURSDAY = datetime(2026, 12, 24, 10)  # noqa: DTZ001
calmly = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
FIELDS = ("rrule", "until", "count", "exceptions")


def recurrence(rule: str, starts: datetime = THURSDAY, **given: Any) -> Recurrence:
    errors: list[FieldError] = []
    words = Words.of({"rrule": rule, **given}, "schedule", FIELDS, errors)
    found = read_recurrence(words, starts=starts, zone=None)
    assert found is not None and not errors, errors
    return found


def refused(rule: Any, **given: Any) -> dict[str, str]:
    errors: list[FieldError] = []
    words = Words.of({"rrule": rule, **given}, "schedule", FIELDS, errors)
    read_recurrence(words, starts=THURSDAY, zone=None)
    return {error.field: error.code for error in errors}


def walls(found: Recurrence, most: int = 5) -> list[str]:
    return [wall_text(run) for run in islice(found.runs(), most)]


@pytest.mark.parametrize(
    ("rule", "given", "expected"),
    [
        ("FREQ=WEEKLY;BYDAY=MO,TH", {}, ["2026-12-24", "2026-12-28", "2026-12-31", "2027-01-04", "2027-01-07"]),
        ("rrule:freq=weekly;byday=mo;", {}, ["2026-12-28", "2027-01-04", "2027-01-11", "2027-01-18", "2027-01-25"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", {}, ["2026-12-31", "2027-01-31", "2027-03-31", "2027-05-31", "2027-07-31"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", {}, ["2026-12-25", "2027-01-29", "2027-02-26", "2027-03-26", "2027-04-30"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", {}, ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("FREQ=DAILY;COUNT=2", {}, ["2026-12-24", "2026-12-25"]),
        ("FREQ=DAILY", {"count": 3, "exceptions": ["2026-12-25"]}, ["2026-12-24", "2026-12-26"]),
        ("FREQ=DAILY", {"until": "2026-12-26"}, ["2026-12-24", "2026-12-25", "2026-12-26"]),
        ("FREQ=DAILY", {"until": "2026-12-26T09:59"}, ["2026-12-24", "2026-12-25"]),
        ("FREQ=DAILY;UNTIL=20261225", {}, ["2026-12-24", "2026-12-25"]),
        ("FREQ=DAILY;UNTIL=20261225T095959", {}, ["2026-12-24"]),
        ("FREQ=DAILY;COUNT=2", {"exceptions": ["2026-12-24T10:00"]}, ["2026-12-25"]),
        ("FREQ=DAILY;COUNT=2", {"exceptions": ["2026-12-24T11:00"]}, ["2026-12-24", "2026-12-25"]),
    ],
)
def test_what_a_rule_means(rule: str, given: dict[str, Any], expected: list[str]) -> None:
    assert [wall.removesuffix("T10:00") for wall in walls(recurrence(rule, **given))] == expected


@pytest.mark.parametrize(
    ("rule", "given", "expected"),
    [
        ("", {}, {"schedule.rrule": "required"}),
        ("NONSENSE", {}, {"schedule.rrule": "required"}),
        ("FREQ=SECONDLY", {}, {"schedule.rrule": "too_often"}),
        ("FREQ=MINUTELY;INTERVAL=30", {}, {"schedule.rrule": "too_often"}),
        ("FREQ=FORTNIGHTLY", {}, {"schedule.rrule": "unknown_choice"}),
        ("FREQ=DAILY;BYMINUTE=0,50", {}, {"schedule.rrule": "too_often"}),
        ("FREQ=DAILY;BYSECOND=0", {}, {"schedule.rrule": "unsupported"}),
        ("FREQ=DAILY;BYEASTER=1", {}, {"schedule.rrule": "unknown_part"}),
        ("FREQ=DAILY;FREQ=DAILY", {}, {"schedule.rrule": "duplicate"}),
        ("FREQ=DAILY;INTERVAL=0", {}, {"schedule.rrule": "out_of_range"}),
        ("FREQ=DAILY;INTERVAL=1,2", {}, {"schedule.rrule": "out_of_range"}),
        ("FREQ=DAILY;BYHOUR=25", {}, {"schedule.rrule": "out_of_range"}),
        ("FREQ=DAILY;BYHOUR=٣", {}, {"schedule.rrule": "out_of_range"}),
        ("FREQ=DAILY;BYMONTHDAY=0", {}, {"schedule.rrule": "out_of_range"}),
        ("FREQ=WEEKLY;BYDAY=1MO", {}, {"schedule.rrule": "invalid"}),
        ("FREQ=WEEKLY;BYDAY=MOO", {}, {"schedule.rrule": "invalid"}),
        ("FREQ=WEEKLY;WKST=XX", {}, {"schedule.rrule": "invalid"}),
        ("FREQ=MONTHLY;BYWEEKNO=1", {}, {"schedule.rrule": "invalid"}),
        ("FREQ=MONTHLY;BYSETPOS=1", {}, {"schedule.rrule": "invalid"}),
        ("FREQ=DAILY;COUNT=1;UNTIL=20270101", {}, {"schedule.rrule": "conflict"}),
        ("FREQ=DAILY;COUNT=1", {"until": "2027-01-01"}, {"schedule.until": "conflict"}),
        ("FREQ=DAILY;UNTIL=20271301", {}, {"schedule.rrule": "invalid_time"}),
        ("FREQ=DAILY;UNTIL=99991231T235959Z", {}, {"schedule.rrule": "invalid_time"}),
        ("FREQ=YEARLY;COUNT=1000", {}, {"schedule.rrule": "too_far"}),
        ("FREQ=DAILY", {"exceptions": ["2026-12-25"] * 367}, {"schedule.exceptions": "too_many"}),
        ("FREQ=DAILY", {"exceptions": "2026-12-25"}, {"schedule.exceptions": "wrong_type"}),
        ("FREQ=DAILY;COUNT=1", {"exceptions": ["2026-12-24"]}, {"schedule.rrule": "no_runs"}),
        # Nothing ever matches: dateutil alone would look for it until the year 9999.
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", {}, {"schedule.rrule": "no_runs"}),
        ("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30;BYMINUTE=0,15,30,45", {}, {"schedule.rrule": "no_runs"}),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31;COUNT=1000", {}, {"schedule.rrule": "no_runs"}),
        ("FREQ=MONTHLY;BYMONTHDAY=1;BYSETPOS=31", {}, {"schedule.rrule": "no_runs"}),
        ("FREQ=MONTHLY;BYMONTHDAY=1;BYSETPOS=32", {}, {"schedule.rrule": "out_of_range"}),
        ("FREQ=HOURLY;BYMINUTE=0,15,30,45;BYSETPOS=-5", {}, {"schedule.rrule": "out_of_range"}),
        ("FREQ=DAILY;BYHOUR=9,17;BYSETPOS=3", {}, {"schedule.rrule": "out_of_range"}),
        ("FREQ=MONTHLY;BYDAY=53MO", {}, {"schedule.rrule": "out_of_range"}),
        ("FREQ=MONTHLY;BYDAY=1MO,-6SU", {}, {"schedule.rrule": "out_of_range"}),
        ("FREQ=YEARLY;BYMONTH=12;BYDAY=20MO", {}, {"schedule.rrule": "out_of_range"}),
        ("FREQ=HOURLY;INTERVAL=2;BYHOUR=3", {}, {"schedule.rrule": "no_runs"}),
        ("FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1", {}, {"schedule.rrule": "no_runs"}),
    ],
)  # fmt: skip
def test_what_is_refused(rule: str, given: dict[str, Any], expected: dict[str, str]) -> None:
    assert refused(rule, **given) == expected


def test_exceptions_that_leave_out_a_year_of_quarter_hours_end_a_rule() -> None:
    """Each question about it would take a second, and nobody means it."""
    days = [str(THURSDAY.date() + timedelta(days=number)) for number in range(366)]
    assert refused("FREQ=HOURLY;BYMINUTE=0,15,30,45", exceptions=days) == {"schedule.rrule": "no_runs"}
    assert refused("FREQ=HOURLY", exceptions=days) == {}


def test_a_rule_has_a_greatest_length() -> None:
    assert refused("FREQ=DAILY;BYHOUR=" + ",".join(["1"] * 300)) == {"schedule.rrule": "too_long"}


def subset(least: int, most: int, *, signed: bool = False) -> st.SearchStrategy[str]:
    numbers = st.integers(least, most)
    both = st.one_of(numbers, numbers.map(lambda number: -number)) if signed else numbers
    return st.lists(both, min_size=1, max_size=4, unique=True).map(lambda found: ",".join(map(str, found)))


DAYS = st.lists(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, unique=True).map(",".join)
PARTS = {
    "INTERVAL": st.integers(1, 40).map(str),
    "BYMONTH": subset(1, 12),
    "BYMONTHDAY": subset(1, 31, signed=True),
    "BYDAY": DAYS,
    "BYHOUR": subset(0, 23),
    "BYMINUTE": st.sampled_from(["0", "0,30", "15,45", "59"]),
    "WKST": st.sampled_from(["MO", "SU", "WE"]),
}


@st.composite
def rules(draw: st.DrawFn) -> str:
    parts = [f"FREQ={draw(st.sampled_from(['YEARLY', 'MONTHLY', 'WEEKLY', 'DAILY', 'HOURLY']))}"]
    names = draw(st.lists(st.sampled_from(sorted(PARTS)), unique=True, max_size=4))
    return ";".join([*parts, *(f"{name}={draw(PARTS[name])}" for name in sorted(names))])


STARTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(second=0, microsecond=0)
)


@calmly
@given(rule=rules(), starts=STARTS)
def test_a_rule_means_what_dateutil_says_it_means(rule: str, starts: datetime) -> None:
    found = list(islice(Recurrence(rule, read_rule(rule, where="r").arguments, starts).runs(), 12))
    if found:
        assert found == list(islice(rrulestr(rule, dtstart=starts), len(found)))


@calmly
@given(rule=rules(), starts=STARTS, place=st.integers(0, 9))
def test_counting_on_from_a_run_finds_the_same_runs(rule: str, starts: datetime, place: int) -> None:
    whole = Recurrence(rule, read_rule(rule, where="r").arguments, starts)
    found = list(islice(whole.runs(), 14))
    if len(found) > place + 1:
        after = list(islice(whole.runs(after=found[place]), len(found) - place - 1))
        assert after == found[place + 1 :]


@calmly
@given(
    rule=rules(), starts=STARTS, zone=st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", RECIPIENT, "Nowhere"])
)
def test_instants_go_forward(rule: str, starts: datetime, zone: str) -> None:
    runs = list(islice(Recurrence(rule, read_rule(rule, where="r").arguments, starts).due(zone), 30))
    assert all(later.at > earlier.at for earlier, later in pairwise(runs))


def test_a_run_whose_time_the_clocks_skip_comes_as_much_later() -> None:
    found = recurrence("FREQ=DAILY", datetime(2026, 3, 28, 2, 30))  # noqa: DTZ001
    runs = [f"{run.at:%d %H:%M}" for run in islice(found.due("Europe/Berlin"), 3)]
    assert runs == ["28 01:30", "29 01:30", "30 00:30"]


def test_two_runs_that_a_change_of_clocks_moves_together_are_one() -> None:
    found = recurrence("FREQ=HOURLY", datetime(2026, 3, 29, 1))  # noqa: DTZ001
    runs = [(run.wall.hour, run.at.hour) for run in islice(found.due("Europe/Berlin"), 4)]
    assert runs == [(1, 0), (2, 1), (4, 2), (5, 3)]


def test_an_hour_that_the_clocks_show_twice_has_one_run() -> None:
    found = recurrence("FREQ=HOURLY", datetime(2026, 10, 25, 1))  # noqa: DTZ001
    runs = [(run.wall.hour, f"{run.at:%d %H}") for run in islice(found.due("Europe/Berlin"), 3)]
    assert runs == [(1, "24 23"), (2, "25 00"), (3, "25 02")]


def test_recipients_runs_are_made_before_the_first_clocks_of_the_world_show_them() -> None:
    assert due_at(THURSDAY, RECIPIENT) == datetime(2026, 12, 23, 19, 45, tzinfo=UTC)


def test_what_is_stored_is_what_was_read() -> None:
    found = recurrence("FREQ=DAILY", count=9, exceptions=["2026-12-26", "2026-12-27T10:00", "2026-12-28T09:00"])
    left_out = [one.isoformat() for one in found.exceptions]
    again = stored_recurrence(rule=found.text, starts=found.starts, ends=found.ends, exceptions=left_out)
    assert again == found
    assert date(2026, 12, 26) in again.exceptions
    assert found.text == "FREQ=DAILY;COUNT=9"
    assert walls(again, 9) == [
        "2026-12-24T10:00",
        "2026-12-25T10:00",
        *(f"2026-12-{day}T10:00" for day in (28, 29, 30, 31)),
        "2027-01-01T10:00",
    ]
