"""Reads segments, and who is in them. Every question is scoped to a workspace and bounded in time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from psycopg.errors import QueryCanceled
from psycopg.sql import SQL, Composable, Literal

from audiences.models import Contact, Segment
from audiences.segments.compiling import rule_sql
from audiences.segments.periods import Moment
from common.errors import DomainError, NotFound

SECONDS = 10
SAMPLE = 10
NO_SUCH_SEGMENT = "This workspace has no such segment."


class TooSlow(DomainError):
    status, code, title = 422, "too_slow", "The question takes too long."


@dataclass(frozen=True, slots=True)
class Preview:
    """`sample` is up to ten of those who fit, in no order that means anything."""

    count: int
    sample: Sequence[Contact]
    computed_at: datetime


def segments_of(*, workspace_id: int, q: str | None = None) -> QuerySet[Segment]:
    found = Segment.objects.filter(workspace_id=workspace_id)
    return found.filter(name__icontains=q) if q else found


def get_segment(*, segment_id: int, workspace_id: int) -> Segment:
    """Raises `NotFound` outside the workspace."""
    found = segments_of(workspace_id=workspace_id).filter(pk=segment_id).first()
    if found is None:
        raise NotFound(NO_SUCH_SEGMENT)
    return found


def moment_of(workspace_id: int) -> Moment:
    """Now, by PostgreSQL's clock, in the workspace's zone; in UTC where nobody knows that zone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp(), timezone FROM workspaces_workspace WHERE id = %s", [workspace_id])
        now, zone = cursor.fetchone()
    return Moment(now, zone if _is_zone(zone) else "UTC")


@cache
def _is_zone(name: str) -> bool:
    """PostgreSQL reads every file of its zones to answer this, so each is asked about once."""
    if name not in available_timezones():
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = %s)", [name])
        return bool(cursor.fetchone()[0])


@dataclass(frozen=True, slots=True)
class Count:
    count: int
    computed_at: datetime


def count_segment(*, workspace_id: int, rule: Mapping[str, Any]) -> Count:
    """How many contacts fit a rule now. Raises `TooSlow`."""
    moment = moment_of(workspace_id)
    condition = rule_sql(rule, workspace_id=workspace_id, moment=moment)
    with bounded() as cursor:
        return Count(_count(cursor, workspace_id, condition), moment.now)


def preview_segment(*, workspace_id: int, rule: Mapping[str, Any]) -> Preview:
    """Raises `TooSlow`."""
    moment = moment_of(workspace_id)
    condition = rule_sql(rule, workspace_id=workspace_id, moment=moment)
    with bounded() as cursor:
        count = _count(cursor, workspace_id, condition)
        ids = _some(cursor, workspace_id, condition) if count else []
    sample = Contact.objects.filter(workspace_id=workspace_id, pk__in=ids).order_by("pk")
    return Preview(count, list(sample), moment.now)


def _some(cursor: Any, workspace_id: int, condition: Composable) -> list[int]:
    """In no order: that would mean to find all of them again."""
    cursor.execute(
        SQL("SELECT c.id FROM audiences_contact c WHERE c.workspace_id = {} AND {} LIMIT {}").format(
            Literal(workspace_id), condition, Literal(SAMPLE)
        )
    )
    return [row[0] for row in cursor.fetchall()]


def _count(cursor: Any, workspace_id: int, condition: Composable) -> int:
    cursor.execute(
        SQL("SELECT count(*) FROM audiences_contact c WHERE c.workspace_id = {} AND {}").format(
            Literal(workspace_id), condition
        )
    )
    return int(cursor.fetchone()[0])


@contextmanager
def bounded() -> Iterator[Any]:
    """Settings of one transaction: sets of a million are hashed in memory, nothing is compiled, and there is an end.
    Raises `TooSlow` after it."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{SECONDS}s'; {FOR_SETS}")
            yield cursor
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        hint = "Narrow it: name fewer events, a shorter window, or a list to begin with."
        raise TooSlow(f"Finding who fits took more than {SECONDS} seconds, so it was stopped. {hint}") from None


# What a statement over a whole workspace runs best with; of its transaction only.
FOR_SETS = "SET LOCAL work_mem = '64MB'; SET LOCAL jit = off"
