"""Whatever is refused upon an event says why, and how to mend it: where the event is read, and on its campaign."""

from typing import Any

import pytest
from django.test import Client

from audiences.events.models import EventTrigger
from common.errors import Invalid
from executions.models import TriggerActivation
from executions.reading.activations import NEEDS_APPROVAL
from executions.triggering import services
from tests.admin.conftest import signed_in
from tests.api_client import Api
from tests.executions.triggering.events import EVENT, activate, activated, happened, make_triggered, work
from tests.executions.triggering.test_triggered import rows, triggered
from tests.executions.triggering.test_waiting import make_due
from tests.executions.work import counts
from tests.factories import make_contact, make_list, make_member, make_segment
from workspaces.models import Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db(transaction=True)
SKU = {"sku": "A1"}
RULE = {"type": "attribute", "name": "watched", "value_type": "list", "operator": "has", "value": {"event": "sku"}}


@pytest.fixture
def viewer(workspace: Workspace) -> Client:
    return signed_in(make_member(workspace, Role.VIEWER))


def said(api: Api) -> tuple[str, str | None, str | None, str | None]:
    """Of the latest event: what became of it, and why."""
    [one] = triggered(api)[-1]
    return one["state"], one["reason"], one["message"], one["hint"]


def business(workspace: Workspace, audience: dict[str, Any] | None = None) -> TriggerActivation:
    found = audience or {"type": "segment", "id": make_segment(workspace, RULE).pk, "exclude": []}
    return activated(workspace, business=True, audience=found)


def test_an_event_that_lacks_a_property_says_which(api: Api, workspace: Workspace, viewer: Client) -> None:
    activation = business(workspace)
    happened(None, workspace=workspace, properties={})
    work(activation)
    state, reason, message, hint = said(api)
    assert (state, reason) == ("refused", "missing_property")
    assert message is not None and 'no property "sku"' in message
    assert hint is not None and "change the rule" in hint
    text = rows(viewer)
    assert "Refused" in text and "no property &quot;sku&quot;" in text and "change the rule" in text


def test_a_list_that_is_archived_meanwhile_is_no_audience(api: Api, workspace: Workspace) -> None:
    people = make_list(workspace)
    activation = business(workspace, {"type": "list", "id": people.pk, "exclude": []})
    type(people).objects.filter(pk=people.pk).update(archived_at="2026-01-01T00:00:00Z")
    happened(None, workspace=workspace, properties={})
    assert work(activation) == []
    assert said(api)[:3] == ("refused", "archived", "This list is archived.")


def test_too_many_in_an_hour_say_which_setting_it_is(
    api: Api, workspace: Workspace, viewer: Client, settings: Any
) -> None:
    settings.BUSINESS_EVENTS_PER_HOUR = 1
    activation = business(workspace)
    for _ in range(2):
        happened(None, workspace=workspace, properties=SKU)
    work(activation)
    state, _, message, hint = said(api)
    assert (state, message) == (
        "too_often",
        "There were more within an hour than are sent upon: a loop, most likely.",
    )
    assert hint is not None and "VOLLEY_BUSINESS_EVENTS_PER_HOUR" in hint
    assert "VOLLEY_BUSINESS_EVENTS_PER_HOUR" in rows(viewer)


@pytest.mark.parametrize("delay", [0, 600])
def test_an_active_trigger_rests_while_launches_are_to_be_approved(
    delay: int, api: Api, workspace: Workspace, viewer: Client
) -> None:
    activation = activated(workspace, delay_seconds=delay)
    url = f"/api/v1/campaigns/{activation.campaign_id}/activation"
    page = f"/admin/campaigns/campaign/{activation.campaign_id}/activate/"
    assert api.get(url).json()["state_reason"] is None
    happened(make_contact(workspace), properties=SKU)
    Workspace.objects.filter(pk=workspace.pk).update(requires_approval=True)
    make_due(activation)
    assert work(activation) == []
    assert activation.counts == {"refused": 1}
    assert said(api)[:2] == ("refused", "approval_required")
    assert api.get(url).json()["state_reason"] == NEEDS_APPROVAL
    assert "Nothing is sent upon its events" in viewer.get(page).content.decode()
    Workspace.objects.filter(pk=workspace.pk).update(requires_approval=False)
    happened(make_contact(workspace), properties=SKU)
    make_due(activation)
    [execution] = work(activation)
    assert counts(execution) == {"sent": 1}


def test_what_was_launched_before_approval_was_asked_for_goes_on(workspace: Workspace) -> None:
    activation = business(workspace)
    make_contact(workspace, attributes={"watched": ["A1"]})
    happened(None, workspace=workspace, properties=SKU)
    [execution] = work(activation)
    Workspace.objects.filter(pk=workspace.pk).update(requires_approval=True)
    happened(None, workspace=workspace, properties=SKU)
    assert work(activation) == [execution]
    assert activation.counts == {"promoted": 1, "refused": 1}


def test_one_event_has_a_bounded_number_of_campaigns(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_OF_AN_EVENT", 2)
    for _ in range(2):
        activated(workspace)
    activated(workspace, event_name="another")
    with pytest.raises(Invalid) as refused:
        activate(make_triggered(workspace))
    [error] = refused.value.errors
    assert (error.field, error.code, error.limit, error.value) == ("trigger.event", "too_many", 2, EVENT)
    assert EventTrigger.objects.filter(activation_id__isnull=False).count() == 3
