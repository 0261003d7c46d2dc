"""The one way in for contacts: the API, imports and inline audiences all upsert here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db import IntegrityError, OperationalError, transaction
from psycopg import errors

from audiences.bad_value import BadValue
from audiences.contact_rows import ContactRow, parse_row
from audiences.people import People, Person, Verdict
from audiences.people_reading import lock_names, read_people
from audiences.people_writing import write_memberships, write_people
from workspaces.models import App

MAX_ROWS = 10_000
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why row `index` was refused. `field` names it in the request: `contacts[2].email`."""

    index: int
    field: str
    code: str
    message: str

    def as_wire(self) -> dict[str, Any]:
        return {"index": self.index, "field": self.field, "code": self.code, "message": self.message}


@dataclass(slots=True)
class UpsertReport:
    """Every row is counted once. `contact_ids` is aligned with the rows: None where one was refused."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    contact_ids: list[int | None] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


def upsert_contacts(
    *,
    workspace_id: int,
    rows: Sequence[Any],
    attributes_mode: Literal["merge", "replace"] = "merge",
    list_ids: Sequence[int] = (),
    upload_id: int | None = None,
    temporary: bool = False,
    create_missing: bool = True,
    field_prefix: str = "contacts",
) -> UpsertReport:
    """Creates and updates contacts in one transaction; a row that can't be used is reported and harms no other.

    A row names its person by external_id, else by email, phone or device token. Rows that name the same person
    are applied in order. `list_ids` and `upload_id` must belong to the workspace. With an empty `field_prefix`
    the field of a rejection is relative to its row.
    """
    parsed, rejected = _parse(workspace_id, rows, field_prefix)
    for left in reversed(range(_TRIES)):
        people = People(temporary=temporary, create_missing=create_missing, attributes_mode=attributes_mode)
        try:
            with transaction.atomic():
                lock_names(workspace_id, parsed)
                read_people(workspace_id, parsed, people)
                report, persons = _apply(people, parsed, len(rows), field_prefix)
                write_people(workspace_id, people)
                report.contact_ids = [person.id if person else None for person in persons]
                named = {person.id for person in persons if person is not None and person.id is not None}
                write_memberships(workspace_id=workspace_id, contact_ids=named, list_ids=list_ids, upload_id=upload_id)
            report.rejected = sorted([*rejected, *report.rejected], key=lambda one: one.index)
            return report
        except (IntegrityError, OperationalError) as error:
            # Somebody made the same contact, or locked an address, by another way than an upsert.
            if not left or not isinstance(error.__cause__, errors.IntegrityError | errors.DeadlockDetected):
                raise
    raise AssertionError("unreachable")


def _parse(workspace_id: int, rows: Sequence[Any], prefix: str) -> tuple[list[ContactRow], list[Rejection]]:
    apps: Mapping[str, int] = dict(App.objects.filter(workspace_id=workspace_id).values_list("app_id", "pk"))
    parsed, rejected = [], []
    for index, row in enumerate(rows):
        try:
            parsed.append(parse_row(index, row, apps))
        except BadValue as error:
            rejected.append(_rejection(index, error, prefix))
    return parsed, rejected


def _apply(
    people: People, parsed: Sequence[ContactRow], size: int, prefix: str
) -> tuple[UpsertReport, list[Person | None]]:
    report = UpsertReport()
    persons: list[Person | None] = [None] * size
    counts = dict.fromkeys(Verdict, 0)
    for row in parsed:
        try:
            persons[row.index], verdict = people.apply(row)
        except BadValue as error:
            report.rejected.append(_rejection(row.index, error, prefix))
            continue
        counts[verdict] += 1
    report.created, report.updated = counts[Verdict.CREATED], counts[Verdict.UPDATED]
    report.unchanged = counts[Verdict.UNCHANGED]
    return report, persons


def _rejection(index: int, error: BadValue, prefix: str) -> Rejection:
    place = f"{prefix}[{index}]" if prefix else ""
    joined = f"{place}.{error.field}" if place and error.field else place or error.field
    return Rejection(index=index, field=joined, code=error.code, message=error.message)
