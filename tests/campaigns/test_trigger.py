"""The `trigger` of a campaign over the API: written, read back, changed, refused."""

from typing import Any

import pytest

from audiences.events.models import EventTrigger
from campaigns.models import Campaign
from campaigns.trigger_words import conditions_words, trigger_words
from tests.api_client import Api
from tests.campaigns.test_create import codes
from tests.factories import make_campaign, make_list, make_segment, make_trigger
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db
URL = "/api/v1/campaigns"
FILTER = {"name": "total", "value_type": "number", "operator": "at_least", "value": 20}
WHOLE: dict[str, Any] = {
    "event": "cart_updated",
    "where": [FILTER],
    "delay_seconds": 3600,
    "per_contact": {"window_seconds": 86_400},
    "cancel_on": {"event": "order_placed", "where": [FILTER]},
    "audience": None,
}


SAME_CART = {"name": "cart_id", "value_type": "text", "operator": "equals", "value": {"event": "cart_id"}}
SAME_DAY = {"name": "day", "value_type": "date", "operator": "on", "value": {"event": "day"}}


def _cancelled_by(condition: Any) -> dict[str, Any]:
    return {"event": "a", "cancel_on": {"event": "b", "where": [condition]}}


def test_what_cancels_may_be_compared_with_the_event_that_triggers(api: Api) -> None:
    several = {"name": "sku", "value_type": "text", "operator": "in", "values": {"event": "skus"}}
    trigger = {"event": "cart_left", "cancel_on": {"event": "order_placed", "where": [SAME_CART, several]}}
    made = api.post(URL, {"type": "email", "trigger": trigger}).json()
    assert made["trigger"]["cancel_on"] == trigger["cancel_on"]
    words = trigger_words(EventTrigger.objects.get(campaign_id=made["campaign_id"]))
    assert words == "cart_left, unless order_placed"
    kept = EventTrigger.objects.get(campaign_id=made["campaign_id"]).cancel_conditions
    assert conditions_words(kept) == "cart_id is its cart_id and sku is one of its skus"


def test_a_trigger_is_answered_as_it_was_given_and_launches_nothing(api: Api) -> None:
    made = api.post(URL, {"type": "email", "trigger": WHOLE}).json()
    assert (made["trigger"], made["active"]) == (WHOLE, False)
    assert api.get(made["url"]).json()["trigger"] == WHOLE
    [listed] = api.get(URL).json()["results"]
    assert listed["trigger"] == WHOLE
    kept = EventTrigger.objects.get(campaign_id=made["campaign_id"])
    assert (kept.event_name, kept.active, kept.business) == ("cart_updated", False, False)


def test_only_the_event_is_required(api: Api) -> None:
    made = api.post(URL, {"type": "email", "trigger": {"event": " signed_up "}}).json()
    assert made["trigger"] == {
        "event": "signed_up", "where": [], "delay_seconds": 0, "per_contact": "every", "cancel_on": None,
        "audience": None,
    }  # fmt: skip


def test_a_business_event_has_an_audience(api: Api, workspace: Workspace) -> None:
    audience = {"type": "segment", "id": make_segment(workspace).pk}
    made = api.post(URL, {"type": "email", "trigger": {"event": "price_dropped", "audience": audience}}).json()
    assert made["trigger"]["audience"] == {**audience, "exclude": []}
    again = api.patch(made["url"], {"trigger": made["trigger"]}).json()
    assert again["trigger"] == made["trigger"]


def test_a_trigger_is_changed_whole_and_taken_away(api: Api) -> None:
    url = api.post(URL, {"type": "email", "trigger": WHOLE}).json()["url"]
    assert api.patch(url, {"name": "Cart"}).json()["trigger"] == WHOLE
    changed = api.patch(url, {"trigger": {"event": "cart_left", "per_contact": "once"}}).json()
    assert (changed["trigger"]["per_contact"], changed["trigger"]["cancel_on"]) == ("once", None)
    assert api.patch(url, {"trigger": None}).json()["trigger"] is None
    assert not EventTrigger.objects.exists()
    entries = AuditEntry.objects.filter(action="changed").order_by("pk").values_list("details", flat=True)
    assert [one["fields"] for one in entries] == [["name"], ["trigger"], ["trigger"]]


@pytest.mark.parametrize(
    ("trigger", "field", "code"),
    [
        ("cart_updated", "trigger", "wrong_type"),
        ([], "trigger", "wrong_type"),
        ({}, "trigger.event", "required"),
        ({"event": " "}, "trigger.event", "required"),
        ({"event": "x" * 10_000}, "trigger.event", "too_long"),
        ({"event": {"name": "x"}}, "trigger.event", "wrong_type"),
        ({"event": "a", "delay": 5}, "trigger.delay", "unknown_field"),
        ({"event": "a", "delay_seconds": -1}, "trigger.delay_seconds", "too_small"),
        ({"event": "a", "delay_seconds": 2_592_001}, "trigger.delay_seconds", "too_large"),
        ({"event": "a", "delay_seconds": "1h"}, "trigger.delay_seconds", "wrong_type"),
        ({"event": "a", "delay_seconds": True}, "trigger.delay_seconds", "wrong_type"),
        ({"event": "a", "per_contact": "twice"}, "trigger.per_contact", "unknown_choice"),
        ({"event": "a", "per_contact": ["once"]}, "trigger.per_contact", "unknown_choice"),
        ({"event": "a", "per_contact": {}}, "trigger.per_contact.window_seconds", "required"),
        ({"event": "a", "per_contact": {"window_seconds": 59}}, "trigger.per_contact.window_seconds", "too_small"),
        ({"event": "a", "where": {}}, "trigger.where", "wrong_type"),
        ({"event": "a", "where": [FILTER] * 11}, "trigger.where", "too_many"),
        ({"event": "a", "where": [{**FILTER, "value": "20"}]}, "trigger.where[0].value", "wrong_type"),
        ({"event": "a", "where": [{**FILTER, "value": {"event": "b"}}]}, "trigger.where[0].value", "wrong_type"),
        ({"event": "a", "cancel_on": "b"}, "trigger.cancel_on", "wrong_type"),
        ({"event": "a", "cancel_on": {}}, "trigger.cancel_on.event", "required"),
        ({"event": "a", "cancel_on": {"event": "b", "in": 5}}, "trigger.cancel_on.in", "unknown_field"),
        (_cancelled_by({**SAME_CART, "value": {"event": ""}}), "trigger.cancel_on.where[0].value.event", "required"),
        (
            _cancelled_by({**SAME_CART, "value": {}}),
            "trigger.cancel_on.where[0].value.event",
            "required",
        ),
        (_cancelled_by({**SAME_CART, "operator": "exists"}), "trigger.cancel_on.where[0].operator", "unknown_choice"),
        (_cancelled_by(SAME_DAY), "trigger.cancel_on.where[0].value_type", "not_allowed"),
        ({"event": "a", "audience": {"type": "everyone"}}, "trigger.audience.type", "unknown_choice"),
        ({"event": "a", "audience": {"type": "list", "id": 987654321}}, "trigger.audience.id", "not_found"),
        (
            {"event": "a", "audience": {"type": "contacts", "contacts": [{"external_id": "u"}]}},
            "trigger.audience.type",
            "not_allowed",
        ),
        ({"event": "a", "audience": {"type": "all"}, "cancel_on": {"event": "b"}}, "trigger.cancel_on", "not_allowed"),
        ({"event": "a", "audience": {"type": "all"}, "per_contact": "once"}, "trigger.per_contact", "not_allowed"),
    ],
)
def test_what_is_wrong_is_named_where_it_is(trigger: Any, field: str, code: str, api: Api) -> None:
    assert codes(api.post(URL, {"type": "email", "trigger": trigger})) == {field: code}
    assert not Campaign.objects.exists()


def test_everything_wrong_is_said_at_once(api: Api) -> None:
    trigger = {"event": "", "delay_seconds": -1, "where": [{}], "cancel_on": {"event": 7}, "audience": 7}
    found = codes(api.post(URL, {"type": "emial", "trigger": trigger}))
    assert found.keys() >= {
        "type", "trigger.event", "trigger.delay_seconds", "trigger.where[0].value_type", "trigger.cancel_on.event",
        "trigger.audience",
    }  # fmt: skip


@pytest.mark.parametrize(("levels", "status"), [(20, 422), (200, 400)])
def test_a_condition_nested_without_end_is_refused(levels: int, status: int, api: Api) -> None:
    deep: Any = {}
    for _ in range(levels):
        deep = {"not": deep}
    answer = api.post(URL, {"type": "email", "trigger": {"event": "a", "where": [deep], "audience": deep}})
    assert answer.status_code == status


def test_what_belongs_to_somebody_else_is_not_found(api: Api, other_workspace: Workspace) -> None:
    sources = [
        {"type": "list", "id": make_list(other_workspace).pk},
        {"type": "segment", "id": make_segment(other_workspace).pk},
    ]
    trigger = {"event": "a", "audience": {"type": "any_of", "sources": sources}}
    found = codes(api.post(URL, {"type": "email", "trigger": trigger}))
    assert found == {f"trigger.audience.sources[{place}].id": "not_found" for place in (0, 1)}


def test_once_and_a_trigger_exclude_each_other(api: Api) -> None:
    assert codes(api.post(URL, {"type": "email", "once": True, "trigger": WHOLE})) == {"once": "not_allowed"}
    url = api.post(URL, {"type": "email", "once": True}).json()["url"]
    assert codes(api.patch(url, {"trigger": WHOLE})) == {"once": "not_allowed"}


def test_a_cancelling_event_without_a_delay_is_warned_of(api: Api) -> None:
    trigger = {"event": "a", "cancel_on": {"event": "b"}}
    made = api.post(URL, {"type": "email", "trigger": trigger}).json()
    assert [one["code"] for one in made["warnings"]] == ["no_template", "no_delay"]


def test_the_trigger_of_an_active_campaign_stays_and_the_rest_is_said_to_apply_later(
    api: Api, workspace: Workspace
) -> None:
    campaign = make_campaign(workspace)
    make_trigger(campaign, event_name="cart_updated", activation_id=7)
    url = f"{URL}/{campaign.pk}"
    for trigger in (WHOLE, None):
        answer = api.patch(url, {"trigger": trigger})
        assert (answer.status_code, answer.json()["code"]) == (409, "active")
        assert "deactivate" in answer.json()["detail"]
    same = api.patch(url, {"trigger": {"event": "cart_updated"}})
    assert (same.status_code, same.json()["active"]) == (200, True)
    changed = api.patch(url, {"name": "Other"}).json()
    assert [one["code"] for one in changed["warnings"]] == ["applies_later"]


def test_an_active_campaign_is_not_archived(api: Api, workspace: Workspace) -> None:
    campaign = make_campaign(workspace)
    trigger = make_trigger(campaign, activation_id=7)
    answer = api.post(f"{URL}/{campaign.pk}/archive")
    assert (answer.status_code, answer.json()["code"]) == (409, "active")
    EventTrigger.objects.filter(pk=trigger.pk).update(activation_id=None)
    assert api.post(f"{URL}/{campaign.pk}/archive").json()["state"] == "archived"


def test_lists_filter_by_what_is_active(api: Api, workspace: Workspace) -> None:
    active, resting, plain = (make_campaign(workspace) for _ in range(3))
    make_trigger(active, activation_id=7)
    make_trigger(resting)
    found = {word: api.get(f"{URL}?active={word}").json()["results"] for word in ("true", "false")}
    assert [one["campaign_id"] for one in found["true"]] == [active.pk]
    assert [one["campaign_id"] for one in found["false"]] == [plain.pk, resting.pk]
    assert codes(api.get(f"{URL}?active=yes")) == {"active": "unknown_choice"}


def test_a_segment_that_a_trigger_launches_to_is_kept(api: Api, workspace: Workspace) -> None:
    segment = make_segment(workspace)
    audience = {"type": "all", "exclude": [{"type": "segment", "id": segment.pk}]}
    made = api.post(URL, {"type": "email", "trigger": {"event": "a", "audience": audience}}).json()
    answer = api.delete(f"/api/v1/segments/{segment.pk}")
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert f"the trigger of campaign {made['campaign_id']}" in answer.json()["detail"]
    api.post(f"{made['url']}/archive")
    assert api.delete(f"/api/v1/segments/{segment.pk}").status_code == 204
