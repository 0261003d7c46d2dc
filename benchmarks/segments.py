"""Counting who fits a segment of two conditions, over all contacts of a workspace, as the API and the builder do."""

import time
from statistics import median
from typing import Any

from django.db import connection

from audiences.segments.selectors import count_segment
from audiences.segments.services import fit_rule
from benchmarks.report import Row, Table, spread
from benchmarks.world import World, tidy

BAR_SECONDS = 1.0
_EVENTS = """
    INSERT INTO audiences_event (workspace_id, received_month, contact_id, source, name, at, received_at, message_id,
        message_key, properties)
    SELECT c.workspace_id, date_trunc('month', now() AT TIME ZONE 'UTC'), c.id, 'server',
        (ARRAY['order_placed', 'page_viewed', 'cart_abandoned'])[c.id %% 3 + 1],
        now() - make_interval(days => (c.id %% 60)::int),
        now(), c.id::text, gen_random_uuid(), jsonb_build_object('total', c.id %% 200)
    FROM audiences_contact c WHERE c.workspace_id = %s
"""
_PRO: dict[str, Any] = {
    "type": "attribute",
    "name": "plan",
    "value_type": "text",
    "operator": "equals",
    "value": "pro",
}
_PARIS = {**_PRO, "name": "city", "value": "Paris"}
_POINTS = {**_PRO, "name": "points", "value_type": "number", "operator": "greater", "value": 5_000}
_ORDERED = {"type": "event", "operator": "did", "name": "order_placed", "within": {"last": 30, "unit": "days"}}
_SEGMENTS: dict[str, dict[str, Any]] = {
    "two equalities": {"type": "and", "conditions": [_PRO, _PARIS]},
    "an equality and a range": {"type": "and", "conditions": [_PRO, _POINTS]},
    "an attribute and an event of the last 30 days": {"type": "and", "conditions": [_PARIS, _ORDERED]},
    "an attribute and no such event": {"type": "and", "conditions": [_PRO, {**_ORDERED, "operator": "did_not"}]},
    "either of them": {"type": "or", "conditions": [_PARIS, _ORDERED]},
}


def measure(table: Table, world: World, *, runs: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [world.workspace_id])
        events = cursor.rowcount
    tidy()
    for words, rule in _SEGMENTS.items():
        counted, seconds = _count(world.workspace_id, rule, runs)
        table.add(
            Row(
                f"counting a segment of two conditions over {events:,} contacts: {words}",
                f"≤ {BAR_SECONDS:g} s",
                f"{spread(seconds, '.2f')} s",
                median(seconds) <= BAR_SECONDS,
                f"{counted:,} fit; {events:,} events beside",
            )
        )


def _count(workspace_id: int, rule: dict[str, Any], runs: int) -> tuple[int, list[float]]:
    fit = fit_rule(workspace_id=workspace_id, rule=rule)
    seconds = []
    for _ in range(runs):
        begun = time.monotonic()
        counted = count_segment(workspace_id=workspace_id, rule=fit).count
        seconds.append(time.monotonic() - begun)
    return counted, seconds
