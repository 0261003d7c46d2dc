"""Wall clocks and instants: gaps, doubles, the ends of the world's day, and names of zones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.wall_clock import EARLIEST_ZONE, LATEST_ZONE, instant_of, near_names, wall_of, zone_named, zone_names

NO_PLACES = ["localtime", "Factory", "posixrules", "posix/Europe/Berlin", "GMT+14", "tzdata.zi"]
SOME_ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "America/St_Johns",
    EARLIEST_ZONE,
    LATEST_ZONE,
]
calmly = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
WALLS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        ("Europe/Berlin", "2026-12-24T10:00", "2026-12-24T09:00"),
        ("Europe/Berlin", "2026-03-29T01:59", "2026-03-29T00:59"),
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:30"),  # skipped: as much later as the gap is long
        ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"),  # shown twice: the first
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:30"),
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:45"),  # a gap of half an hour
        ("America/Sao_Paulo", "2018-11-04T00:00", "2018-11-04T03:00"),  # midnight itself was skipped
        ("Pacific/Apia", "2011-12-30T10:00", "2011-12-30T20:00"),  # a day that Samoa never had
        ("Pacific/Kiritimati", "2026-12-24T10:00", "2026-12-23T20:00"),
        ("Pacific/Pago_Pago", "2026-12-24T10:00", "2026-12-24T21:00"),
        ("Asia/Kathmandu", "2028-02-29T00:00", "2028-02-28T18:15"),
        ("UTC", "2026-12-31T23:59:59", "2026-12-31T23:59:59"),
    ],
)
def test_a_wall_clocks_time_is_one_instant(zone: str, wall: str, instant: str) -> None:
    assert instant_of(datetime.fromisoformat(wall), ZoneInfo(zone)) == datetime.fromisoformat(instant).replace(
        tzinfo=UTC
    )


@calmly
@given(wall=WALLS, zone=st.sampled_from(SOME_ZONES))
def test_the_clock_shows_the_time_then_or_has_skipped_it(wall: datetime, zone: str) -> None:
    shown = wall_of(instant_of(wall, ZoneInfo(zone)), ZoneInfo(zone))
    assert shown == wall or timedelta(0) < shown - wall <= timedelta(days=1)


@calmly
@given(wall=WALLS, zone=st.sampled_from(SOME_ZONES))
def test_no_earlier_instant_shows_the_same_time(wall: datetime, zone: str) -> None:
    found, place = instant_of(wall, ZoneInfo(zone)), ZoneInfo(zone)
    shown = wall_of(found, place)
    assert all(wall_of(found - timedelta(minutes=15 * quarter), place) != shown for quarter in range(1, 13))


@calmly
@given(wall=WALLS, zone=st.sampled_from(sorted(zone_names())))
def test_no_zone_is_before_the_first_or_after_the_last(wall: datetime, zone: str) -> None:
    first, last = (instant_of(wall, ZoneInfo(name)) for name in (EARLIEST_ZONE, LATEST_ZONE))
    gap = timedelta(hours=1)
    assert first <= instant_of(wall, ZoneInfo(zone)) <= last + gap


def test_names_are_known_as_they_are_written() -> None:
    assert zone_named("Europe/Berlin") == ZoneInfo("Europe/Berlin")
    for unknown in (
        "",
        "europe/berlin",
        "Mars/Olympus",
        "../etc/passwd",
        "/etc/localtime",
        "x\0",
        "A" * 5000,
        *NO_PLACES,
    ):
        assert zone_named(unknown) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("america/sao_paulo", "America/Sao_Paulo"),
        ("Asia/Kolkatta", "Asia/Kolkata"),
    ],
)
def test_names_that_are_nearly_right_are_told(typed: str, meant: str) -> None:
    assert meant in near_names(typed)
    assert near_names("x" * 10_000) == []
