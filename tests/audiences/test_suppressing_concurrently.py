"""Suppressions written by many at once: in any order, without a deadlock, and nothing said is lost."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.test import Client

from audiences.models import Address, Suppression
from audiences.suppressions import add_suppressions
from audiences.unsubscribe import Seal
from audiences.upsert import upsert_contacts
from common.authorship import SYSTEM
from tests.audiences.test_upsert_concurrently import at_once
from tests.factories import make_contact, make_workspace

pytestmark = pytest.mark.django_db(transaction=True)
REASONS = ("unsubscribed", "bounce", "complaint", "manual")


def test_every_reason_of_every_caller_is_kept() -> None:
    workspace = make_workspace()
    values = [f"u{number}@example.test" for number in range(60)]

    def writer(reason: str) -> Callable[[], Any]:
        rows = [{"type": "email", "value": value, "reason": reason} for value in values]
        random.Random(reason).shuffle(rows)
        return lambda: add_suppressions(workspace_id=workspace.pk, rows=rows, actor=SYSTEM)

    reports = at_once([writer(reason) for reason in REASONS])
    assert sum(one.created for one in reports) == 60 and sum(one.updated for one in reports) == 180
    for held in Suppression.objects.all():
        others = [one["reason"] for one in held.other_reasons]
        assert held.reason == "complaint" and others[-1] == "unsubscribed" and len(others) == 3


def test_proofs_and_suppressions_of_the_same_people_do_not_hold_each_other_up() -> None:
    """The one lifts what the other writes. What was suppressed after its proof stays so, whoever was first."""
    workspace = make_workspace()
    values = [f"u{number}@example.test" for number in range(40)]
    proof = {"consent": "subscribed", "consent_source": "form", "consent_at": "2026-03-01T00:00:00Z"}

    def proving(seed: int) -> Callable[[], Any]:
        rows = [
            {"external_id": f"{seed}-{value}", "addresses": [{"type": "email", "value": value, **proof}]}
            for value in values
        ]
        random.Random(seed).shuffle(rows)
        return lambda: upsert_contacts(workspace_id=workspace.pk, rows=rows)

    def suppressing(seed: int) -> Callable[[], Any]:
        rows = [{"type": "email", "value": value, "reason": "unsubscribed"} for value in values]
        random.Random(seed).shuffle(rows)
        return lambda: add_suppressions(workspace_id=workspace.pk, rows=rows, actor=SYSTEM)

    at_once([proving(1), suppressing(2), proving(3), suppressing(4)])
    assert Suppression.objects.filter(reason="unsubscribed").count() == 40


def test_whoever_clicks_while_they_are_imported_is_unsubscribed() -> None:
    """By links of a contact that is there and of one that is not any more; the import brings an older proof."""
    workspace = make_workspace()
    proof = {"consent": "subscribed", "consent_source": "form", "consent_at": "2026-03-01T00:00:00Z"}
    seal = Seal(execution_id=0, workspace_id=workspace.pk, type="email")
    links, rows = [], []
    for number in range(6):
        email = f"u{number}@example.test"
        address = make_contact(workspace, email=email, external_id=str(number)).addresses.get()
        gone = 0 if number % 2 else 10**9
        token = seal.token(contact_id=address.contact_id + gone, address_id=address.pk + gone, value=email)
        links.append(partial(click, f"/u/{token}"))
        address_row = {"type": "email", "value": email, **proof}
        rows += [{"external_id": one, "addresses": [address_row]} for one in (str(number), f"new-{number}")]
    imports = [partial(upsert_contacts, workspace_id=workspace.pk, rows=rows) for _ in range(2)]
    at_once([imports[0], *links, imports[1]])
    assert Suppression.objects.filter(reason="unsubscribed").count() == 6
    named = Address.objects.filter(contact__external_id__in=[str(number) for number in range(6)])
    assert set(named.values_list("consent", flat=True)) == {"unsubscribed"}


def click(link: str) -> None:
    assert Client().post(link).status_code == 200
