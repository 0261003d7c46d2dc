"""Triggers in the admin: the campaign's form, and the page that activates it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from audiences.events.models import EventTrigger
from audiences.events.server_events import accept_events
from campaigns.models import Campaign
from campaigns.triggers import wire_trigger_of
from executions.models import TriggerActivation
from tests.admin.test_setup import CAMPAIGN
from tests.factories import make_campaign, make_cap, make_contact, make_event, make_list, make_segment, make_trigger
from workspaces.models import AuditEntry, Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db
Staff = Callable[[Role], Client]
ADD = "/admin/campaigns/campaign/add/"
FILTER = '[{"name": "total", "value_type": "number", "operator": "at_least", "value": 20}]'
TYPED = {
    **CAMPAIGN,
    "name": "Cart",
    "trigger_on": "contact",
    "trigger_event": "cart_updated",
    "trigger_where": FILTER,
    "trigger_delay": "1",
    "trigger_delay_unit": "hours",
    "trigger_per_contact": "window",
    "trigger_window": "2",
    "trigger_window_unit": "days",
    "trigger_cancel_event": "order_placed",
    "trigger_cancel_where": "[]",
}


def change(campaign: Campaign) -> str:
    return f"/admin/campaigns/campaign/{campaign.pk}/change/"


def activate(campaign: Campaign) -> str:
    return f"/admin/campaigns/campaign/{campaign.pk}/activate/"


def shown(client: Client, path: str) -> dict[str, Any]:
    """What a browser would send of the form as it is shown."""
    form = client.get(path).context["adminform"].form
    found = {name: form[name].value() for name in form.fields if not form.fields[name].disabled}
    return {name: value for name, value in found.items() if value not in (None, False)}


def test_what_is_typed_becomes_the_trigger(staff: Staff, workspace: Workspace) -> None:
    assert staff(Role.EDITOR).post(ADD, TYPED).status_code == 302
    assert wire_trigger_of(Campaign.objects.get()) == {
        "event": "cart_updated",
        "where": [{"name": "total", "value_type": "number", "operator": "at_least", "value": 20}],
        "delay_seconds": 3600,
        "per_contact": {"window_seconds": 172_800},
        "cancel_on": {"event": "order_placed", "where": []},
        "audience": None,
    }
    assert not EventTrigger.objects.get().active


def test_a_business_event_launches_to_what_is_chosen(staff: Staff, workspace: Workspace) -> None:
    segment, fixed = make_segment(workspace), make_list(workspace)
    typed = {
        **CAMPAIGN, "name": "Price", "trigger_on": "business", "trigger_event": "price_dropped",
        "trigger_sources": [f"segment:{segment.pk}"], "trigger_exclude": [f"list:{fixed.pk}"],
    }  # fmt: skip
    assert staff(Role.EDITOR).post(ADD, typed).status_code == 302
    audience = EventTrigger.objects.get().audience
    assert audience == {"type": "segment", "id": segment.pk, "exclude": [{"type": "list", "id": fixed.pk}]}


@pytest.mark.parametrize("business", [False, True])
def test_saving_the_form_as_it_is_shown_changes_nothing(business: bool, staff: Staff, workspace: Workspace) -> None:
    campaign, client = make_campaign(workspace), staff(Role.EDITOR)
    audience = {"type": "any_of", "sources": [{"type": "list", "id": make_list(workspace).pk}] * 1, "exclude": []}
    whole = {"delay_seconds": 5400, "per_contact": "window", "window_seconds": 90, "cancel_event": "b"}
    make_trigger(campaign, **({"business": True, "audience": audience} if business else whole))
    before = wire_trigger_of(campaign)
    assert client.post(change(campaign), shown(client, change(campaign))).status_code == 302
    after = wire_trigger_of(campaign)
    if business:
        assert before is not None and after is not None
        assert after["audience"]["id"] == before["audience"]["sources"][0]["id"]
    else:
        assert after == before


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"trigger_event": ""}, "trigger_event"),
        ({"trigger_event": "x" * 201}, "trigger_event"),
        ({"trigger_event": "a\0b"}, "trigger_event"),
        ({"trigger_where": "nonsense"}, "trigger_where"),
        ({"trigger_where": "{}"}, "trigger_where"),
        ({"trigger_where": "[" * 5_000}, "trigger_where"),
        ({"trigger_where": '[{"name": "a"}]'}, "trigger_where"),
        ({"trigger_where": '[{"name": "\\ud800"}]'}, "trigger_where"),
        ({"trigger_delay": "31", "trigger_delay_unit": "days"}, "trigger_delay"),
        ({"trigger_delay": "-1"}, "trigger_delay"),
        ({"trigger_delay": "9" * 40}, "trigger_delay"),
        ({"trigger_delay_unit": "fortnights"}, "trigger_delay_unit"),
        ({"trigger_window": ""}, "trigger_per_contact"),
        ({"trigger_cancel_where": '[{"name": "a"}]'}, "trigger_cancel_where"),
        ({"trigger_cancel_event": "", "trigger_cancel_where": FILTER}, "trigger_cancel_event"),
        ({"trigger_on": "business"}, "trigger_sources"),
        ({"trigger_on": "business", "trigger_sources": ["list:7"]}, "trigger_sources"),
        ({"trigger_on": "nobody"}, "trigger_on"),
        ({"once": "on"}, "once"),
    ],
)
def test_what_is_wrong_is_shown_at_its_field(
    typed: dict[str, Any], field: str, staff: Staff, workspace: Workspace
) -> None:
    answer = staff(Role.EDITOR).post(ADD, {**TYPED, **typed})
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]
    assert not Campaign.objects.exists()


def test_sources_of_another_workspace_are_not_offered(
    staff: Staff, workspace: Workspace, other_workspace: Workspace
) -> None:
    foreign = make_list(other_workspace, name="Theirs")
    client = staff(Role.EDITOR)
    assert "Theirs" not in client.get(ADD).content.decode()
    typed = {**TYPED, "trigger_on": "business", "trigger_sources": [f"list:{foreign.pk}"]}
    assert list(client.post(ADD, typed).context["adminform"].form.errors) == ["trigger_sources"]


def test_while_it_is_active_its_trigger_stays(staff: Staff, workspace: Workspace) -> None:
    campaign, client = make_campaign(workspace, name="Cart"), staff(Role.LAUNCHER)
    make_trigger(
        campaign, event_name="cart_updated", conditions=[{"name": "a", "value_type": "any", "operator": "exists"}]
    )
    client.post(activate(campaign), {"move": "activate", "frequency_capping": "on"})
    before = wire_trigger_of(campaign)
    typed = {**shown(client, change(campaign)), "name": "Other", "trigger_event": "other", "trigger_on": ""}
    assert client.post(change(campaign), typed).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.name, wire_trigger_of(campaign)) == ("Other", before)


def test_the_page_says_what_will_be_sent_upon_what(staff: Staff, workspace: Workspace) -> None:
    campaign = make_campaign(workspace)
    make_trigger(campaign, event_name="cart_updated", delay_seconds=7200, cancel_event="order_placed")
    make_cap(workspace, type="email", max=2, window_seconds=86_400)
    contact = make_contact(workspace)
    for _ in range(3):
        make_event(contact, name="cart_updated")
    text = staff(Role.VIEWER).get(activate(campaign)).content.decode()
    for words in (
        "cart_updated",
        "2 hours later",
        "order_placed comes before it is sent",
        "2 email in",
        "Each contact every time",
    ):
        assert words in text, words
    assert "3 events of 1 contact would have fitted" in text
    assert 'value="activate"' not in text
    assert "takes the role of a launcher" in text


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"sku": "A-1"}, 'launched to <strong class="v-number">2</strong> contacts'),
        ({"sku": 7}, 'launched to <strong class="v-number">0</strong> contacts'),
        ({}, "The event has no property &quot;sku&quot;"),
    ],
)
def test_the_latest_event_of_the_business_shows_whom_it_would_have_reached(
    properties: dict[str, Any], words: str, staff: Staff, workspace: Workspace
) -> None:
    for _ in range(2):
        make_contact(workspace, attributes={"watched": ["A-1"]})
    rule = {"type": "attribute", "name": "watched", "value_type": "list", "operator": "has", "value": {"event": "sku"}}
    audience = {"type": "segment", "id": make_segment(workspace, rule).pk, "exclude": []}
    campaign, client = make_campaign(workspace), staff(Role.VIEWER)
    make_trigger(campaign, event_name="price_dropped", business=True, audience=audience)
    assert "launched to" not in client.get(activate(campaign)).content.decode()
    accept_events(workspace_id=workspace.pk, rows=[{"name": "price_dropped", "properties": properties}])
    text = client.get(activate(campaign)).content.decode()
    assert "1 such event came" in text
    assert words in text


def test_who_was_to_be_sent_to_still_can_be_dropped(staff: Staff, workspace: Workspace) -> None:
    campaign, client = make_campaign(workspace), staff(Role.LAUNCHER)
    make_trigger(campaign, event_name="left", delay_seconds=3600)
    client.post(activate(campaign), {"move": "activate"})
    contact = make_contact(workspace)
    accept_events(workspace_id=workspace.pk, rows=[{"name": "left", "external_id": contact.external_id}])
    client.post(activate(campaign), {"move": "deactivate", "send_waiting": "on"})
    assert "Drop who waits" in client.get(activate(campaign)).content.decode()
    client.post(activate(campaign), {"move": "deactivate"})
    assert TriggerActivation.objects.get().drops_waiting
    assert "Drop who waits" not in client.get(activate(campaign)).content.decode()


def test_a_launcher_activates_and_deactivates_it(staff: Staff, workspace: Workspace) -> None:
    campaign, client = make_campaign(workspace), staff(Role.LAUNCHER)
    make_trigger(campaign)
    typed = {"move": "activate", "rate_per_minute": "60", "name": ["offer", ""], "value": ["10%", ""]}
    for _ in range(2):  # a double click
        assert client.post(activate(campaign), typed)["Location"] == activate(campaign)
    made = TriggerActivation.objects.get()
    assert (made.frequency_capping, made.rate_per_minute, made.personalization) == (False, 60, {"offer": "10%"})
    assert "Active" in client.get(activate(campaign)).content.decode()
    listed = client.get("/admin/campaigns/campaign/?trigger=active").content.decode()
    assert activate(campaign) in listed
    assert client.get("/admin/campaigns/campaign/?trigger=none").context["cl"].result_count == 0
    assert client.post(activate(campaign), {"move": "deactivate"}).status_code == 302
    made.refresh_from_db()
    assert (made.ended_at is not None, made.drops_waiting) == (True, True)
    actions = AuditEntry.objects.filter(object_type="campaign", actor_kind="user").order_by("pk")
    assert [one.action for one in actions] == ["activated", "deactivated"]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"rate_per_minute": "many"}, "a whole number of messages a minute"),
        ({"rate_per_minute": "9" * 20}, "The rate is between"),
        ({"name": "event", "value": "x"}, "event is reserved"),
        ({"name": "offer", "value": "a\0b"}, "NUL"),
        ({"name": "a\0b", "value": "x"}, "NUL"),
        ({"name": "x" * 5_000, "value": "x"}, "at most"),
    ],
)
def test_what_is_wrong_activates_nothing(typed: dict[str, str], words: str, staff: Staff, workspace: Workspace) -> None:
    campaign = make_campaign(workspace)
    make_trigger(campaign)
    answer = staff(Role.LAUNCHER).post(activate(campaign), {"move": "activate", **typed})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not TriggerActivation.objects.exists()


def test_an_editor_does_not_activate(staff: Staff, workspace: Workspace) -> None:
    campaign = make_campaign(workspace)
    make_trigger(campaign)
    assert staff(Role.EDITOR).post(activate(campaign), {"move": "activate"}).status_code == 403
    assert not TriggerActivation.objects.exists()


def test_a_campaign_without_a_trigger_says_where_to_give_it_one(staff: Staff, workspace: Workspace) -> None:
    campaign = make_campaign(workspace)
    client = staff(Role.LAUNCHER)
    assert "No event triggers this campaign" in client.get(activate(campaign)).content.decode()
    answer = client.post(activate(campaign), {"move": "activate"})
    assert answer.status_code == 422


def test_an_active_campaign_is_not_archived_and_the_page_says_why(staff: Staff, workspace: Workspace) -> None:
    campaign, client = make_campaign(workspace), staff(Role.LAUNCHER)
    make_trigger(campaign)
    client.post(activate(campaign), {"move": "activate"})
    body = {"action": "archive_selected", "_selected_action": campaign.pk}
    answer = client.post("/admin/campaigns/campaign/", body, follow=True)
    assert "can&#x27;t be archived" in answer.content.decode()
    campaign.refresh_from_db()
    assert campaign.state == "draft"


def test_viewers_read_the_trigger_in_words(staff: Staff, workspace: Workspace) -> None:
    campaign = make_campaign(workspace)
    make_trigger(campaign, event_name="cart_updated", delay_seconds=60, per_contact="once")
    text = staff(Role.VIEWER).get(change(campaign)).content.decode()
    assert "1 minute after cart_updated. Each contact once, and never again." in text
