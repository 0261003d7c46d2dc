"""Reads the ledger of one execution: who was sent to, who was not, and why."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.db import connection
from psycopg.sql import SQL, Composable, Literal

from common.pagination import Page, PageRequest, cut
from executions.delivery.prepared import skeleton_for
from executions.models import Execution
from executions.states import Outcome
from providers.mime_address import AddressError
from providers.registry import takes_json

EXPORT_PAGE = 1000
_HANDED_OVER = (Outcome.SENT, Outcome.UNKNOWN)
Row = dict[str, Any]
COLUMNS = (
    "delivery_id",
    "execution_id",
    "campaign_id",
    "external_id",
    "type",
    "app_id",
    "address",
    "outcome",
    "reason",
    "detail",
    "template_version",
    "variant",
    "attempts",
    "provider",
    "provider_message_id",
    "provider_response",
    "sent_at",
    "recorded_at",
)


def read_deliveries(execution: Execution, page: PageRequest, filters: Mapping[str, str]) -> Page[Row]:
    """By contact and address. `filters`: outcome (a word), reason, external_id."""
    rows = cut(_fetch(execution, page, filters), page)
    _attach_receipts(execution, rows.rows)
    return rows


def every_delivery(execution: Execution, filters: Mapping[str, str]) -> Iterator[Row]:
    """All that match, read a page at a time, so that millions need no memory."""
    page = PageRequest(EXPORT_PAGE)
    while True:
        found = cut(_fetch(execution, page, filters), page)
        yield from found.rows
        if not found.after:
            return
        page = PageRequest(EXPORT_PAGE, key_of(found.rows[-1]))


def key_of(row: Row) -> tuple[int, int]:
    contact_id, address_id = row["delivery_id"].split("-")[1:]
    return int(contact_id), int(address_id)


_QUERY = """
    SELECT d.contact_id, d.address_id, c.external_id, w.app_id, a.value, d.outcome, d.reason, d.detail, d.attempts,
        p.name, d.provider_response, d.sent_at, d.recorded_at
    FROM (
        SELECT * FROM executions_delivery d
        WHERE d.launched_on = {launched_on} AND d.execution_id = {execution}{conditions}
        ORDER BY d.contact_id {direction}, d.address_id {direction} LIMIT {limit}
    ) d
    LEFT JOIN audiences_contact c ON c.id = d.contact_id AND c.workspace_id = d.workspace_id
    LEFT JOIN audiences_address a ON a.id = d.address_id AND a.workspace_id = d.workspace_id
    LEFT JOIN workspaces_app w ON w.id = a.app_id
    LEFT JOIN providers_provider p ON p.id = d.provider_id
    ORDER BY d.contact_id {direction}, d.address_id {direction}
"""


def _fetch(execution: Execution, page: PageRequest, filters: Mapping[str, str]) -> list[Row]:
    query = SQL(_QUERY).format(
        launched_on=Literal(execution.launched_on),
        execution=Literal(execution.pk),
        conditions=SQL("").join(_conditions(execution, page, filters)),
        direction=SQL("DESC" if page.backwards else "ASC"),
        limit=Literal(page.limit + 1),
    )
    message_id = _message_ids(execution)
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [_row(execution, message_id, *found) for found in cursor.fetchall()]


def _conditions(execution: Execution, page: PageRequest, filters: Mapping[str, str]) -> Iterator[Composable]:
    if page.key is not None:
        beyond = SQL("<" if page.backwards else ">")
        contact_id, address_id = (Literal(int(part)) for part in page.key)
        yield SQL(" AND (d.contact_id, d.address_id) {} ({}, {})").format(beyond, contact_id, address_id)
    if outcome := filters.get("outcome"):
        yield SQL(" AND d.outcome = {}").format(Literal(Outcome[outcome.upper()].value))
    if reason := filters.get("reason"):
        yield SQL(" AND d.reason = {}").format(Literal(reason))
    if external_id := filters.get("external_id"):
        yield SQL(
            " AND d.contact_id = (SELECT id FROM audiences_contact WHERE workspace_id = {} AND external_id = {})"
        ).format(Literal(execution.workspace_id), Literal(external_id))


def _row(execution: Execution, message_id: Callable[[str], str], *found: Any) -> Row:
    contact_id, address_id, external_id, app_id, address, outcome, reason, detail, attempts, *rest = found
    provider, response, sent_at, recorded_at = rest
    delivery_id = f"{execution.pk}-{contact_id}-{address_id}"
    return {
        "delivery_id": delivery_id,
        "execution_id": execution.pk,
        "campaign_id": execution.campaign_id,
        "external_id": external_id,
        "type": execution.type,
        "app_id": app_id,
        "address": address,
        "outcome": Outcome(outcome).label,
        "reason": reason,
        "detail": detail,
        "template_version": execution.template_version.number,
        "variant": None,
        "attempts": attempts,
        "provider": provider,
        "provider_message_id": message_id(delivery_id) if outcome in _HANDED_OVER else None,
        "provider_response": response,
        "sent_at": sent_at,
        "recorded_at": recorded_at,
        "receipts": [],
    }


def _message_ids(execution: Execution) -> Callable[[str], str]:
    """From a delivery's id to what the provider knew its message by: the id itself, or for SMTP the Message-ID."""
    if takes_json(execution.provider.kind):
        return str
    try:
        skeleton = skeleton_for(execution)
    except AddressError:
        return str
    return skeleton.message_id if skeleton else str


def _attach_receipts(execution: Execution, rows: Sequence[Row]) -> None:
    by_key = {key_of(row): row for row in rows}
    if not by_key:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT contact_id, address_id, kind, at, data FROM executions_receipt
            WHERE launched_on = %s AND execution_id = %s
                AND (contact_id, address_id) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))
            ORDER BY at, id
            """,
            [execution.launched_on, execution.pk, [key[0] for key in by_key], [key[1] for key in by_key]],
        )
        for contact_id, address_id, kind, at, data in cursor.fetchall():
            receipt = {"kind": kind, "at": at, "data": json.loads(data) if isinstance(data, str) else data}
            by_key[contact_id, address_id]["receipts"].append(receipt)
