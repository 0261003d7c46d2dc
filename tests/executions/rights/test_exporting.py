import json
from typing import Any

import pytest

from audiences.models import Contact, Suppression
from executions.models import FrequencyUse
from executions.rights import exporting, ledger
from tests.api_client import Api
from tests.executions.rights.test_erasing import delivered
from tests.factories import make_contact, make_event, make_list
from workspaces.models import AuditEntry, Workspace


@pytest.fixture
def ana(workspace: Workspace) -> Contact:
    return make_contact(workspace, email="ana@example.test", external_id="ana")


def exported(api: Api, contact: Contact) -> Any:
    answer = api.get(f"/api/v1/contacts/{contact.pk}/export")
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == f'attachment; filename="contact-{contact.pk}.json"'
    return json.loads(b"".join(answer.streaming_content))


def test_it_holds_everything_that_is_kept_of_the_person(api: Api, ana: Contact, workspace: Workspace) -> None:
    other = make_contact(workspace)
    members = make_list(workspace, [ana, other], name="News")
    make_event(ana, name="order placed", properties={"total": 5})
    make_event(other)
    Suppression.objects.create(workspace=workspace, type="email", value="ana@example.test", reason="bounce")
    Suppression.objects.create(workspace=workspace, type="email", value="other@example.test")
    delivery = delivered(ana, provider_response="550 no")
    delivered(other)
    FrequencyUse.objects.create(workspace_id=workspace.pk, contact_id=ana.pk, ats=[7], executions=[3], kinds=[1])
    proof = {"consent": "unsubscribed", "consent_source": "desk", "consent_at": "2026-01-05T09:00:00Z"}
    row = {"external_id": "ana", "addresses": [{"type": "email", "value": "ana@example.test", **proof}]}
    api.post("/api/v1/contacts", {"contacts": [row]})

    found = exported(api, ana)
    assert found["contact"]["external_id"] == "ana"
    assert found["lists"] == [{"list_id": members.pk, "name": "News"}]
    assert [(one["name"], one["properties"]) for one in found["events"]] == [("order placed", {"total": 5})]
    assert [one["reason"] for one in found["suppressions"]] == ["bounce"]
    assert [(one["from"]["consent"], one["to"]["source"]) for one in found["consent_changes"]] == [
        ("subscribed", "desk")
    ]
    assert found["frequency_uses"] == [{"at": 7, "execution_id": 3}]
    [row] = found["deliveries"]
    address_id = ana.addresses.get().pk
    assert row["delivery_id"] == f"{delivery.execution_id}-{ana.pk}-{address_id}"
    assert (row["outcome"], row["address"], row["provider_response"]) == ("failed", "ana@example.test", "550 no")
    assert row["template_id"] and row["template_version"] == 1


def test_pages_of_events_and_executions_join_without_a_seam(
    api: Api, ana: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_ROWS", 2)
    monkeypatch.setattr(ledger, "EXECUTIONS_AT_ONCE", 2)
    names = [make_event(ana).name for _ in range(5)]
    executions = [delivered(ana).execution_id for _ in range(5)]
    found = exported(api, ana)
    assert [one["name"] for one in found["events"]] == names
    assert [one["execution_id"] for one in found["deliveries"]] == executions


def test_it_is_audited_without_a_name(api: Api, ana: Contact) -> None:
    exported(api, ana)
    entry = AuditEntry.objects.get(action="exported")
    assert (entry.object_type, entry.object_id, entry.object_name) == ("contact", ana.pk, f"contact {ana.pk}")


def test_people_of_others_are_not_found(other_api: Api, ana: Contact) -> None:
    assert other_api.get(f"/api/v1/contacts/{ana.pk}/export").status_code == 404
