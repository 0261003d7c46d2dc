"""Launching: what is frozen, and what of a campaign is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaigns.models import Campaign, CampaignState
from common.authorship import Actor
from common.errors import Conflict
from executions.launching.checks import database_time
from executions.models import Execution
from executions.states import State
from providers.models import Provider
from tests.executions.starting import refused, start
from tests.factories import (
    make_campaign,
    make_contact,
    make_draft_template,
    make_provider,
    make_sender,
    make_template,
    make_workspace,
    publish_again,
)
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db
KEY = Actor(kind="api_key", id=7, name="shop server", author_id=3)


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
