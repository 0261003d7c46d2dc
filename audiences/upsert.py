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
from audiences.people_writing import Joining, join_lists, join_upload, write_people
from audiences.personalization import FIELD, split_personalization
from audiences.rights.erased import share_lock
from audiences.rights.models import Way
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
    """Every row is counted once. `contact_ids` is aligned with the rows: None where one was refused.

    `duplicates` are the rows about somebody who was in the upload already; `personalized` tells whether any of the
    rows had personalization.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    personalized: bool = False
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
    way: Way = Way.API,
) -> UpsertReport:
    """Creates and updates contacts in one transaction; a row that can't be used is reported and harms no other.

    A row names its person by external_id, else by email, phone or device token. Rows that name the same person
    are applied in order. `list_ids` and `upload_id` must belong to the workspace. With an empty `field_prefix`
    the field of a rejection is relative to its row. A row of an upload may have `personalization`: of several rows
    about a person the last one's counts. `way` is kept with consents that change.
    """
    parsed = _parse(workspace_id, rows, field_prefix, personalized=upload_id is not None)
    for left in reversed(range(_TRIES)):
        people = People(temporary=temporary, create_missing=create_missing, attributes_mode=attributes_mode)
        try:
            with transaction.atomic():
                share_lock(workspace_id)
                lock_names(workspace_id, parsed.rows)
                read_people(workspace_id, parsed.rows, people)
                report, persons = _apply(people, parsed.rows, len(rows), field_prefix)
                write_people(workspace_id, people, way if upload_id is None else Way.UPLOAD)
                report.contact_ids = [person.id if person else None for person in persons]
                joining = _joining(people, persons)
                join_lists(workspace_id=workspace_id, list_ids=list_ids, joining=joining)
                if upload_id is not None:
                    _join_upload(workspace_id, upload_id, joining, parsed, report)
            report.rejected = sorted([*parsed.rejected, *report.rejected], key=lambda one: one.index)
            return report
        except (IntegrityError, OperationalError) as error:
            # Somebody made the same contact, or locked an address, by another way than an upsert.
            if not left or not isinstance(error.__cause__, errors.IntegrityError | errors.DeadlockDetected):
                raise
        finally:
            people.part()
    raise AssertionError("unreachable")


@dataclass(slots=True)
class _Parsed:
    """`personalization` is JSON by the index of its row."""

    rows: list[ContactRow] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    personalization: dict[int, str] = field(default_factory=dict)


def _parse(workspace_id: int, rows: Sequence[Any], prefix: str, *, personalized: bool) -> _Parsed:
    apps: Mapping[str, int] = dict(App.objects.filter(workspace_id=workspace_id).values_list("app_id", "pk"))
    parsed = _Parsed()
    for index, row in enumerate(rows):
        try:
            if personalized and isinstance(row, dict) and FIELD in row:
                row, said = split_personalization(row)
                if said is not None:
                    parsed.personalization[index] = said
            parsed.rows.append(parse_row(index, row, apps))
        except BadValue as error:
            parsed.rejected.append(_rejection(index, error, prefix))
    return parsed


def _joining(people: People, persons: Sequence[Person | None]) -> Joining:
    """Whom the rows were about: those made just now are no members of anything yet."""
    named = {person.id for person in persons if person is not None and person.id is not None}
    new = sorted(person.id for person in people.created if person.id is not None)
    return Joining(new, sorted(named.difference(new)))


def _join_upload(workspace_id: int, upload_id: int, joining: Joining, parsed: _Parsed, report: UpsertReport) -> None:
    said: dict[int, str | None] = {}
    if parsed.personalization:
        said = {pk: parsed.personalization.get(i) for i, pk in enumerate(report.contact_ids) if pk is not None}
    joined = join_upload(workspace_id=workspace_id, upload_id=upload_id, joining=joining, personalization=said)
    report.duplicates = report.created + report.updated + report.unchanged - joined
    report.personalized = any(said.values())


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
