"""A person's rows of the ledger. It has no index by contact, and needs none for this: its key begins with the
execution, so each execution of the workspace is asked by key, a thousand executions at a time."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

EXECUTIONS_AT_ONCE = 1000


def execution_pages(workspace_id: int) -> Iterator[tuple[int, int]]:
    """Ids of executions as bounds: after < id ≤ until."""
    after = 0
    while True:
        [(until,)] = _rows(_NEXT, [workspace_id, after, EXECUTIONS_AT_ONCE])
        if until is None:
            return
        yield after, until
        after = until


def read_ledger(sql: str, *, workspace_id: int, contact_ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Runs one of the queries below for every page; rows by column name."""
    for after, until in execution_pages(workspace_id):
        given: dict[str, Any] = {
            "workspace": workspace_id,
            "after": after,
            "until": until,
            "contacts": list(contact_ids),
        }
        with connection.cursor() as cursor:
            cursor.execute(sql, {**given, "after": after, "until": until})
            names = [column.name for column in cursor.description]
            yield from (dict(zip(names, row, strict=True)) for row in cursor.fetchall())


def _rows(sql: str, parameters: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[Any] = cursor.fetchall()
    return found


_NEXT = """
SELECT max(id) FROM (
    SELECT id FROM executions_execution WHERE workspace_id = %s AND id > %s ORDER BY id LIMIT %s
) next
"""
# OFFSET 0 keeps the planner from anything but the key: a hash join would read the ledger whole.
_OF_PAGE = """
FROM (
    SELECT * FROM executions_execution
    WHERE workspace_id = %(workspace)s AND id > %(after)s AND id <= %(until)s ORDER BY id OFFSET 0
) e
"""
DELIVERIES = f"""
SELECT d.*, e.campaign_id, e.campaign_name, e.type, v.template_id, v.number AS template_version
{_OF_PAGE}
JOIN templates_registry_templateversion v ON v.id = e.template_version_id
CROSS JOIN LATERAL (
    SELECT * FROM executions_delivery
    WHERE launched_on = e.launched_on AND execution_id = e.id AND contact_id = ANY(%(contacts)s) OFFSET 0
) d
"""  # noqa: S608
RECEIPTS = f"""
SELECT d.*
{_OF_PAGE}
CROSS JOIN LATERAL (
    SELECT * FROM executions_receipt
    WHERE launched_on = e.launched_on AND execution_id = e.id AND contact_id = ANY(%(contacts)s) OFFSET 0
) d
"""  # noqa: S608
RECIPIENT_DATA = f"""
SELECT d.*, e.campaign_id
{_OF_PAGE}
CROSS JOIN LATERAL (
    SELECT * FROM executions_recipientdata WHERE execution_id = e.id AND contact_id = ANY(%(contacts)s) OFFSET 0
) d
"""  # noqa: S608
