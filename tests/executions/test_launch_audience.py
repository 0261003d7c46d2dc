"""The audience of a launch: what it names, and everything that is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from audiences.models import Upload, UploadState
from common.errors import Invalid
from tests.executions.starting import refused, start
from tests.factories import (
    make_campaign,
    make_contact,
    make_contacts,
    make_list,
)
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


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
        ({"type": "any_of", "sources": [{"type": "list", "id": 1}] * 1_001}, {"audience.sources": "too_many"}),
        ({"type": "any_of", "sources": [{"type": "segment", "id": 1}] * 51}, {"audience.sources": "too_many"}),
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
