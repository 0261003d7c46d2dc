"""What is left of a person who was erased: nothing that names them, and what keeps them from being sent to again."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from psycopg.sql import SQL, Identifier

from audiences.models import (
    Address,
    AnonymousIdentity,
    ConsentChange,
    Contact,
    ErasedValue,
    Erasure,
    Event,
    ListMembership,
    Suppression,
)
from audiences.upsert import upsert_contacts
from executions.delivery.partitions import make_partitions
from executions.models import Delivery, Execution, FrequencyUse, RecipientData
from executions.rights.erasing import scrub_what_came_late
from executions.rights.scrubbing import handed_to
from executions.states import Outcome
from providers.models import SandboxMessage
from tests.api_client import Api
from tests.executions.rows import make_execution
from tests.factories import make_app, make_contact, make_event, make_list
from tests.planner import on_new_pages
from workspaces.models import AuditEntry, Workspace

EMAIL = "ana@example.test"
NAME = "ana-4711"


@pytest.fixture
def ana(workspace: Workspace) -> Contact:
    return make_contact(workspace, email=EMAIL, external_id=NAME, app=make_app(workspace, "shop"))


def erase(api: Api, contact: Contact) -> Any:
    answer = api.post(f"/api/v1/contacts/{contact.pk}/erase")
    assert answer.status_code == 200, answer.content
    return answer.json()


def delivered(contact: Contact, **fields: Any) -> Delivery:
    """A ledger row of a finished execution."""
    make_partitions()
    execution = make_execution(contact.workspace, state="finished")
    values = {
        "workspace_id": contact.workspace_id,
        "outcome": Outcome.FAILED,
        "attempts": 1,
        "recorded_at": execution.created_at,
        **fields,
    }
    key = {"launched_on": execution.launched_on, "execution_id": execution.pk, "contact_id": contact.pk}
    return Delivery.objects.create(**key, address_id=contact.addresses.order_by("pk")[0].pk, **values)


def bounced(delivery: Delivery) -> None:
    key: list[Any] = [delivery.launched_on, delivery.execution_id, delivery.contact_id, delivery.address_id]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO executions_receipt (launched_on, execution_id, contact_id, address_id, workspace_id, kind, at,"
            " data) VALUES (%s, %s, %s, %s, %s, 'bounced', now(), jsonb_build_object('recipient', %s::text))",
            [*key, delivery.workspace_id, EMAIL],
        )


def everything_kept() -> str:
    """Every table of the database as text."""
    rows: list[str] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(SQL("SELECT to_jsonb(one)::text FROM {} one").format(Identifier(table)))
            rows.extend(text for (text,) in cursor.fetchall())
    return "\n".join(rows).lower()


def test_nothing_in_the_database_names_them_any_more(api: Api, ana: Contact, workspace: Workspace) -> None:
    make_list(workspace, [ana])
    make_event(ana, properties={"said": EMAIL})
    AnonymousIdentity.objects.create(workspace=workspace, anonymous_id="browser-1", contact=ana)
    api.post("/api/v1/suppressions", {"suppressions": [{"type": "email", "value": EMAIL}]})
    [suppression] = api.get("/api/v1/suppressions").json()["results"]
    api.delete(suppression["url"])
    delivery = delivered(ana, detail=f"mailbox {EMAIL.title()} is full", provider_response=f"550 <{EMAIL}> is unknown")
    bounced(delivery)
    RecipientData.objects.create(execution_id=delivery.execution_id, contact_id=ana.pk, personalization={"name": NAME})
    FrequencyUse.objects.create(workspace_id=workspace.pk, contact_id=ana.pk, ats=[1], executions=[1], kinds=[1])
    said = {"index": 0, "field": "external_id", "code": "x", "message": f"{NAME} is no number."}
    Execution.objects.filter(pk=delivery.execution_id).update(rejected=[said, {**said, "message": "other"}])
    SandboxMessage.objects.create(
        workspace_id=workspace.pk, delivery_id="1", type="email", address=EMAIL, content={"to": EMAIL}
    )
    upsert_contacts(
        workspace_id=workspace.pk,
        rows=[{"external_id": NAME, "addresses": [{"type": "email", "value": EMAIL, "consent": "unsubscribed"}]}],
    )
    assert NAME in everything_kept() and EMAIL in everything_kept() and "browser-1" in everything_kept()

    answer = erase(api, ana)
    assert (answer["contact_ids"], answer["addresses"], answer["events"]) == ([ana.pk], 2, 1)
    kept = everything_kept()
    assert [word for word in (NAME, EMAIL, "browser-1", "token-") if word in kept] == []
    delivery.refresh_from_db()
    assert (delivery.detail, delivery.provider_response) == ("(erased)", "(erased)")
    messages = [one["message"] for one in Execution.objects.get(pk=delivery.execution_id).rejected]
    assert messages == ["(erased)", "other"]
    for model in (Contact, Address, Event, ListMembership, AnonymousIdentity, FrequencyUse, RecipientData):
        assert not model._default_manager.exists(), model


def test_the_outbox_is_asked_by_address(workspace: Workspace) -> None:
    on_new_pages("providers_sandboxmessage")
    rows = [
        SandboxMessage(
            workspace_id=workspace.pk, delivery_id="1", type="email", address=f"{n}@example.test", content={}
        )
        for n in range(3000)
    ]
    SandboxMessage.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE providers_sandboxmessage")
    assert "sandbox_by_address" in handed_to(workspace_id=workspace.pk, values=[EMAIL, NAME]).explain()


def test_words_that_do_not_name_them_stay_in_the_ledger(api: Api, ana: Contact) -> None:
    delivery = delivered(ana, detail="first_name", provider_response="250 2.0.0 Ok: queued")
    other = delivered(make_contact(ana.workspace), provider_response=f"250 for {EMAIL}")
    erase(api, ana)
    for row, said in ((delivery, "250 2.0.0 Ok: queued"), (other, f"250 for {EMAIL}")):
        row.refresh_from_db()
        assert row.provider_response == said


def test_words_that_name_them_as_it_was_sent_go_too(api: Api, workspace: Workspace) -> None:
    """Mail goes to the domain in ASCII, and that is what a server's answer says."""
    eva = make_contact(workspace, email="eva@exämple.test")
    named = delivered(eva, provider_response="550 <eva@xn--exmple-cua.test> unknown")
    erase(api, eva)
    named.refresh_from_db()
    assert named.provider_response == "(erased)"


def test_an_external_id_of_one_digit_is_not_seen_in_every_number(api: Api, workspace: Workspace) -> None:
    one = make_contact(workspace, external_id="1")
    named, counted = delivered(one, detail="contact 1: no"), delivered(one, provider_response="550 5.1.13 at 10")
    erase(api, one)
    named.refresh_from_db()
    counted.refresh_from_db()
    assert (named.detail, counted.provider_response) == ("(erased)", "550 5.1.13 at 10")


def test_the_guide_shows_the_answer(api: Api, ana: Contact) -> None:
    page = (Path(__file__).parents[3] / "docs" / "guide" / "privacy.md").read_text()
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    assert [one.keys() for one in shown if "erasure_id" in one] == [erase(api, ana).keys()]


def test_erasing_again_answers_the_same(api: Api, ana: Contact) -> None:
    first = erase(api, ana)
    assert erase(api, ana) == first
    assert api.post("/api/v1/contacts/erase", {"external_id": NAME}).json() == first
    assert api.post("/api/v1/contacts/erase", {"email": EMAIL.upper()}).json() == first
    assert Erasure.objects.count() == 1
    assert AuditEntry.objects.filter(action="erased").count() == 1


def test_the_audit_trail_tells_that_and_not_whom(api: Api, ana: Contact) -> None:
    erasure_id = erase(api, ana)["erasure_id"]
    entry = AuditEntry.objects.get(action="erased")
    assert (entry.object_type, entry.object_id, entry.object_name) == ("contact", ana.pk, f"erasure {erasure_id}")
    assert entry.details == {"contacts": 1, "addresses": 2, "events": 0}


def test_the_address_is_suppressed_when_it_comes_in_again(api: Api, ana: Contact, workspace: Workspace) -> None:
    erase(api, ana)
    assert not Suppression.objects.exists()
    rows = [{"external_id": "somebody-else", "email": EMAIL.upper()}, {"email": "b@example.test"}]
    assert api.post("/api/v1/contacts", {"contacts": rows}).json()["created"] == 2
    [held] = Suppression.objects.all()
    assert (held.workspace_id, held.type, held.value, held.reason) == (workspace.pk, "email", EMAIL, "erased")


def test_the_same_address_elsewhere_is_another_person(api: Api, ana: Contact, other_workspace: Workspace) -> None:
    make_contact(other_workspace, email=EMAIL)
    erase(api, ana)
    upsert_contacts(workspace_id=other_workspace.pk, rows=[{"external_id": "x", "email": EMAIL}])
    assert not Suppression.objects.exists()
    assert Address.objects.filter(workspace=other_workspace, value=EMAIL).count() == 2


def test_somebody_else_who_has_the_address_is_suppressed_at_once(api: Api, ana: Contact, workspace: Workspace) -> None:
    make_contact(workspace, email=EMAIL)
    Suppression.objects.create(workspace=workspace, type="email", value=EMAIL, reason="bounce")
    erase(api, ana)
    assert [one.reason for one in Suppression.objects.all()] == ["erased"]


def test_an_address_names_everybody_who_has_it(api: Api, ana: Contact, workspace: Workspace) -> None:
    twin = make_contact(workspace, email=EMAIL)
    answer = api.post("/api/v1/contacts/erase", {"type": "email", "value": EMAIL}).json()
    assert answer["contact_ids"] == [ana.pk, twin.pk]
    assert not Contact.objects.exists() and not Suppression.objects.exists()


def test_an_address_that_nobody_has_is_kept_from_coming_in(api: Api, workspace: Workspace) -> None:
    api.post("/api/v1/suppressions", {"suppressions": [{"type": "sms", "value": "+49 170 1234567"}]})
    answer = api.post("/api/v1/contacts/erase", {"phone": "+491701234567"}).json()
    assert (answer["contact_ids"], answer["addresses"]) == ([], 1)
    assert not Suppression.objects.exists()
    api.post("/api/v1/contacts", {"contacts": [{"phone": "+491701234567"}]})
    assert Suppression.objects.get().reason == "erased"


def test_an_import_of_suppressions_does_not_write_them_down_again(api: Api, ana: Contact) -> None:
    erase(api, ana)
    rows = [{"type": "email", "value": EMAIL}, {"type": "email", "value": "b@example.test"}]
    answer = api.post("/api/v1/suppressions", {"suppressions": rows}).json()
    assert (answer["created"], answer["unchanged"]) == (1, 1)
    assert [one.value for one in Suppression.objects.all()] == ["b@example.test"]


def test_lifting_the_suppression_forgets_the_hash(api: Api, ana: Contact) -> None:
    erase(api, ana)
    api.post("/api/v1/contacts", {"contacts": [{"email": EMAIL}]})
    assert api.delete(f"/api/v1/suppressions/{Suppression.objects.get().pk}").status_code == 204
    api.post("/api/v1/contacts", {"contacts": [{"external_id": "new", "email": EMAIL}]})
    assert not Suppression.objects.exists()
    assert set(ErasedValue.objects.values_list("type", flat=True)) == {"push", "external_id"}


def test_who_came_back_is_erased_anew(api: Api, ana: Contact) -> None:
    first = erase(api, ana)
    api.post("/api/v1/contacts", {"contacts": [{"external_id": NAME, "email": EMAIL}]})
    again = api.post("/api/v1/contacts/erase", {"external_id": NAME}).json()
    assert again["erasure_id"] != first["erasure_id"] and again["contact_ids"] != first["contact_ids"]
    assert not Contact.objects.exists() and not Suppression.objects.exists()
    assert api.post("/api/v1/contacts/erase", {"email": EMAIL}).json() == again


def test_the_history_of_consents_is_kept_without_the_address(api: Api, ana: Contact) -> None:
    at = "2026-01-05T09:00:00Z"
    proof = {"consent": "subscribed", "consent_source": "checkout", "consent_at": at}
    row = {"external_id": NAME, "addresses": [{"type": "email", "value": EMAIL, **proof}]}
    api.post("/api/v1/contacts", {"contacts": [row]})
    erase(api, ana)
    history = list(ConsentChange.objects.filter(contact_id=ana.pk, type="email").order_by("pk"))
    assert [(one.before, one.after, one.way) for one in history] == [
        ("subscribed", "subscribed", "api"),
        ("subscribed", "unsubscribed", "erasure"),
    ]
    assert history[1].before_source == "checkout"
    assert {one.value for one in history} == {""} and len({bytes(one.value_hash or b"") for one in history}) == 1


def test_what_was_in_flight_is_taken_out_later(api: Api, ana: Contact) -> None:
    row = delivered(ana, provider_response="250 ok")
    erase(api, ana)
    Delivery.objects.filter(contact_id=ana.pk).update(provider_response=f"550 <{EMAIL}>")
    assert scrub_what_came_late() == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audiences_erasure SET created_at = now() - interval '1 hour'")
    assert scrub_what_came_late() == 1
    assert scrub_what_came_late() == 0
    row.refresh_from_db()
    assert row.provider_response == "(erased)"


def test_what_the_sandbox_was_handed_in_flight_is_taken_out_later(api: Api, ana: Contact) -> None:
    row = delivered(ana)
    erase(api, ana)
    for contact_id in (ana.pk, ana.pk + 1):
        SandboxMessage.objects.create(
            workspace_id=row.workspace_id,
            execution_id=row.execution_id,
            delivery_id=f"{row.execution_id}-{contact_id}-{row.address_id}",
            type="email",
            address=EMAIL,
            content={},
        )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audiences_erasure SET created_at = now() - interval '30 minutes'")
    assert scrub_what_came_late() == 1
    assert SandboxMessage.objects.get().delivery_id.split("-")[1] == str(ana.pk + 1)


def test_what_was_cut_to_be_shown_is_found_too(api: Api, workspace: Workspace) -> None:
    token = "t" * 300
    made = api.post("/api/v1/suppressions", {"suppressions": [{"type": "push", "value": token}]})
    assert made.json()["created"] == 1
    api.delete(f"/api/v1/suppressions/{Suppression.objects.get().pk}")
    execution = make_execution(workspace, state="finished")
    cut = {"index": 0, "field": "x", "code": "x", "message": f'"{"t" * 59}…" has something.'}
    Execution.objects.filter(pk=execution.pk).update(rejected=[cut])
    assert "t" * 50 in everything_kept()
    assert api.post("/api/v1/contacts/erase", {"type": "push", "value": token}).status_code == 200
    assert "t" * 50 not in everything_kept()


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "external_id", "required"),
        ({"email": EMAIL, "external_id": "x"}, "external_id", "required"),
        ({"value": "x"}, "type", "required"),
        ({"type": "email", "external_id": "x"}, "type", "required"),
        ({"email": "nope"}, "email", "invalid_address"),
        ({"type": "fax", "value": "1"}, "type", "unknown_choice"),
    ],
)
def test_who_is_meant_must_be_clear(api: Api, ana: Contact, body: dict[str, str], field: str, code: str) -> None:
    answer = api.post("/api/v1/contacts/erase", body)
    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]
    assert Contact.objects.exists()


def test_who_never_was_is_not_found(api: Api, workspace: Workspace) -> None:
    assert api.post("/api/v1/contacts/erase", {"external_id": "nobody"}).status_code == 404
    assert api.post("/api/v1/contacts/1/erase").status_code == 404


def test_a_key_that_only_reads_erases_nobody(ana: Contact, workspace: Workspace) -> None:
    reader = Api.of(workspace, "contacts:read")
    assert reader.post(f"/api/v1/contacts/{ana.pk}/erase").status_code == 403
    assert reader.post("/api/v1/contacts/erase", {"external_id": NAME}).status_code == 403
    assert Contact.objects.exists()
