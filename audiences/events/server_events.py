"""Events that a customer's own server sends: who, what, when. One bad event keeps no other from being recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction

from audiences.bad_value import BadValue, shown
from audiences.contact_rows import parse_moment
from audiences.events.content import message_key, parse_id, parse_name, parse_properties, refuse_time
from audiences.events.models import EventSource
from audiences.events.persons import PersonRow, parse_person, resolve
from audiences.events.recording import NewEvent, database_now, record
from audiences.upsert import Rejection
from workspaces.models import App

MAX_EVENTS = 10_000
_PERSON = ("external_id", "email", "phone")
FIELDS = frozenset({"name", *_PERSON, "app_id", "at", "message_id", "properties"})


@dataclass(slots=True)
class EventsReport:
    """Every event is counted once."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejection] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Given:
    index: int
    person: PersonRow | None
    event: NewEvent


@transaction.atomic(savepoint=False)
def accept_events(
    *, workspace_id: int, rows: Sequence[Any], create_missing: bool = True, prefix: str = "events"
) -> EventsReport:
    """Records what servers report. An event without a person is one of the business.

    `prefix` names the list in the fields of rejections; with an empty one they are relative to the event.
    """
    now = database_now()
    report = EventsReport()
    given = _parse(workspace_id, rows, now, report, prefix)
    persons = [one.person for one in given if one.person is not None]
    contacts = resolve(workspace_id=workspace_id, persons=persons, create_missing=create_missing) if persons else {}
    events = []
    for one in given:
        if one.person is not None:
            one.event.contact_id = contacts.get(one.person.key)
            if one.event.contact_id is None:
                report.rejected.append(_rejection(one.index, _unknown(one.person), prefix))
                continue
        events.append(one.event)
    report.accepted = len(record(workspace_id=workspace_id, events=events, now=now))
    report.duplicates = len(events) - report.accepted
    report.rejected.sort(key=lambda rejection: rejection.index)
    return report


def _parse(workspace_id: int, rows: Sequence[Any], now: datetime, report: EventsReport, prefix: str) -> list[_Given]:
    apps = _apps(workspace_id) if any(isinstance(row, dict) and row.get("app_id") for row in rows) else {}
    parsed = []
    for index, row in enumerate(rows):
        try:
            parsed.append(_parse_event(index, row, apps, now))
        except BadValue as error:
            report.rejected.append(_rejection(index, error, prefix))
    return parsed


def _apps(workspace_id: int) -> dict[str, int]:
    return dict(App.objects.filter(workspace_id=workspace_id).values_list("app_id", "pk"))


def _parse_event(index: int, row: object, apps: Mapping[str, int], now: datetime) -> _Given:
    if not isinstance(row, dict):
        raise BadValue("wrong_type", "An event must be an object.")
    if not row.keys() <= FIELDS:
        unknown = min(map(str, row.keys() - FIELDS))
        raise BadValue("unknown_field", f"An event has no field {shown(unknown)}.", field=unknown[:100])
    message_id = parse_id(row.get("message_id"), field="message_id") or str(uuid4())
    event = NewEvent(
        source=EventSource.SERVER.value,
        name=parse_name(row.get("name")),
        at=_parse_at(row.get("at"), now),
        message_id=message_id,
        message_key=message_key(app_id=None, message_id=message_id),
        app_id=_parse_app(row.get("app_id"), apps),
        properties=parse_properties(row.get("properties")),
    )
    return _Given(index, _parse_person(index, row), event)


def _parse_person(index: int, row: Mapping[str, Any]) -> PersonRow | None:
    named = {name: row[name] for name in _PERSON if row.get(name) is not None}
    return parse_person(index, named) if named else None


def _parse_at(value: object, now: datetime) -> datetime:
    if value is None:
        return now
    try:
        at = parse_moment(value, name="at") or now
    except BadValue as error:
        error.field = "at"
        raise
    refuse_time(at, now=now, kept=timedelta(days=settings.EVENT_RETENTION_DAYS))
    return at


def _parse_app(value: object, apps: Mapping[str, int]) -> int | None:
    app_id = parse_id(value, field="app_id")
    if app_id is None:
        return None
    if app_id not in apps:
        raise BadValue("not_found", f"This workspace has no app {shown(app_id)}.", field="app_id")
    return apps[app_id]


def _unknown(person: PersonRow) -> BadValue:
    field = next(name for name in _PERSON if name in person.row)
    return BadValue("not_found", "This workspace has no such contact, and create_missing is false.", field=field)


def _rejection(index: int, error: BadValue, prefix: str) -> Rejection:
    place = f"{prefix}[{index}]" if prefix else ""
    joined = f"{place}.{error.field}" if place and error.field else place or error.field
    return Rejection(index=index, field=joined, code=error.code, message=error.message)
