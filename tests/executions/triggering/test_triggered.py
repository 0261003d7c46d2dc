"""An event says what it triggered: over the API, and in the admin."""

from typing import Any

import pytest
from django.test import Client

from common.authorship import SYSTEM
from executions.models import TriggerActivation
from executions.triggering.services import deactivate_trigger
from tests.admin.conftest import signed_in
from tests.api_client import Api
from tests.executions.triggering.events import activated, happened, work
from tests.executions.triggering.test_waiting import ago, make_due
from tests.factories import make_contact, make_member, make_segment
from workspaces.models import Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db(transaction=True)
SKU = {"sku": "A1"}
EVENTS = "/api/v1/events"


def triggered(api: Api) -> list[list[dict[str, Any]]]:
    """Oldest event first."""
    answer = api.get(EVENTS)
    assert answer.status_code == 200, answer.content
    return [one["triggered"] for one in reversed(answer.json()["results"])]


def states(api: Api) -> list[list[str]]:
    return [[one["state"] for one in entries] for entries in triggered(api)]


def rows(viewer: Client) -> str:
    return viewer.get("/admin/audiences/event/rows/").content.decode()


@pytest.fixture
def viewer(workspace: Workspace) -> Client:
    return signed_in(make_member(workspace, Role.VIEWER))


def test_an_event_waits_for_the_delay(api: Api, workspace: Workspace, viewer: Client) -> None:
    contact = make_contact(workspace, external_id="user-1")
    happened(contact, properties=SKU)  # before it is active
    activation = activated(workspace, delay_seconds=3600)
    happened(contact, properties=SKU)
    happened(contact, "looked")
    assert states(api) == [[], ["waiting"], []]
    [[], [waits], []] = triggered(api)
    assert (waits["campaign_id"], waits["execution_id"], waits["outcome"]) == (activation.campaign_id, None, None)
    assert "Waits until" in rows(viewer)


def test_what_was_sent_leads_to_its_delivery(api: Api, workspace: Workspace, viewer: Client) -> None:
    activation = activated(workspace)
    happened(make_contact(workspace, external_id="user-1"), properties=SKU)
    happened(make_contact(workspace, email=None), properties=SKU)
    [execution] = work(activation)
    [[sent], [skipped]] = triggered(api)
    assert (sent["state"], sent["outcome"], sent["execution_id"]) == ("launched", "sent", execution.pk)
    assert sent["url"] == f"/api/v1/executions/{execution.pk}"
    assert (skipped["outcome"], skipped["reason"]) == ("skipped", "unreachable")
    text = rows(viewer)
    assert f"/admin/executions/execution/{execution.pk}/deliveries/?external_id=user-1" in text
    assert "Skipped: The contact has no address of this type" in text


def test_who_triggers_twice_in_an_hour_has_an_execution_for_each(api: Api, workspace: Workspace) -> None:
    activation, contact = activated(workspace), make_contact(workspace)
    for _ in range(2):
        happened(contact, properties=SKU)
        work(activation)
    found = [one["execution_id"] for [one] in triggered(api)]
    assert found == [one.pk for one in work(activation)]


def test_why_nothing_was_sent_is_said(api: Api, workspace: Workspace, viewer: Client) -> None:
    activation = activated(workspace, per_contact="once", cancel_event="order placed", delay_seconds=600)
    one, two = make_contact(workspace), make_contact(workspace)
    happened(one, properties=SKU)
    happened(one, properties=SKU)
    happened(two, properties=SKU, at=ago(minutes=5))
    happened(two, "order placed", at=ago(minutes=1))
    forward(activation)
    work(activation)
    assert states(api) == [["launched"], ["repeated"], ["cancelled"], []]
    happened(two, properties=SKU)
    deactivate_trigger(campaign=activation.campaign, actor=SYSTEM)
    work(activation)
    assert states(api)[-1] == ["dropped"]
    text = rows(viewer)
    for words in ("Not again: this contact had it", "Cancelled by another event", "Dropped: deactivated"):
        assert words in text, words


def forward(activation: TriggerActivation) -> None:
    """As if the delay were over, and there never had been one: who looks for an execution goes by the delay."""
    make_due(activation)
    TriggerActivation.objects.filter(pk=activation.pk).update(definition={**activation.definition, "delay_seconds": 0})


def test_an_event_of_the_business_leads_to_what_it_launched(api: Api, workspace: Workspace, viewer: Client) -> None:
    rule = {"type": "attribute", "name": "watched", "value_type": "list", "operator": "has", "value": {"event": "sku"}}
    audience = {"type": "segment", "id": make_segment(workspace, rule).pk, "exclude": []}
    activation = activated(workspace, business=True, audience=audience)
    make_contact(workspace, attributes={"watched": ["A1"], "first_name": "Ana"})
    happened(None, workspace=workspace, properties=SKU)
    happened(None, workspace=workspace, properties={})
    [execution] = work(activation)
    [[launched], [refused]] = triggered(api)
    assert (launched["execution_id"], launched["outcome"]) == (execution.pk, None)
    assert refused["state"] == "refused"
    assert f"/admin/executions/execution/{execution.pk}/live/" in rows(viewer)


def test_two_campaigns_upon_one_event_are_both_named(api: Api, workspace: Workspace) -> None:
    both = [activated(workspace), activated(workspace, delay_seconds=60)]
    happened(make_contact(workspace), properties=SKU)
    work(both[0])
    [found] = triggered(api)
    assert [(one["activation_id"], one["state"]) for one in found] == [
        (both[0].pk, "launched"),
        (both[1].pk, "waiting"),
    ]


def test_nothing_of_another_workspace_is_told(api: Api, workspace: Workspace, other_workspace: Workspace) -> None:
    activated(other_workspace)
    happened(make_contact(workspace), properties=SKU)
    assert triggered(api) == [[]]
