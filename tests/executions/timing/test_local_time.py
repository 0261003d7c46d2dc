"""When people of a zone are due: tables of what clocks do, without a clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from executions.quiet_hours.hours import Hours
from executions.timing.local_time import LEEWAY, LocalTime, Start, start_in
from executions.timing.models import LocalPast

EARLY = datetime(2020, 1, 1, tzinfo=UTC)
AT_ONCE = ("ready", None, False)
LATE = ("ready", None, True)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def at(text: str) -> datetime:
    return wall(text).replace(tzinfo=UTC)


def local(
    text: str, past: LocalPast = LocalPast.SEND_NOW, *, began: datetime = EARLY, cut_off: str | None = None
) -> LocalTime:
    return LocalTime(wall(text), past, None if cut_off is None else wall(cut_off), began)


def said(start: Start) -> tuple[str, str | None, bool]:
    due = None if start.due is None else start.due.strftime("%Y-%m-%dT%H:%M")
    return start.wait, due, start.too_late


def started(
    asked: LocalTime, zone: str, *hours: Hours, cut_off_at: datetime | None = None
) -> tuple[str, str | None, bool]:
    return said(start_in(ZoneInfo(zone), began=asked.began, local=asked, cut_off_at=cut_off_at, hours=hours))


@pytest.mark.parametrize(
    ("hour", "zone", "expected"),
    [
        ("2026-11-24T10:00", "Pacific/Kiritimati", "2026-11-23T20:00"),
        ("2026-11-24T10:00", "Pacific/Pago_Pago", "2026-11-24T21:00"),
        ("2026-11-24T10:00", "Asia/Kolkata", "2026-11-24T04:30"),
        ("2026-11-24T10:00", "Asia/Kathmandu", "2026-11-24T04:15"),
        ("2026-11-24T10:00", "America/St_Johns", "2026-11-24T13:30"),
        # Before and after clocks go forward, in the gap, and back: the first of the two.
        ("2026-03-28T10:00", "Europe/Berlin", "2026-03-28T09:00"),
        ("2026-03-29T10:00", "Europe/Berlin", "2026-03-29T08:00"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30"),
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30"),
        ("2026-10-25T03:00", "Europe/Berlin", "2026-10-25T02:00"),
        ("2026-03-08T02:30", "America/New_York", "2026-03-08T07:30"),
        ("2026-11-01T01:30", "America/New_York", "2026-11-01T05:30"),
        # Lord Howe: half an hour is skipped, and half an hour is shown twice.
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:45"),
        ("2026-04-05T01:45", "Australia/Lord_Howe", "2026-04-04T14:45"),
        # Samoa once left out a whole day; leap days are days.
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-30T22:00"),
        ("2028-02-29T10:00", "Europe/Berlin", "2028-02-29T09:00"),
    ],
)
def test_the_hour_is_an_instant_in_each_zone(hour: str, zone: str, expected: str) -> None:
    asked = LocalTime(wall(hour), LocalPast.SKIP, None, datetime(2010, 1, 1, tzinfo=UTC))
    assert started(asked, zone) == ("local_time", expected, False)


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        (LocalPast.SEND_NOW, AT_ONCE),
        (LocalPast.SKIP, LATE),
        (LocalPast.NEXT_DAY, ("local_time", "2026-11-24T20:00", False)),
    ],
)
def test_a_zone_whose_hour_is_past(past: LocalPast, expected: tuple[str, str | None, bool]) -> None:
    asked = local("2026-11-24T10:00", past, began=at("2026-11-24T02:00"))
    assert started(asked, "Pacific/Kiritimati") == expected
    assert started(asked, "Asia/Kolkata") == ("local_time", "2026-11-24T04:30", False)


@pytest.mark.parametrize("past", list(LocalPast))
def test_the_first_zone_of_the_world_is_not_late_for_a_planner_that_is(past: LocalPast) -> None:
    hour = at("2026-11-23T20:00")
    assert started(local("2026-11-24T10:00", past, began=hour + LEEWAY), "Pacific/Kiritimati") == AT_ONCE


def test_the_next_day_may_be_the_day_after_that_and_keeps_to_the_wall() -> None:
    asked = local("2026-03-27T02:30", LocalPast.NEXT_DAY, began=at("2026-03-28T12:00"))
    assert started(asked, "Europe/Berlin") == ("local_time", "2026-03-29T01:30", False)


@pytest.mark.parametrize(
    ("past", "cut_off", "ends"),
    [
        (LocalPast.SEND_NOW, "2026-11-24T18:00", "2026-11-24T04:00"),
        (LocalPast.NEXT_DAY, "2026-11-24T18:00", "2026-11-25T04:00"),
        (LocalPast.SEND_NOW, None, None),
    ],
)
def test_a_local_cut_off_moves_with_an_hour_that_moved(past: LocalPast, cut_off: str | None, ends: str | None) -> None:
    hour = local("2026-11-24T10:00", past, began=at("2026-11-24T02:00"), cut_off=cut_off).hour(
        ZoneInfo("Pacific/Kiritimati")
    )
    assert hour.ends == (None if ends is None else at(ends))


def test_whoever_is_due_after_a_cut_off_is_too_late_already() -> None:
    asked = local("2026-11-24T10:00")
    assert started(asked, "America/New_York", cut_off_at=at("2026-11-24T15:00")) == LATE
    assert started(asked, "America/New_York", cut_off_at=at("2026-11-24T15:01"))[0] == "local_time"
    late = local("2026-11-24T10:00", began=at("2026-11-24T02:00"), cut_off="2026-11-24T12:00")
    assert started(late, "Pacific/Kiritimati") == LATE


def test_an_hour_in_quiet_hours_that_hold_waits_for_their_end() -> None:
    night = Hours(22 * 60, 8 * 60)
    asked = local("2026-11-24T23:00")
    assert started(asked, "Asia/Kolkata", night) == ("quiet_hours", "2026-11-25T02:30", False)
    assert started(asked, "Asia/Kolkata", night._replace(hold=False)) == ("local_time", "2026-11-24T17:30", False)


@pytest.mark.parametrize(
    ("cut_off", "expected"), [("08:01", ("quiet_hours", "2026-11-25T02:30", False)), ("08:00", LATE)]
)
def test_quiet_hours_that_hold_until_after_the_cut_off_leave_no_time(
    cut_off: str, expected: tuple[str, str | None, bool]
) -> None:
    night = Hours(22 * 60, 8 * 60)
    asked = local("2026-11-24T23:00", cut_off=f"2026-11-25T{cut_off}")
    assert started(asked, "Asia/Kolkata", night) == expected
    instant = at("2026-11-25T02:30" if expected == LATE else "2026-11-25T02:31")
    at_once = start_in(
        ZoneInfo("Asia/Kolkata"), began=at("2026-11-24T17:30"), local=None, cut_off_at=instant, hours=[night]
    )
    assert said(at_once) == expected


def test_without_an_hour_whoever_is_in_quiet_hours_waits_and_all_others_go() -> None:
    night = Hours(22 * 60, 8 * 60)
    began = at("2026-11-23T20:00")
    starts = {
        zone: said(start_in(ZoneInfo(zone), began=began, local=None, cut_off_at=None, hours=[night]))
        for zone in ("Asia/Kolkata", "Europe/Berlin")
    }
    assert starts == {"Asia/Kolkata": ("quiet_hours", "2026-11-24T02:30", False), "Europe/Berlin": AT_ONCE}
