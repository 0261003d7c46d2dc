"""Erasing while others write: the address never slips in between, and nobody falls victim to a deadlock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from audiences.models import Address, Contact, ErasedValue, Suppression
from audiences.rights.erasing import Subject
from audiences.upsert import upsert_contacts
from common.authorship import SYSTEM
from common.errors import Conflict
from executions.rights import erasing
from executions.rights.erasing import erase_person
from tests.audiences.events.sdk_client import Sdk
from tests.factories import make_app, make_contact, make_workspace, make_write_key

pytestmark = pytest.mark.django_db(transaction=True)
EMAIL = "ana@example.test"


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, call) for call in calls]]


def test_whoever_has_the_address_afterwards_is_suppressed() -> None:
    workspace = make_workspace()
    for round in range(8):
        ana = make_contact(workspace, email=EMAIL, external_id=f"ana-{round}")
        rows = [{"external_id": f"other-{round}-{n}", "email": EMAIL} for n in range(20)]
        at_once(
            [
                lambda rows=rows: upsert_contacts(workspace_id=workspace.pk, rows=rows[:10]),  # type: ignore[misc]
                lambda pk=ana.pk: erase_person(  # type: ignore[misc]
                    workspace_id=workspace.pk, subject=Subject(contact_id=pk), actor=SYSTEM
                ),
                lambda rows=rows: upsert_contacts(workspace_id=workspace.pk, rows=rows[10:]),  # type: ignore[misc]
            ]
        )
        assert Address.objects.filter(value=EMAIL).count() == 20
        assert [one.reason for one in Suppression.objects.all()] == ["erased"]
        Contact.objects.all().delete()
        Suppression.objects.all().delete()
        ErasedValue.objects.all().delete()


def test_many_who_erase_the_same_person_get_one_answer() -> None:
    workspace = make_workspace()
    ana = make_contact(workspace, email=EMAIL)
    subject = Subject(contact_id=ana.pk)
    calls = [lambda: erase_person(workspace_id=workspace.pk, subject=subject, actor=SYSTEM) for _ in range(5)]
    assert len({erasure.pk for erasure in at_once(calls)}) == 1


def test_devices_that_identify_meanwhile_are_answered() -> None:
    """They lock contacts before they write addresses, the other way round than erasing does."""
    workspace = make_workspace()
    key = make_write_key(make_app(workspace))
    for round in range(4):
        ana = make_contact(workspace, email=EMAIL, external_id=f"ana-{round}")
        known, new = {"userId": f"ana-{round}", "event": "x"}, {"userId": f"new-{round}", "traits": {"email": EMAIL}}
        batch = {"batch": [{"type": "track", **known}, {"type": "identify", **new}]}
        erase = partial(erase_person, workspace_id=workspace.pk, subject=Subject(contact_id=ana.pk), actor=SYSTEM)
        send = partial(Sdk(key).kept, "batch", batch)
        at_once([send, erase, send, partial(upsert_contacts, workspace_id=workspace.pk, rows=[{"email": EMAIL}])])
        assert ana.pk not in Contact.objects.values_list("pk", flat=True)
        assert Suppression.objects.get().reason == "erased"


def test_rows_that_are_held_for_long_refuse_it_and_nothing_is_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "_TRIES", 2)
    workspace = make_workspace()
    ana = make_contact(workspace, email=EMAIL)

    def erase() -> None:
        with pytest.raises(Conflict):
            erase_person(workspace_id=workspace.pk, subject=Subject(contact_id=ana.pk), actor=SYSTEM)

    with transaction.atomic():
        Contact.objects.select_for_update().get(pk=ana.pk)
        at_once([erase])
    assert Address.objects.filter(value=EMAIL).exists() and not ErasedValue.objects.exists()
