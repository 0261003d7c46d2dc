"""Triggered campaigns: from an event's acceptance to its message's, at 500 a second; and a backlog beside a broadcast.

Both moments are PostgreSQL's: `received_at` is the beginning of the transaction that accepts the event, which is
earlier than its answer; `sent_at` is when the provider accepted the message.
"""

import http.client
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.db import connection

from benchmarks.api import Api
from benchmarks.delivery import Bench
from benchmarks.ingest import web_alone
from benchmarks.processes import Process, product
from benchmarks.report import Row, Table, say
from benchmarks.world import SUBJECT, World, html, make_template

RATE = 500
BATCH = 10
SENDERS = 4
SECONDS = 20
LATENCY_BAR_SECONDS = 1.0
STARVED_BELOW = 1 / 3
CALL = 10_000
EVENT, BACKLOG_EVENT = "order_placed", "order_imported"
PATIENCE_SECONDS = 1_200.0


class Latency(NamedTuple):
    """Seconds, over all events."""

    sent: int
    half: float
    most: float
    last: float


def measure_latency(table: Table, bench: Bench, receiver: Process) -> None:
    """Steadily, for `SECONDS`, by requests of `BATCH` events as a server sends them."""
    campaign_id = _activated(bench, EVENT)
    _send_steadily(bench, seconds=2, first=0)
    _await_sent(bench.world, campaign_id, RATE * 2)
    events = RATE * (SECONDS + 2)
    before = bench.cpu(receiver)
    late = _send_steadily(bench, seconds=SECONDS, first=RATE * 2)
    _await_sent(bench.world, campaign_id, events)
    own, web, database, _ = ((b - a) / RATE / SECONDS * 1e6 for a, b in zip(before, bench.cpu(receiver), strict=True))
    found = _latency(bench.world, campaign_id, skipped=RATE * 2)
    bench.api.call("POST", f"/api/v1/campaigns/{campaign_id}/deactivate", {})
    table.add(
        Row(
            f"{RATE} triggered messages a second, from the event's acceptance to the provider's of its message",
            f"p99 ≤ {LATENCY_BAR_SECONDS:g} s",
            f"p99 {found.most:.2f} s",
            found.most <= LATENCY_BAR_SECONDS and not late,
            f"p50 {found.half:.2f} s, most {found.last:.2f} s; {found.sent:,} events by requests of {BATCH}{late};"
            f" CPU µs a message: workers {own:.0f}, web {web:.0f}, PostgreSQL {database:.0f}",
        )
    )


def measure_backlog(
    table: Table, world: World, folder: Path, receiver: Process, *, events: int, broadcast: int, postmaster: int | None
) -> None:
    """Accepted while no worker runs; then drained beside a broadcast, whose rate is compared with its rate alone."""
    with web_alone(folder) as (_, url):
        campaign_id = _activated_at(url, world, BACKLOG_EVENT)
        began = time.monotonic()
        _accept(url, world, events)
        say(f"  {events:,} events accepted in {time.monotonic() - began:.0f} s")
    with product(folder, workers=2) as running:
        bench = Bench(world, running, postmaster)
        began = time.monotonic()
        beside = bench.deliver(broadcast, receiver)
        before = _sent(world, campaign_id)
        say(f"  broadcast beside it {beside.rate:,.0f}/s, {before:,} triggered messages meanwhile")
        _await_sent(world, campaign_id, events)
        seconds = time.monotonic() - began
        alone = bench.deliver(broadcast, receiver)
    share = beside.rate / alone.rate
    table.add(
        Row(
            f"a broadcast to {broadcast:,} beside a backlog of {events:,} events, against the same alone",
            f"≥ {STARVED_BELOW:.2f} × its rate alone, and the backlog moves on",
            f"{share:.2f} ×",
            share >= STARVED_BELOW and before > 0,
            f"{beside.rate:,.0f} against {alone.rate:,.0f} messages/s; {before:,} triggered messages meanwhile; "
            f"all {events:,} in {seconds:.0f} s, {(events + broadcast) / seconds:,.0f} messages/s together",
        )
    )


def _activated(bench: Bench, event: str) -> int:
    return _activated_at(bench.product.url, bench.world, event)


def _activated_at(url: str, world: World, event: str) -> int:
    api = Api(url, world.key)
    template_id = make_template(world.workspace_id, f"{SUBJECT}: {{{{ event.order }}}}", html())
    body = {"type": "email", "name": event, "template_id": template_id, "trigger": {"event": event}}
    campaign_id = int(api.call("POST", "/api/v1/campaigns", body)["campaign_id"])
    api.call("POST", f"/api/v1/campaigns/{campaign_id}/activate", {})
    return campaign_id


def _send_steadily(bench: Bench, *, seconds: int, first: int) -> str:
    """Each sender at its own times; one that is late does not wait. Says so where the rate was not kept: then the bar
    is not reached, whatever the latency."""
    requests = [_body(EVENT, first + n * BATCH, BATCH) for n in range(RATE * seconds // BATCH)]
    begins = time.monotonic() + 0.1
    failures: list[str] = []
    threads = [
        threading.Thread(target=_send, args=(bench, requests[one::SENDERS], begins, one, failures))
        for one in range(SENDERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"{len(failures)} requests were not taken; the first: {failures[0]}")
    took = time.monotonic() - begins
    return f", at {RATE * seconds / took:,.0f} a second only" if took > seconds + 1 else ""


def _send(bench: Bench, bodies: Sequence[bytes], begins: float, place: int, failures: list[str]) -> None:
    where = urlsplit(bench.product.url)
    headers = {"Authorization": f"Bearer {bench.world.key}", "Content-Type": "application/json"}
    opened = http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)
    for number, body in enumerate(bodies):
        due = begins + (number * SENDERS + place) * BATCH / RATE
        time.sleep(max(0.0, due - time.monotonic()))
        opened.request("POST", "/api/v1/events", body, headers)
        answer = opened.getresponse()
        told = answer.read()
        if answer.status != 200:
            failures.append(f"{answer.status} {told[:300]!r}")
    opened.close()


def _body(event: str, first: int, count: int, people: int = RATE * (SECONDS + 2)) -> bytes:
    rows = [
        {"name": event, "external_id": f"user-{n % people + 1}", "properties": {"order": f"A-{n}", "total": 49.9}}
        for n in range(first, first + count)
    ]
    return json.dumps({"events": rows}).encode()


def _accept(url: str, world: World, events: int) -> None:
    api = Api(url, world.key)
    for first in range(0, events, CALL):
        answer = api.call("POST", "/api/v1/events", json.loads(_body(BACKLOG_EVENT, first, CALL, max(world.lists))))
        if answer["accepted"] != CALL:
            raise RuntimeError(f"{answer['accepted']} of {CALL} events were accepted")


def _await_sent(world: World, campaign_id: int, messages: int) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while (sent := _sent(world, campaign_id)) < messages:
        if time.monotonic() > ends:
            raise TimeoutError(f"{sent:,} of {messages:,} messages were sent within {PATIENCE_SECONDS:g} s")
        time.sleep(0.5)


def _sent(world: World, campaign_id: int) -> int:
    return int(_ask(_SENT, [campaign_id])[0] or 0)


def _latency(world: World, campaign_id: int, *, skipped: int) -> Latency:
    return Latency(*_ask(_LATENCY, [world.workspace_id, campaign_id, skipped]))


def _ask(sql: str, parameters: Sequence[Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: tuple[Any, ...] = cursor.fetchone()
        return found


_SENT = """
    SELECT sum(b.sent) FROM executions_batch b JOIN executions_execution e ON e.id = b.execution_id
    WHERE e.campaign_id = %s
"""
_LATENCY = """
    WITH took AS (
        SELECT extract(epoch FROM d.sent_at - v.received_at) AS seconds
        FROM executions_execution e JOIN executions_recipientdata r ON r.execution_id = e.id
        JOIN executions_delivery d ON d.launched_on = e.launched_on AND d.execution_id = e.id
            AND d.contact_id = r.contact_id AND d.outcome = 1
        JOIN audiences_event v ON v.workspace_id = %s AND v.id = (r.event->>'id')::bigint
        WHERE e.campaign_id = %s ORDER BY v.id OFFSET %s
    )
    SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
        percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds), max(seconds) FROM took
"""
