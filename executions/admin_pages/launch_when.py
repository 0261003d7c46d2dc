"""When a launch is to be, as a person chose it on the launch screen, in the words that the API takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from django.http import QueryDict

from executions.timing.models import LocalPast
from executions.timing.recurrence import RECIPIENT
from executions.timing.rrule_text import LONGEST

NOW, LATER, RECURRING = "now", "later", "recurring"
REPEATS = (("DAILY", "Every day"), ("WEEKLY", "Every week"), ("MONTHLY", "Every month"), ("rule", "By a rule…"))
WEEKDAYS = (("MO", "Mon"), ("TU", "Tue"), ("WE", "Wed"), ("TH", "Thu"), ("FR", "Fri"), ("SA", "Sat"), ("SU", "Sun"))
# The part of the screen at which an error of a field is shown.
_PLACES = {"scheduled_for": "scheduled_for", "schedule.at": "scheduled_for", "cut_off": "cut_off"} | {
    "schedule.timezone": "timezone",
    "schedule.when_past": "timezone",
    "schedule": "repeat",
}
_EXCEPTIONS_LENGTH = 10_000


@dataclass(slots=True)
class When:
    """As typed, so that the screen can show it again beside what is wrong with it."""

    kind: str = NOW
    at: str = ""
    clock: str = "zone"
    timezone: str = ""
    when_past: str = LocalPast.NEXT_DAY.value
    repeat: str = "WEEKLY"
    weekdays: list[str] = field(default_factory=list)
    rrule: str = ""
    until: str = ""
    count: str = ""
    exceptions: str = ""
    cut_off: str = ""
    cut_off_hours: str = ""
    cut_off_at: str = ""
    cut_off_time: str = ""

    @property
    def recipient(self) -> bool:
        return self.clock == RECIPIENT

    def schedule(self) -> dict[str, Any] | None:
        if self.kind not in (LATER, RECURRING):
            return None
        zone = RECIPIENT if self.recipient else self.timezone or None
        given: dict[str, Any] = {"at": self.at or None, "timezone": zone}
        if self.recipient:
            given["when_past"] = self.when_past
        if self.kind == RECURRING:
            given.update(self._repeating())
        return given

    def _repeating(self) -> dict[str, Any]:
        given: dict[str, Any] = {"rrule": self.rule()}
        if self.until:
            given["until"] = self.until
        if self.count:
            given["count"] = _whole(self.count)
        if left_out := self.exceptions.replace(",", " ").split():
            given["exceptions"] = left_out
        return given

    def rule(self) -> str:
        if self.repeat == "rule":
            return self.rrule
        days = f";BYDAY={','.join(self.weekdays)}" if self.repeat == "WEEKLY" and self.weekdays else ""
        return f"FREQ={self.repeat}{days}"

    def stop(self) -> dict[str, Any] | None:
        """The cut-off."""
        match self.cut_off:
            case "after":
                return {"after_seconds": _seconds(self.cut_off_hours)}
            case "at":
                return {"at": self.cut_off_at}
            case "time":
                return {"local_time": self.cut_off_time}
        return None


def read_when(typed: QueryDict) -> When:
    def text(name: str, length: int = 64) -> str:
        return typed.get(name, "").replace("\0", "").strip()[:length]

    return When(
        kind=text("when"),
        at=text("scheduled_for"),
        clock=text("clock"),
        timezone=text("timezone"),
        when_past=text("when_past"),
        repeat=text("repeat"),
        weekdays=[day for day, _ in WEEKDAYS if day in typed.getlist("weekday")],
        rrule=text("rrule", LONGEST + 1),
        until=text("until"),
        count=text("count"),
        exceptions=text("exceptions", _EXCEPTIONS_LENGTH),
        cut_off=text("cut_off"),
        cut_off_hours=text("cut_off_hours"),
        cut_off_at=text("cut_off_at"),
        cut_off_time=text("cut_off_time"),
    )


def place_of(field: str) -> str | None:
    """None for a field that has nothing to do with time."""
    if field in _PLACES:
        return _PLACES[field]
    return _PLACES.get(field.partition(".")[0].partition("[")[0])


def in_words(review: Mapping[str, Any]) -> dict[str, Any]:
    """Of a dry run: when it starts, who is due when, what becomes of those whose time is past, and when it stops."""
    schedule, cut_off = review.get("schedule"), review.get("cut_off")
    words: dict[str, Any] = {"starts": "", "people": [], "next_runs": [], "stops": ""}
    if cut_off:
        zone = "each recipient's local time" if cut_off["timezone"] == RECIPIENT else cut_off["timezone"]
        words["stops"] = f"Nobody is sent to from {_minute(cut_off['at'])} on in {zone}."
    if schedule is None:
        return words
    people = [{**row, "words": _BECOMES[row["becomes"]]} for row in schedule["people"]]
    if schedule["timezone"] == RECIPIENT:
        words["people"] = people
    elif people and not schedule["next_runs"]:
        instant = f" ({_minute(people[0]['at'])} UTC)" if schedule["timezone"] != "UTC" else ""
        words["starts"] = f"Starts at {_minute(schedule['at'])} in {schedule['timezone']}{instant}."
    return {**words, "next_runs": schedule["next_runs"]}


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


_BECOMES = {
    "on_time": "at their time",
    "now": "at once, as their time is past",
    "next_day": "at that time of the next day, as today's is past",
    "skipped": "left out, as their time is past or the cut-off is before it",
}


def _whole(text: str) -> Any:
    return int(text) if text.isascii() and text.isdigit() else text


def _seconds(hours: str) -> Any:
    try:
        number = float(hours)
    except ValueError:
        return hours
    return round(number * 3600) if isfinite(number) and abs(number) < 1e6 else hours
