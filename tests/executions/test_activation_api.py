"""`POST /api/v1/campaigns/{id}/activate` and `…/deactivate`, and reading how a triggered campaign does."""

from typing import Any

import pytest

from audiences.events.models import EventTrigger
from campaigns.models import Campaign
from executions.models import Execution, TriggerActivation
from tests.api_client import Api
from tests.factories import make_campaign, make_contact, make_trigger, publish_again
from workspaces.models import AuditEntry, Workspace
from workspaces.roles import Scope

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    campaign = make_campaign(workspace)
    make_trigger(campaign, event_name="cart_updated", delay_seconds=3600, cancel_event="order_placed")
    return campaign


def url(campaign: Campaign, action: str) -> str:
    return f"/api/v1/campaigns/{campaign.pk}/{action}"


def actions() -> list[str]:
    return list(AuditEntry.objects.filter(object_type="campaign").order_by("pk").values_list("action", flat=True))


def test_activating_answers_what_will_be_sent_on_what(api: Api, campaign: Campaign) -> None:
    answer = api.post(url(campaign, "activate"), {"personalization": {"offer": "10%"}, "rate_per_minute": 60})
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert found["message"] == "Campaign activated successfully"
    assert (found["active"], found["template_version"], found["frequency_capping"]) == (True, 1, True)
    assert (found["personalization"], found["rate_per_minute"], found["waiting"]) == ({"offer": "10%"}, 60, 0)
    assert found["trigger"]["cancel_on"] == {"event": "order_placed", "where": []}
    assert api.get(f"/api/v1/campaigns/{campaign.pk}").json()["active"] is True
    read = api.get(url(campaign, "activation")).json()
    assert read == {name: value for name, value in found.items() if name not in ("status", "message")}
    assert not Execution.objects.exists()


def test_activating_again_changes_nothing(api: Api, campaign: Campaign) -> None:
    first = api.post(url(campaign, "activate"), {"rate_per_minute": 60}).json()
    again = api.post(url(campaign, "activate"), {"rate_per_minute": 99}).json()
    assert (again["activation_id"], again["rate_per_minute"]) == (first["activation_id"], 60)
    assert again["message"] == "The campaign is active already"
    assert actions() == ["activated"]


def test_one_key_activates_once(api: Api, campaign: Campaign) -> None:
    answers = [api.post(url(campaign, "activate"), {}, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1]["Idempotent-Replayed"] == "true"


def test_what_was_changed_counts_from_the_next_activation(api: Api, campaign: Campaign) -> None:
    api.post(url(campaign, "activate"), {})
    assert campaign.template is not None
    publish_again(campaign.template)
    assert api.get(url(campaign, "activation")).json()["template_version"] == 1
    api.post(url(campaign, "deactivate"), {})
    assert api.post(url(campaign, "activate"), {}).json()["template_version"] == 2


def test_deactivating_is_asked_for_as_often_as_one_likes(api: Api, campaign: Campaign) -> None:
    never = api.post(url(campaign, "deactivate"), {}).json()
    assert (never["active"], never["activation_id"], never["message"]) == (False, None, "The campaign was never active")
    api.post(url(campaign, "activate"), {})
    found = [api.post(url(campaign, "deactivate"), {"drop_waiting": False}).json() for _ in range(2)]
    assert found[0] == found[1]
    assert found[0]["deactivated_at"] is not None
    assert not TriggerActivation.objects.get().drops_waiting
    assert actions() == ["activated", "deactivated"]


def test_an_accepted_event_waits_and_is_counted(api: Api, campaign: Campaign) -> None:
    make_contact(campaign.workspace, external_id="user-1")
    api.post("/api/v1/events", {"name": "cart_updated", "external_id": "user-1"})
    api.post(url(campaign, "activate"), {})
    api.post("/api/v1/events", {"name": "cart_updated", "external_id": "user-1"})
    api.post("/api/v1/events", {"name": "looked", "external_id": "user-1"})
    assert api.get(url(campaign, "activation")).json()["waiting"] == 1


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"frequency_capping": "yes"}, "frequency_capping", "wrong_type"),
        ({"personalization": []}, "personalization", "wrong_type"),
        ({"personalization": {"event": "x"}}, "personalization.event", "reserved"),
        ({"rate_per_minute": 0}, "rate_per_minute", "out_of_range"),
        ({"audience": {"type": "all"}}, "audience", "unknown_field"),
    ],
)
def test_a_body_that_is_wrong_activates_nothing(
    body: dict[str, Any], field: str, code: str, api: Api, campaign: Campaign
) -> None:
    answer = api.post(url(campaign, "activate"), body)
    assert answer.status_code == 422, answer.content
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]
    assert not EventTrigger.objects.get().active


def test_what_keeps_a_campaign_from_being_activated_is_said(api: Api, workspace: Workspace) -> None:
    plain = make_campaign(workspace)
    for action in ("activate", "deactivate"):
        answer = api.post(url(plain, action), {})
        assert (answer.status_code, answer.json()["code"]) == (409, "no_trigger")
    bare = api.post("/api/v1/campaigns", {"type": "email", "trigger": {"event": "a"}}).json()
    answer = api.post(f"{bare['url']}/activate", {})
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [("template_id", "required")]
    archived = make_campaign(workspace, state="archived")
    make_trigger(archived)
    assert api.post(url(archived, "activate"), {}).status_code == 409


def test_where_launches_are_approved_nothing_launches_by_itself(api: Api, campaign: Campaign) -> None:
    Workspace.objects.filter(pk=campaign.workspace_id).update(requires_approval=True)
    answer = api.post(url(campaign, "activate"), {})
    assert (answer.status_code, answer.json()["code"]) == (409, "approval_required")


def test_it_takes_the_scope_of_launching(workspace: Workspace, campaign: Campaign) -> None:
    writer = Api.of(workspace)
    workspace.api_keys.update(scopes=[Scope.CAMPAIGNS_READ, Scope.CAMPAIGNS_WRITE, Scope.EXECUTIONS_READ])
    assert writer.post(url(campaign, "activate"), {}).status_code == 403
    assert writer.post(url(campaign, "deactivate"), {}).status_code == 403
    assert writer.get(url(campaign, "activation")).status_code == 200
