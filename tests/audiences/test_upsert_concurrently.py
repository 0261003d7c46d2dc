"""Upserts of the same people at the same time, from several connections."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from audiences.models import Address, Contact
from audiences.upsert import upsert_contacts
from tests.factories import make_app, make_workspace

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, call) for call in calls]]


def test_overlapping_upserts_in_any_order_neither_deadlock_nor_lose_an_attribute() -> None:
    workspace = make_workspace()
    make_app(workspace, "shop")
    rows = [
        {"external_id": f"user-{i}", "email": f"u{i}@example.test"}
        | {"addresses": [{"type": "push", "app_id": "shop", "value": f"t{i % 50}"}]}
        for i in range(200)
    ]

    def writer(number: int) -> Callable[[], Any]:
        mine = [{**row, "attributes": {f"by_{number}": True}} for row in rows]
        random.Random(number).shuffle(mine)
        return lambda: upsert_contacts(workspace_id=workspace.pk, rows=mine)

    reports = at_once([writer(number) for number in range(6)])
    assert sum(report.created for report in reports) == 200
    assert not [one for report in reports for one in report.rejected]
    everything = {f"by_{number}": True for number in range(6)}
    assert all(found == everything for found in Contact.objects.values_list("attributes", flat=True))
    assert Address.objects.filter(type="push").count() == 50


def test_a_person_known_by_email_alone_is_made_once() -> None:
    workspace = make_workspace()
    rows = [{"email": f"u{i}@example.test"} for i in range(20)]
    calls = [lambda: upsert_contacts(workspace_id=workspace.pk, rows=rows) for _ in range(6)]
    reports = at_once(calls)
    assert Contact.objects.count() == 20
    assert len({tuple(report.contact_ids) for report in reports}) == 1
