"""An upload as an audience: what it says to each of its people is theirs alone, in this execution."""

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from audiences.imports import import_upload
from audiences.models import Address, Contact, Upload
from audiences.upsert import upsert_contacts
from campaigns.models import Campaign
from common.authorship import SYSTEM
from common.errors import Conflict
from executions.launching.dry_run import dry_run
from executions.launching.launch import launch
from executions.launching.request import LaunchRequest
from executions.launching.retrying import retry_failed
from executions.models import Execution, RecipientData
from providers.models import Provider, SandboxMessage
from tests.api_client import Api
from tests.executions.work import counts, deliver
from tests.factories import CONTENT as CONTENTS
from tests.factories import make_campaign, make_contact, make_list, make_sender, make_template, make_upload
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)
CONTENT = {"text": "{{ first_name }}: {{ coupon }}"}


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    return make_campaign(workspace, "sms", template=make_template(workspace, "sms", content=CONTENT))


def uploaded(workspace: Workspace, *said: Any) -> Upload:
    """One person a value: numbered from 0, and named so; None says nothing to them."""
    upload = make_upload(workspace, personalized=True)
    rows = [
        {"external_id": str(i), "phone": f"+4477009{i:05}", "attributes": {"first_name": f"Name{i}", "coupon": "plain"}}
        | ({} if one is None else {"personalization": one})
        for i, one in enumerate(said)
    ]
    upsert_contacts(workspace_id=workspace.pk, rows=rows, upload_id=upload.pk)
    return upload


def launched(campaign: Campaign, audience: dict[str, Any], **more: Any) -> Execution:
    return launch(campaign=campaign, request=LaunchRequest(audience=audience, **more), actor=SYSTEM).execution


def texts(execution: Execution) -> list[str]:
    found = SandboxMessage.objects.filter(execution_id=execution.pk)
    return sorted(message.content["text"] for message in found)


def test_what_a_row_says_wins_over_execution_and_attributes(workspace: Workspace, campaign: Campaign) -> None:
    upload = uploaded(workspace, {"coupon": "A1"}, None, {"first_name": "You"})
    audience = {"type": "upload", "id": upload.pk}
    assert texts(deliver(launched(campaign, audience))) == ["Name0: A1", "Name1: plain", "You: plain"]
    again = deliver(launched(campaign, audience, personalization={"coupon": "all"}))
    assert texts(again) == ["Name0: A1", "Name1: all", "You: all"]
    assert not RecipientData.objects.exists(), "it is read where it lies"
    assert Contact.objects.get(external_id="0").attributes == {"first_name": "Name0", "coupon": "plain"}


def test_other_audiences_know_nothing_of_it(workspace: Workspace, campaign: Campaign) -> None:
    uploaded(workspace, {"coupon": "A1"})
    assert texts(deliver(launched(campaign, {"type": "all"}))) == ["Name0: plain"]


def test_of_several_uploads_the_last_that_says_something_counts(workspace: Workspace, campaign: Campaign) -> None:
    first = uploaded(workspace, {"coupon": "A1"}, {"coupon": "A2"}, None)
    second = uploaded(workspace, {"coupon": "B1"}, None, None)
    both = {"type": "any_of", "sources": [{"type": "upload", "id": one.pk} for one in (first, second)]}
    assert texts(deliver(launched(campaign, both))) == ["Name0: B1", "Name1: A2", "Name2: plain"]
    both["sources"] = [{"type": "list", "id": make_list(workspace).pk}, *reversed(list(both["sources"]))]
    assert texts(deliver(launched(campaign, both))) == ["Name0: A1", "Name1: A2", "Name2: plain"]


def test_one_that_is_only_left_out_says_nothing(workspace: Workspace, campaign: Campaign) -> None:
    upload = uploaded(workspace, {"coupon": "A1"})
    other = make_contact(workspace, email=None, attributes={"first_name": "Ana", "coupon": "mine"})
    other.addresses.create(workspace=workspace, type="sms", value="+447700900900")
    execution = deliver(launched(campaign, {"type": "all", "exclude": [{"type": "upload", "id": upload.pk}]}))
    assert texts(execution) == ["Ana: mine"]


def test_a_dry_run_renders_it(workspace: Workspace, campaign: Campaign) -> None:
    upload = uploaded(workspace, {"coupon": "A1"}, {"coupon": "  "})
    found = dry_run(campaign=campaign, request=LaunchRequest(audience={"type": "upload", "id": upload.pk}))
    assert [sample["content"]["text"] for sample in found["samples"]] == ["Name0: A1"]
    assert (found["would_send"], found["skipped"]) == (1, {"missing_variable": 1})


def test_a_dry_run_counts_whom_the_sources_name_more_than_once(workspace: Workspace, campaign: Campaign) -> None:
    one, other = uploaded(workspace, None, None, None), uploaded(workspace, None, None)
    Upload.objects.filter(pk=one.pk).update(duplicates=5)
    left_out = make_list(workspace, [Contact.objects.get(external_id="0")])
    both = {"type": "any_of", "sources": [{"type": "upload", "id": pk} for pk in (one.pk, other.pk)]}
    alone = {"type": "upload", "id": one.pk}
    without = {**both, "exclude": [{"type": "list", "id": left_out.pk}]}
    found = [dry_run(campaign=campaign, request=LaunchRequest(audience=one)) for one in (alone, both, without)]
    counted = [(one["audience"]["contacts"], one["audience"]["duplicates"], one["exact"]) for one in found]
    assert counted == [(3, 5, True), (3, 7, True), (2, 6, True)]


def test_a_retry_of_a_retry_still_says_it(workspace: Workspace, campaign: Campaign) -> None:
    upload = uploaded(workspace, {"coupon": "A1"})
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"": "failed"}})
    execution = deliver(launched(campaign, {"type": "upload", "id": upload.pk}))
    for rules in ({"": "failed"}, {}):
        assert counts(execution) == {"failed": 1}
        Address.objects.update(state="active")
        Provider.objects.filter(workspace=workspace).update(config={"rules": rules})
        made = retry_failed(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM)
        execution = deliver(made.execution)
    assert texts(execution) == ["Name0: A1"]


def test_who_stays_when_the_upload_goes_is_not_sent_to_without_its_words(
    workspace: Workspace, campaign: Campaign
) -> None:
    upload = uploaded(workspace, {"coupon": "A1"})
    Provider.objects.filter(workspace=workspace).update(config={"rules": {"": "failed"}})
    execution = deliver(launched(campaign, {"type": "upload", "id": upload.pk}))
    Upload.objects.filter(pk=upload.pk).update(keep=False, purging_at=upload.created_at)
    upload.memberships.all().delete()
    with pytest.raises(Conflict) as caught:
        retry_failed(execution_id=execution.pk, workspace_id=workspace.pk, actor=SYSTEM)
    assert caught.value.code == "purged" and "Upload the file again" in caught.value.detail


GUIDE = b"""email,first_name,personalization.coupon
ana@example.test,Ana,A1
ben@example.test,Ben,B2
ana@example.test,Ana,C3
"""


def test_the_guides_file_is_sent_as_the_guide_says(workspace: Workspace, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    content = {**CONTENTS["email"], "subject": "{{ first_name }}: {{ coupon }}"}
    campaign = make_campaign(workspace, template=make_template(workspace, content=content))
    make_sender(workspace, is_default=True)
    api = Api.of(workspace)
    upload = api.request("POST", "/api/v1/uploads?keep=false", GUIDE, content_type="text/csv").json()
    while import_upload(upload_id=upload["upload_id"]):
        pass
    found = api.get(f"/api/v1/uploads/{upload['upload_id']}").json()
    counted = {name: found[name] for name in ("state", "created", "duplicates", "personalized", "purged_at")}
    assert counted == {"state": "finished", "created": 2, "duplicates": 1, "personalized": True, "purged_at": None}
    launched = {"audience": {"type": "upload", "id": upload["upload_id"]}}
    made = api.post(f"/api/v1/campaigns/{campaign.pk}/execute", launched).json()
    deliver(Execution.objects.get(pk=made["execution_id"]))
    messages = SandboxMessage.objects.filter(execution_id=made["execution_id"])
    assert sorted(message.content["subject"] for message in messages) == ["Ana: C3", "Ben: B2"]
    assert Contact.objects.filter(temporary=True).count() == 2
