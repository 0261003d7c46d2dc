"""Launching: what is frozen, and everything that is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audiences.models import Contact, Upload, UploadState
from campaigns.models import Campaign, CampaignState
from common.authorship import SYSTEM, Actor
from common.errors import Conflict, Invalid
from executions.launching.checks import database_time
from executions.launching.launch import Launched, launch
from executions.launching.request import LaunchRequest
from executions.models import Execution, RecipientData
from executions.states import State
from providers.models import Provider
from tests.factories import (
    make_campaign,
    make_contact,
    make_contacts,
    make_draft_template,
    make_list,
    make_provider,
    make_sender,
    make_template,
    make_workspace,
    publish_again,
)
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db
KEY = Actor(kind="api_key", id=7, name="shop server", author_id=3)


def start(campaign: Campaign, audience: Any, *, actor: Actor = SYSTEM, **more: Any) -> Launched:
    return launch(campaign=campaign, request=LaunchRequest(audience=audience, **more), actor=actor)


def refused(campaign: Campaign, audience: Any, **more: Any) -> dict[str, str]:
    """The codes of a refusal by field; nothing may have been written."""
    with pytest.raises(Invalid) as raised:
        start(campaign, audience, **more)
    assert Execution.objects.filter(campaign=campaign).count() == 0
    return {error.field: error.code for error in raised.value.errors}


@pytest.fixture
def everyone(workspace: Workspace) -> dict[str, Any]:
    return {"type": "list", "id": make_list(workspace, make_contacts(workspace, 2)).pk}


def test_a_launch_freezes_what_the_campaign_says(workspace: Workspace, everyone: dict[str, Any]) -> None:
    sender = make_sender(workspace)
    template = make_template(workspace)
    campaign = make_campaign(
        workspace,
        template=template,
        tags=["Sale", "Brand"],
        sender=sender,
        personalization={"offer": "10%"},
        on_cap="defer",
    )
    execution = start(
        campaign, everyone, personalization={"offer": "20%"}, frequency_capping=False, actor=KEY
    ).execution
    Campaign.objects.filter(pk=campaign.pk).update(name="Renamed", personalization={}, on_cap="skip")
    publish_again(template, content={"subject": "New", "html": "New", "text": "New"})
    execution = Execution.objects.get(pk=execution.pk)
    assert execution.state == State.PLANNING
    assert execution.campaign_name == campaign.name != "Renamed"
    assert (sorted(execution.tags, reverse=True), execution.on_cap, execution.sender) == (
        ["Sale", "Brand"],
        "defer",
        sender,
    )
    assert execution.campaign_personalization == {"offer": "10%"}
    assert execution.personalization == {"offer": "20%"}
    assert execution.frequency_capping is False
    assert execution.template_version.number == 1
    assert execution.audience == {**everyone, "exclude": []}
    assert execution.created_by == {"kind": "api_key", "name": "shop server"}
    assert execution.provider == Provider.objects.get(workspace=workspace)
    assert execution.size is None


def test_a_launch_is_in_the_audit_trail(workspace: Workspace, everyone: dict[str, Any]) -> None:
    execution = start(make_campaign(workspace), everyone, actor=KEY).execution
    entry = AuditEntry.objects.get(object_type="execution", object_id=execution.pk)
    assert (entry.action, entry.actor_name, entry.workspace_id) == ("launched", "shop server", workspace.pk)


@pytest.mark.parametrize(
    ("audience", "errors"),
    [
        (None, {"audience": "required"}),
        ("everyone", {"audience": "wrong_type"}),
        ({}, {"audience.type": "required"}),
        ({"type": "planet"}, {"audience.type": "unknown_choice"}),
        ({"type": ["list"]}, {"audience.type": "unknown_choice"}),
        ({"type": "list"}, {"audience.id": "required"}),
        ({"type": "list", "id": "x1"}, {"audience.id": "wrong_type"}),
        ({"type": "list", "id": True}, {"audience.id": "wrong_type"}),
        ({"type": "list", "id": 10**30}, {"audience.id": "not_found"}),
        ({"type": "list", "id": -1}, {"audience.id": "not_found"}),
        ({"type": "list", "id": 987654321}, {"audience.id": "not_found"}),
        ({"type": "segment", "id": 7}, {"audience.id": "not_found"}),
        ({"type": "upload", "id": 7}, {"audience.id": "not_found"}),
        ({"type": "all", "ids": [1]}, {"audience.ids": "unknown_field"}),
        ({"type": "any_of"}, {"audience.sources": "required"}),
        ({"type": "any_of", "sources": []}, {"audience.sources": "audience_empty"}),
        ({"type": "any_of", "sources": ["list"]}, {"audience.sources[0]": "wrong_type"}),
        (
            {"type": "any_of", "sources": [{"type": "list", "id": 98765}, {"type": "segment", "id": 5}]},
            {"audience.sources[0].id": "not_found", "audience.sources[1].id": "not_found"},
        ),
        ({"type": "any_of", "sources": [{"type": "all"}]}, {"audience.sources[0].type": "unknown_choice"}),
        ({"type": "any_of", "sources": [{"type": "list", "id": 1}] * 51}, {"audience.sources": "too_many"}),
        ({"type": "all", "exclude": {"type": "list"}}, {"audience.exclude": "wrong_type"}),
        ({"type": "all", "exclude": [{"type": "segment", "id": 7}]}, {"audience.exclude[0].id": "not_found"}),
        ({"type": "all", "exclude": [{"type": "list", "id": None}]}, {"audience.exclude[0].id": "required"}),
        ({"type": "contacts"}, {"audience.contacts": "required"}),
        ({"type": "contacts", "contacts": []}, {"audience.contacts": "audience_empty"}),
        ({"type": "contacts", "contacts": {}}, {"audience.contacts": "wrong_type"}),
        ({"type": "contacts", "contacts": [{}] * 10_001}, {"audience.contacts": "too_many"}),
    ],
)
def test_a_malformed_audience_is_refused_by_field(workspace: Workspace, audience: Any, errors: dict[str, str]) -> None:
    make_contact(workspace)
    found = refused(make_campaign(workspace), audience)
    found.pop("audience", None) if "audience" not in errors else None
    assert found == errors


def test_a_source_of_another_workspace_is_as_absent(workspace: Workspace, other_workspace: Workspace) -> None:
    theirs = make_list(other_workspace, make_contacts(other_workspace, 1))
    upload = Upload.objects.create(workspace=other_workspace, name="theirs", format="csv", state=UploadState.FINISHED)
    make_contact(workspace)
    campaign = make_campaign(workspace)
    assert refused(campaign, {"type": "list", "id": theirs.pk}) == {"audience.id": "not_found"}
    assert refused(campaign, {"type": "upload", "id": upload.pk}) == {"audience.id": "not_found"}
    found = refused(campaign, {"type": "all", "exclude": [{"type": "list", "id": theirs.pk}]})
    assert found == {"audience.exclude[0].id": "not_found"}


def test_a_source_that_is_not_usable_says_why(workspace: Workspace) -> None:
    archived = make_list(workspace, make_contacts(workspace, 1), archived_at=datetime.now(UTC))
    waiting = Upload.objects.create(workspace=workspace, name="waiting", format="csv")
    campaign = make_campaign(workspace)
    assert refused(campaign, {"type": "list", "id": archived.pk}) == {"audience.id": "archived"}
    assert refused(campaign, {"type": "upload", "id": waiting.pk}) == {"audience.id": "not_ready"}


def test_an_empty_source_is_refused(workspace: Workspace) -> None:
    campaign, empty = make_campaign(workspace), make_list(workspace)
    assert refused(campaign, {"type": "list", "id": empty.pk}) == {"audience": "audience_empty"}
    assert refused(campaign, {"type": "all"}) == {"audience": "audience_empty"}
    full = make_list(workspace, make_contacts(workspace, 1))
    without_itself = {"type": "list", "id": full.pk, "exclude": [{"type": "list", "id": full.pk}]}
    with pytest.raises(Invalid) as raised:
        start(campaign, without_itself)
    assert raised.value.code == "audience_empty"


def test_ids_may_be_digit_strings(workspace: Workspace, everyone: dict[str, Any]) -> None:
    execution = start(make_campaign(workspace), {"type": "list", "id": str(everyone["id"])}).execution
    assert execution.audience == {**everyone, "exclude": []}


def test_a_campaign_without_a_template_is_refused(workspace: Workspace, everyone: dict[str, Any]) -> None:
    campaign = Campaign.objects.create(workspace=workspace, type="email", name="bare")
    assert refused(campaign, everyone) == {"template_id": "required"}


def test_an_unpublished_an_archived_and_a_foreign_type_template_are_refused(
    workspace: Workspace, everyone: dict[str, Any]
) -> None:
    draft = make_campaign(workspace, template=make_draft_template(workspace))
    archived = make_campaign(workspace, template=make_template(workspace, archived_at=datetime.now(UTC)))
    other = make_campaign(workspace, template=make_template(workspace, "sms"))
    assert refused(draft, everyone) == {"template_id": "not_published"}
    assert refused(archived, everyone) == {"template_id": "archived"}
    assert refused(other, everyone) == {"template_id": "wrong_type"}


def test_a_marketing_email_without_an_unsubscribe_link_is_refused(
    workspace: Workspace, everyone: dict[str, Any]
) -> None:
    content = {"subject": "Hi", "html": "<p>Hi</p>", "text": ""}
    bare = make_template(workspace, purpose="transactional", content=content)
    assert refused(make_campaign(workspace, template=bare), everyone) == {"template_id": "no_unsubscribe_link"}
    receipt = make_campaign(workspace, template=bare, purpose="transactional")
    assert start(receipt, everyone).execution.state == State.PLANNING


def test_push_needs_apps(workspace: Workspace, everyone: dict[str, Any]) -> None:
    assert refused(make_campaign(workspace, "push", apps=[]), everyone) == {"app_ids": "required"}


def test_a_type_without_a_provider_is_refused(db: None) -> None:
    workspace = make_workspace(sandbox=False)
    make_provider(workspace, "smtp", enabled=True)
    make_contact(workspace)
    assert refused(make_campaign(workspace, "sms"), {"type": "all"}) == {"type": "no_provider"}


def test_email_over_a_relay_needs_a_sender(db: None) -> None:
    workspace = make_workspace(sandbox=False)
    make_provider(workspace, "smtp")
    make_contact(workspace)
    assert refused(make_campaign(workspace), {"type": "all"}) == {"sender_id": "required"}


def test_the_default_sender_is_taken_where_the_campaign_names_none(
    workspace: Workspace, everyone: dict[str, Any]
) -> None:
    make_sender(workspace)
    default = make_sender(workspace, is_default=True)
    assert start(make_campaign(workspace), everyone).execution.sender == default


def test_everything_wrong_is_said_at_once(workspace: Workspace) -> None:
    campaign = make_campaign(workspace, "push", apps=[], template=make_draft_template(workspace, "push"))
    found = refused(
        campaign,
        {"type": "list", "id": 987654321, "exclude": [{"type": "list", "id": 987654322}]},
        personalization={"unsubscribe_url": "https://evil.test"},
        scheduled_for=datetime(2020, 1, 1, tzinfo=UTC),
    )
    assert found == {
        "template_id": "not_published",
        "app_ids": "required",
        "audience.id": "not_found",
        "audience.exclude[0].id": "not_found",
        "personalization.unsubscribe_url": "reserved",
        "scheduled_for": "in_the_past",
    }


@pytest.mark.parametrize(
    ("personalization", "errors"),
    [
        ("offer=20%", {"personalization": "wrong_type"}),
        (["offer"], {"personalization": "wrong_type"}),
        ({"": 1}, {"personalization": "invalid_name"}),
        ({"contact": {}}, {"personalization.contact": "reserved"}),
        ({"offer": "x" * 70_000}, {"personalization": "too_large"}),
        ({"offer": "a\x00b"}, {"personalization": "invalid_value"}),
        ({"offer": "\ud800"}, {"personalization": "invalid_value"}),
        ({"offer": 2**70}, {"personalization": "invalid_value"}),
        ({"n" * 101: 1}, {"personalization." + "n" * 20 + "…": "too_long"}),
    ],
)
def test_personalization_is_an_object_of_names_and_values(
    workspace: Workspace, everyone: dict[str, Any], personalization: Any, errors: dict[str, str]
) -> None:
    assert refused(make_campaign(workspace), everyone, personalization=personalization) == errors


def test_a_scheduled_launch_waits(workspace: Workspace, everyone: dict[str, Any]) -> None:
    at = database_time() + timedelta(hours=1)
    execution = start(make_campaign(workspace), everyone, scheduled_for=at).execution
    assert (execution.state, execution.scheduled_for) == (State.SCHEDULED, at)


def test_a_schedule_more_than_a_year_ahead_is_refused(workspace: Workspace, everyone: dict[str, Any]) -> None:
    at = database_time() + timedelta(days=400)
    assert refused(make_campaign(workspace), everyone, scheduled_for=at) == {"scheduled_for": "too_far"}


def test_a_moment_that_just_passed_is_now(workspace: Workspace, everyone: dict[str, Any]) -> None:
    execution = start(
        make_campaign(workspace), everyone, scheduled_for=database_time() - timedelta(seconds=5)
    ).execution
    assert execution.state == State.PLANNING


def test_an_archived_campaign_is_a_conflict(workspace: Workspace, everyone: dict[str, Any]) -> None:
    campaign = make_campaign(workspace, state=CampaignState.ARCHIVED)
    with pytest.raises(Conflict, match="archived"):
        start(campaign, everyone)


def test_executing_twice_makes_two_executions(workspace: Workspace, everyone: dict[str, Any]) -> None:
    campaign = make_campaign(workspace)
    assert start(campaign, everyone).execution.pk != start(campaign, everyone).execution.pk


def test_a_campaign_that_is_once_executes_once(workspace: Workspace, everyone: dict[str, Any]) -> None:
    campaign = make_campaign(workspace, once=True)
    start(campaign, everyone)
    with pytest.raises(Conflict, match="may be executed once"):
        start(campaign, everyone)
    assert Execution.objects.filter(campaign=campaign).count() == 1


def test_where_approval_is_asked_for_nothing_moves(everyone: dict[str, Any], workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(requires_approval=True)
    execution = start(make_campaign(workspace), everyone, scheduled_for=database_time() + timedelta(hours=1)).execution
    assert execution.state == State.AWAITING_APPROVAL


def test_inline_contacts_are_taken_in_with_their_personalization(workspace: Workspace) -> None:
    known = make_contact(workspace, external_id="user-1")
    launched = start(
        make_campaign(workspace),
        {
            "type": "contacts",
            "contacts": [
                {"external_id": "user-1", "personalization": {"coupon": "A1"}},
                {
                    "email": "ana@example.test",
                    "attributes": {"first_name": "Ana"},
                    "personalization": {"coupon": "B2"},
                },
                {"email": "not-an-address"},
            ],
        },
    )
    ana = Contact.objects.get(addresses__value="ana@example.test")
    stored = dict(
        RecipientData.objects.filter(execution=launched.execution).values_list("contact_id", "personalization")
    )
    assert stored == {known.pk: {"coupon": "A1"}, ana.pk: {"coupon": "B2"}}
    assert ana.attributes == {"first_name": "Ana"}
    assert (launched.report.accepted, launched.report.duplicates) == (2, 0)
    (rejected,) = launched.report.rejected
    assert (rejected["index"], rejected["field"], rejected["code"]) == (2, "email", "invalid_address")
    assert launched.execution.audience == {"type": "contacts", "create_missing": True, "count": 3, "exclude": []}
    assert launched.execution.rejected == launched.report.rejected


def test_a_contact_named_twice_is_one_recipient_with_what_was_said_last(workspace: Workspace) -> None:
    contact = make_contact(workspace, external_id="user-1", email="one@example.test")
    named = [
        {"external_id": "user-1", "personalization": {"coupon": "A"}},
        {"email": "one@example.test", "personalization": {"coupon": "B"}},
        {"external_id": "user-1"},
    ]
    launched = start(make_campaign(workspace), {"type": "contacts", "contacts": named[:2]})
    assert (launched.report.accepted, launched.report.duplicates) == (1, 1)
    assert launched.report.personalization == {contact.pk: {"coupon": "B"}}
    assert launched.execution.duplicate_count == 1


@pytest.mark.parametrize(
    ("contact", "field", "code"),
    [
        ("user-1", "", "wrong_type"),
        ({"external_id": "x", "personalization": "A1"}, "personalization", "wrong_type"),
        ({"external_id": "x", "personalization": {"campaign": 1}}, "personalization.campaign", "reserved"),
        ({"external_id": "x", "personalization": {"a": "b" * 20_000}}, "personalization", "too_large"),
        ({"external_id": "x", "coupon": 1}, "coupon", "unknown_field"),
    ],
)
def test_a_recipient_that_cannot_be_used_is_reported(workspace: Workspace, contact: Any, field: str, code: str) -> None:
    audience = {"type": "contacts", "contacts": [contact, {"email": "b@example.test"}]}
    report = start(make_campaign(workspace), audience).report
    (rejected,) = report.rejected
    assert (rejected["index"], rejected["field"], rejected["code"]) == (0, field, code)
    assert report.accepted == 1


def test_strict_refuses_the_launch_and_lists_the_rejects(workspace: Workspace) -> None:
    contacts = [{"email": "b@example.test"}, {"email": "nope"}, {"external_id": "x", "personalization": 5}]
    found = refused(make_campaign(workspace), {"type": "contacts", "contacts": contacts}, strict=True)
    assert found == {
        "audience.contacts[1].email": "invalid_address",
        "audience.contacts[2].personalization": "wrong_type",
    }
    assert Contact.objects.filter(workspace=workspace).count() == 0


def test_nobody_usable_inline_is_an_empty_audience(workspace: Workspace) -> None:
    found = refused(make_campaign(workspace), {"type": "contacts", "contacts": [{"email": "nope"}]})
    assert found == {"audience": "audience_empty", "audience.contacts[0].email": "invalid_address"}


def test_people_are_not_made_where_create_missing_is_false(workspace: Workspace) -> None:
    known = make_contact(workspace)
    contacts = [{"external_id": "stranger"}, {"external_id": known.external_id}]
    audience = {"type": "contacts", "create_missing": False, "contacts": contacts}
    report = start(make_campaign(workspace), audience).report
    assert [(one["index"], one["code"]) for one in report.rejected] == [(0, "not_found")]
    assert list(report.personalization) == [known.pk]
    assert Contact.objects.filter(workspace=workspace).count() == 1


def test_inline_contacts_who_are_all_excluded_are_an_empty_audience(workspace: Workspace) -> None:
    contact = make_contact(workspace)
    excluded = make_list(workspace, [contact])
    audience = {
        "type": "contacts",
        "contacts": [{"external_id": contact.external_id}],
        "exclude": [{"type": "list", "id": excluded.pk}],
    }
    assert refused(make_campaign(workspace), audience) == {"audience": "audience_empty"}


def test_ten_thousand_inline_contacts_are_taken_in_one_call(workspace: Workspace) -> None:
    contacts = [{"external_id": f"u{n}", "email": f"u{n}@example.test"} for n in range(10_000)]
    report = start(make_campaign(workspace), {"type": "contacts", "contacts": contacts}).report
    assert (report.accepted, report.rejected) == (10_000, [])
