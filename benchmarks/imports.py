"""Importing a file of contacts over the API, against a bare COPY of the very rows that it left in the same tables."""

import csv
import json
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from django.db import connection

from audiences.models import List
from benchmarks.api import Api
from benchmarks.clock import resident_peak_mb
from benchmarks.processes import Product, product
from benchmarks.report import Row, Table, say, spread
from benchmarks.world import forget_heartbeats
from common.authorship import SYSTEM, authored_by
from workspaces.keys import create_api_key
from workspaces.models import Workspace
from workspaces.roles import Scope

BAR = 3.0
MEMORY_BAR_MB = 200.0
COLUMNS = ("external_id", "email", "phone", "locale", "first_name", "city", "plan", "points", "signed_up")
_COPIED = 1024 * 1024
_TABLES = {
    "audiences_contact": "id, workspace_id, external_id, attributes, locale, timezone, temporary, created_at,"
    " updated_at",
    "audiences_address": "id, workspace_id, contact_id, type, app_id, value, platform, state, consent, consent_source,"
    " consent_at, created_at",
    "audiences_listmembership": "list_id, contact_id, workspace_id",
    "audiences_uploadmembership": "upload_id, contact_id, workspace_id, personalization",
}


class Imported(NamedTuple):
    """`sent` is the part of `seconds` that the request took."""

    seconds: float
    sent: float
    peak_mb: float


@dataclass(frozen=True)
class Office:
    """A workspace that takes in files, with nobody in it."""

    workspace: Workspace
    list_id: int
    key: str


def measure(table: Table, folder: Path, *, rows: int, runs: int) -> None:
    """Empties the tables of contacts, whoever has them."""
    office = _open_office()
    imported: list[Imported] = []
    copied: list[float] = []
    again: list[float] = []
    forget_heartbeats()
    with product(folder, workers=2) as running:
        api = Api(running.url, office.key)
        for run in range(runs):
            file = _write_file(folder / "people.csv", rows, run)
            _empty()
            imported.append(_import(running, api, office, file, {"created": rows}))
            copied.append(_copy(folder))
            _append_row(file)
            again.append(_import(running, api, office, file, {"created": 0, "unchanged": rows + 1}).seconds)
            say(
                f"  imported in {imported[-1].seconds:.1f} s, copied in {copied[-1]:.1f} s, again in {again[-1]:.1f} s,"
                f" {imported[-1].peak_mb:.0f} MB"
            )
    _empty()
    _tell(table, rows, imported, copied, again)


def _tell(table: Table, rows: int, imported: list[Imported], copied: list[float], again: list[float]) -> None:
    seconds = [one.seconds for one in imported]
    ratio = median(seconds) / median(copied)
    table.add(
        Row(
            f"importing {rows:,} rows of CSV, from the request to `finished`",
            f"≤ {BAR:g} × a bare COPY of what it wrote",
            f"{ratio:.2f} ×",
            ratio <= BAR,
            f"{spread(seconds)} s ({rows / median(seconds):,.0f} rows/s; the request "
            f"{median(one.sent for one in imported):.1f} s of it) against {spread(copied)} s; "
            f"the same people again {spread(again)} s",
        )
    )
    peak = max(one.peak_mb for one in imported)
    table.add(
        Row(
            f"memory of a worker's child that imports {rows:,} rows, peak RSS",
            f"≤ {MEMORY_BAR_MB:g} MB",
            f"{peak:.0f} MB",
            peak <= MEMORY_BAR_MB,
        )
    )


def _open_office() -> Office:
    workspace = Workspace.objects.create(name="Imports", slug="imports")
    made = List.objects.create(workspace=workspace, name="Everyone", **authored_by(SYSTEM))
    key = create_api_key(workspace=workspace, name="imports", scopes=list(Scope.values), actor=SYSTEM)
    return Office(workspace, made.pk, key.plain)


def _write_file(path: Path, rows: int, run: int) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        written = csv.writer(file)
        written.writerow(COLUMNS)
        written.writerows(_person(run * rows + i) for i in range(rows))
    return path


def _person(i: int) -> tuple[str, ...]:
    return (
        f"user-{i}",
        f"User{i}@example.test",
        f"+49151{i % 100_000_000:08d}",
        ("en", "de", "pt-BR", "ja")[i % 4],
        f"Name{i % 977}",
        ("Paris", "Pune", "São Paulo", "Kyōto")[i % 4],
        ("basic", "plus", "pro")[i % 3],
        str(i % 9999),
        f"20{i % 25:02d}-{i % 12 + 1:02d}-{i % 28 + 1:02d}",
    )


def _append_row(file: Path) -> None:
    """The last one once more: the file is another one, and says nothing new."""
    with file.open("rb+") as opened:
        opened.seek(-1000, 2)
        last = opened.read().splitlines(keepends=True)[-1]
        opened.write(last)


def _import(running: Product, api: Api, office: Office, file: Path, counts: dict[str, int]) -> Imported:
    begun = time.monotonic()
    upload_id = _post(running.url, office, file)
    sent = time.monotonic() - begun
    while (found := api.call("GET", f"/api/v1/uploads/{upload_id}"))["state"] not in ("finished", "failed"):
        time.sleep(0.05)
    seconds = time.monotonic() - begun
    if {name: found[name] for name in counts} != counts:
        raise RuntimeError(f"The import ended otherwise: {found}")
    return Imported(seconds, sent, max(map(resident_peak_mb, running.worker.children)))


def _post(url: str, office: Office, file: Path) -> int:
    with file.open("rb") as body:
        request = urllib.request.Request(
            f"{url}/api/v1/uploads?list_id={office.list_id}",
            body,
            {
                "Authorization": f"Bearer {office.key}",
                "Content-Type": "text/csv",
                "Content-Length": str(file.stat().st_size),
            },
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=600) as answer:
            return int(json.loads(answer.read())["upload_id"])


def _copy(folder: Path) -> float:
    """Takes the rows out, empties the tables, and copies them in again: a COPY a table, all in one transaction."""
    files = {table: folder / f"{table}.copy" for table in _TABLES}
    for table, path in files.items():
        _copy_out(table, path)
    _empty()
    begun = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        for table, path in files.items():
            with path.open("rb") as file, cursor.copy(f"COPY {table} ({_TABLES[table]}) FROM STDIN") as copy:
                while block := file.read(_COPIED):
                    copy.write(block)
        cursor.execute("COMMIT")
    return time.monotonic() - begun


def _copy_out(table: str, path: Path) -> None:
    with (
        path.open("wb") as file,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({_TABLES[table]}) TO STDOUT") as copy,
    ):
        for block in copy:
            file.write(block)


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE audiences_contact CASCADE")
        cursor.execute("CHECKPOINT")
