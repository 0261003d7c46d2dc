"""Events by HTTP: batches of 100 as SDKs send them, and 10,000 in one call as a server does."""

import base64
import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from django.db import connection

from benchmarks.api import Api
from benchmarks.processes import Process, free_port
from benchmarks.report import Row, Table, say, spread
from benchmarks.world import World
from common.authorship import SYSTEM
from workspaces.models import App
from workspaces.write_keys import create_write_key

BAR = 5_000.0
CALL_BAR_SECONDS = 2.0
BATCH = 100
BATCHES = 500
SENDERS = 4
WEB_PROCESSES = 2
PEOPLE = 10_000
CALL = 10_000


@dataclass(frozen=True)
class Taken:
    """One run; `web` is CPU seconds of the web processes."""

    events: int
    seconds: float
    web: float

    @property
    def rate(self) -> float:
        return self.events / self.seconds


def measure(table: Table, world: World, folder: Path, *, runs: int) -> None:
    app = App.objects.create(workspace_id=world.workspace_id, app_id="benchmark", name="Benchmark")
    key = create_write_key(app=app, actor=SYSTEM).key
    before = _events(world.workspace_id)
    with web_alone(folder) as (web, url):
        batches = [_run(url, key, web, number) for number in range(runs + 1)][1:]
        api = Api(url, world.key)
        calls = [_call(api, number) for number in range(runs + 1)][1:]
    accepted, there = (runs + 1) * (BATCH * BATCHES + CALL), _events(world.workspace_id) - before
    if there != accepted:
        raise RuntimeError(f"{there:,} of {accepted:,} accepted events are there")
    table.add(_batch_row(batches))
    table.add(
        Row(
            f"{CALL:,} events in one call of /api/v1/events",
            f"≤ {CALL_BAR_SECONDS:g} s",
            f"{spread(calls, '.2f')} s",
            median(calls) <= CALL_BAR_SECONDS,
        )
    )


@contextmanager
def web_alone(folder: Path) -> Iterator[tuple[Process, str]]:
    """Web processes without a worker, and their address."""
    port = free_port()
    web = _web(folder, port)
    try:
        web.await_port(port)
        yield web, f"http://127.0.0.1:{port}"
    finally:
        web.stop()


def _web(folder: Path, port: int) -> Process:
    granian = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-m", *granian, "--workers", str(WEB_PROCESSES), "config.wsgi:application"]
    # One key stands for many: the limit of a single one is not what is measured.
    environment = {**os.environ, "VOLLEY_INGEST_RATE": "1000000"}
    return Process(command, log=folder / "ingest.log", environment=environment)


def _run(url: str, key: str, web: Process, number: int) -> Taken:
    bodies = [_body(number, place) for place in range(BATCHES)]
    cpu = web.cpu_seconds
    shares = [bodies[sender::SENDERS] for sender in range(SENDERS)]
    failures: list[str] = []
    threads = [threading.Thread(target=_send, args=(url, key, share, failures)) for share in shares]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = Taken(BATCH * BATCHES, time.perf_counter() - began, web.cpu_seconds - cpu)
    if failures:
        raise RuntimeError(f"{len(failures)} of {BATCHES} batches were not taken; the first: {failures[0]}")
    say(f"  ingest: {taken.rate:,.0f}/s; web {taken.web / taken.events * 1e6:.0f} µs an event")
    return taken


def _send(url: str, key: str, bodies: Sequence[bytes], failures: list[str]) -> None:
    where = urlsplit(url)
    login = base64.b64encode(f"{key}:".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    opened = http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)
    for body in bodies:
        opened.request("POST", "/v1/batch", body, headers)
        answer = opened.getresponse()
        told = answer.read()
        if answer.status != 200:
            failures.append(f"{answer.status} {told[:300]!r}")
    opened.close()


def _body(run: int, place: int) -> bytes:
    now = datetime.now(UTC).isoformat()
    messages = [_message(f"{run}-{place}-{n}", (place * BATCH + n) % PEOPLE + 1, now) for n in range(BATCH)]
    return json.dumps({"batch": messages, "sentAt": now}).encode()


def _message(message_id: str, person: int, now: str) -> dict[str, object]:
    """As an SDK of a shop sends it, about 700 bytes."""
    return {
        "type": "track",
        "event": ("product_viewed", "cart_updated", "order_placed")[person % 3],
        "userId": f"user-{person}",
        "anonymousId": f"6f1c2b34-5d8e-4c1a-9b7f-{person:012d}",
        "messageId": f"bench-{message_id}",
        "timestamp": now,
        "properties": {
            "sku": f"A-{person % 500}",
            "price": 49.9,
            "currency": "EUR",
            "categories": ["shoes", "running"],
            "cart": {"size": 3, "total": 149.7},
        },
        "context": {
            "ip": "203.0.113.7",
            "locale": "en-GB",
            "timezone": "Europe/London",
            "library": {"name": "analytics.js", "version": "npm:next-1.84.3"},
            "page": {"path": "/shoes", "title": "Shoes – a shop", "url": "https://shop.example.test/shoes"},
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0",
        },
    }


def _call(api: Api, number: int) -> float:
    events = [
        {
            "name": "order_placed",
            "external_id": f"user-{n % PEOPLE + 1}",
            "message_id": f"call-{number}-{n}",
            "properties": {"total": 49.9, "currency": "EUR", "items": [{"sku": f"A-{n % 500}", "count": 2}]},
        }
        for n in range(CALL)
    ]
    began = time.perf_counter()
    api.call("POST", "/api/v1/events", {"events": events})
    return time.perf_counter() - began


def _events(workspace_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audiences_event WHERE workspace_id = %s", [workspace_id])
        (found,) = cursor.fetchone()
    return int(found)


def _batch_row(runs: Sequence[Taken]) -> Row:
    rates = [run.rate for run in runs]
    web = median(run.web / run.events for run in runs) * 1e6
    return Row(
        f"events by batch of {BATCH}, {SENDERS} senders, {WEB_PROCESSES} web processes, each answered after its commit",
        f"≥ {BAR:,.0f} events/s",
        f"{spread(rates, ',.0f')} events/s",
        median(rates) >= BAR,
        f"web {web:.0f} µs an event",
    )
