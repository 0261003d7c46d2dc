"""Quiet hours on wall clocks, at any instant: a table for each thing that clocks do."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from executions.quiet_hours.hours import EVERY_DAY, Hours, Quiet, never_end, quiet_at

NIGHT = Hours(22 * 60, 8 * 60)
SKIPPED = "skipped"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def said(text: str, zone: str, *hours: Hours) -> str | None:
    """The end as the instant is written, `skipped`, or None where it is not quiet."""
    quiet = quiet_at(at(text), ZoneInfo(zone), hours)
    if quiet is None:
        return None
    return SKIPPED if quiet.until is None else quiet.until.strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2026-11-23T20:59", "Europe/Berlin", None),
        ("2026-11-23T21:00", "Europe/Berlin", "2026-11-24T07:00"),
        ("2026-11-24T06:59:59", "Europe/Berlin", "2026-11-24T07:00"),
        ("2026-11-24T07:00", "Europe/Berlin", None),
        # +14 and -11: the same instant, a day apart on their walls.
        ("2026-11-23T10:00", "Pacific/Kiritimati", "2026-11-23T18:00"),
        ("2026-11-23T10:00", "Pacific/Pago_Pago", "2026-11-23T19:00"),
        ("2026-11-23T20:00", "Pacific/Kiritimati", None),
        # Half and quarter hours.
        ("2026-11-23T16:29", "Asia/Kolkata", None),
        ("2026-11-23T16:30", "Asia/Kolkata", "2026-11-24T02:30"),
        ("2026-11-23T16:14", "Asia/Kathmandu", None),
        ("2026-11-23T16:15", "Asia/Kathmandu", "2026-11-24T02:15"),
        # The night in which clocks go forward is an hour shorter, and back an hour longer.
        ("2026-03-28T21:00", "Europe/Berlin", "2026-03-29T06:00"),
        ("2026-10-24T20:00", "Europe/Berlin", "2026-10-25T07:00"),
        # Lord Howe moves by half an hour: +11 in summer, +10:30 in winter.
        ("2026-04-04T11:00", "Australia/Lord_Howe", "2026-04-04T21:30"),
        ("2026-10-03T11:30", "Australia/Lord_Howe", "2026-10-03T21:00"),
        # Into and out of a leap day.
        ("2028-02-28T23:00", "UTC", "2028-02-29T08:00"),
        ("2028-02-29T22:00", "UTC", "2028-03-01T08:00"),
    ],
)
def test_a_night_ends_by_the_clock_of_the_zone(now: str, zone: str, expected: str | None) -> None:
    assert said(now, zone, NIGHT) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-29T00:30", "2026-03-29T01:30"),  # 02:30 is skipped: as much later as the gap is long
        ("2026-03-29T01:10", None),  # their clocks show 03:10
        ("2026-10-25T00:10", "2026-10-25T00:30"),  # the first 02:10
        ("2026-10-25T00:45", None),  # the first 02:45
        ("2026-10-25T01:10", "2026-10-25T01:30"),  # the second 02:10: it is quiet again
        ("2026-10-25T01:30", None),
    ],
)
def test_an_end_that_the_clocks_skip_or_show_twice(now: str, expected: str | None) -> None:
    assert said(now, "Europe/Berlin", Hours(60, 2 * 60 + 30)) == expected


def test_a_stretch_belongs_to_the_day_on_which_it_begins() -> None:
    friday = Hours(22 * 60, 8 * 60, frozenset({5}))
    assert said("2026-11-27T23:00", "UTC", friday) == "2026-11-28T08:00"
    assert said("2026-11-28T07:59", "UTC", friday) == "2026-11-28T08:00"
    assert said("2026-11-28T23:00", "UTC", friday) is None
    assert said("2026-11-27T07:00", "UTC", friday) is None


def test_stretches_that_follow_each_other_are_one() -> None:
    noon = Hours(8 * 60, 12 * 60, frozenset({2}))
    weekend = Hours(0, 23 * 60 + 59, frozenset({6, 7}))
    assert said("2026-11-23T23:00", "UTC", NIGHT, noon) == "2026-11-24T12:00"
    assert said("2026-11-24T23:00", "UTC", NIGHT, noon) == "2026-11-25T08:00"
    assert said("2026-11-27T22:00", "UTC", NIGHT, weekend) == "2026-11-30T08:00"


def test_whoever_is_in_hours_that_skip_is_skipped() -> None:
    skips = Hours(2 * 60, 3 * 60, hold=False)
    assert said("2026-11-24T02:30", "UTC", NIGHT, skips) == SKIPPED
    assert said("2026-11-24T03:30", "UTC", NIGHT, skips) == "2026-11-24T08:00"
    assert quiet_at(at("2026-11-24T02:30"), ZoneInfo("UTC"), [NIGHT, skips]) == Quiet(None, 1)


def test_without_quiet_hours_it_is_never_quiet() -> None:
    assert said("2026-11-24T02:30", "UTC") is None


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ([NIGHT], False),
        ([Hours(0, 720), Hours(720, 0)], True),
        ([Hours(0, 720), Hours(721, 0)], False),
        ([NIGHT, Hours(8 * 60, 22 * 60, EVERY_DAY - {7})], False),
        ([NIGHT, Hours(8 * 60, 22 * 60, EVERY_DAY - {7}), Hours(7 * 60, 23 * 60, frozenset({7}))], True),
        ([], False),
    ],
)
def test_it_is_known_when_no_minute_of_the_week_is_left(hours: list[Hours], expected: bool) -> None:
    assert never_end(hours) is expected
