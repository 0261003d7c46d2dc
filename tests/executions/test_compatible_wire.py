"""`/campaign/create` and `/campaign/execute`: what existing integrations send, and what they get."""

from typing import Any

import pytest

from campaigns.models import Campaign
from executions.models import Execution
from providers.models import SandboxMessage
from tests.api_client import Api
from tests.executions.work import deliver
from tests.factories import (
    make_address,
    make_app,
    make_campaign,
    make_contact,
    make_contacts,
    make_list,
    make_template,
)
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
CREATE, EXECUTE = "/campaign/create", "/campaign/execute"


def refused(answer: Any, status: int = 422) -> dict[str, str]:
    """The codes by field, of an error in this wire's own shape."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {"status", "message", "code", "errors"}
    assert body["status"] == "error"
    return {error["field"]: error["code"] for error in body["errors"]}


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    return make_campaign(workspace, "push", apps=[make_app(workspace, "shop-android")])


@pytest.fixture
def people(workspace: Workspace) -> str:
    return str(make_list(workspace, make_contacts(workspace, 2)).pk)


def test_create_answers_exactly_three_fields(api: Api, workspace: Workspace) -> None:
    make_app(workspace, "shop-android"), make_app(workspace, "shop-ios")
    template = make_template(workspace, "push")
    body = {
        "type": "apn",
        "app_ids": ["shop-android", "shop-ios"],
        "name": "Diwali sale",
        "template_id": str(template.pk),
        "tags": ["Sale", "Brand"],
        "schedule": "ignored",
    }
    answer = api.post(CREATE, body, headers={})
    campaign = Campaign.objects.get(workspace=workspace)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "message": "Campaign created successfully",
        "campaign_id": campaign.pk,
    }
    assert (campaign.type, campaign.name, campaign.template) == ("push", "Diwali sale", template)
    assert sorted(campaign.apps.values_list("app_id", flat=True)) == ["shop-android", "shop-ios"]
    assert Execution.objects.count() == 0


@pytest.mark.parametrize("apps", [{"app_id": "shop"}, {"app_id": ["shop"]}, {"app_ids": "shop"}])
def test_one_app_may_be_said_in_three_ways(api: Api, workspace: Workspace, apps: dict[str, Any]) -> None:
    make_app(workspace, "shop")
    answer = api.post(CREATE, {"type": "apn", "template_id": make_template(workspace, "push").pk, **apps})
    assert answer.status_code == 200, answer.content
    assert list(Campaign.objects.get().apps.values_list("app_id", flat=True)) == ["shop"]


def test_the_bare_key_is_accepted(api: Api, workspace: Workspace) -> None:
    body = {"type": "email", "template_id": make_template(workspace).pk}
    assert Api(None).post(CREATE, body, headers={"Authorization": str(api.key)}).status_code == 200
    assert api.post(f"{CREATE}/", body).status_code == 200


def test_a_foreign_template_is_as_absent_and_said_in_words(api: Api, other_workspace: Workspace) -> None:
    for template_id in (make_template(other_workspace).pk, 987654321):
        answer = api.post(CREATE, {"type": "email", "template_id": template_id})
        assert refused(answer) == {"template_id": "not_found"}
        assert answer.json()["message"] == "template_id: This workspace has no such template."
        assert answer.json()["code"] == "validation_error"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"type": "required", "template_id": "required"}),
        ({"type": "pigeon", "template_id": "x"}, {"type": "unknown_choice", "template_id": "wrong_type"}),
        ({"type": "apn", "template_id": 987654321}, {"template_id": "not_found", "app_ids": "required"}),
        (
            {"type": "apn", "template_id": 987654321, "app_ids": ["nope"], "tags": ["x" * 26]},
            {"template_id": "not_found", "app_ids[0]": "not_found", "tags[0]": "too_long"},
        ),
    ],
)
def test_create_names_every_wrong_field(api: Api, body: dict[str, Any], expected: dict[str, str]) -> None:
    assert refused(api.post(CREATE, body)) == expected
    assert Campaign.objects.count() == 0


def test_execute_answers_exactly_four_fields(api: Api, campaign: Campaign, people: str) -> None:
    body = {
        "type": "apn",
        "campaign_id": str(campaign.pk),
        "data_source": "list",
        "list_id": people,
        "frequency_capping": True,
        "personalization": {"offer": "20%"},
        "priority": "ignored",
    }
    answer = api.post(EXECUTE, body)
    execution = Execution.objects.get()
    assert answer.status_code == 200, answer.content
    assert answer.json() == {
        "status": "success",
        "message": "Campaign executed successfully",
        "campaign_id": campaign.pk,
        "execution_id": execution.pk,
    }
    assert execution.audience == {"type": "list", "id": int(people), "exclude": []}
    assert (execution.personalization, execution.frequency_capping) == ({"offer": "20%"}, True)


@pytest.mark.parametrize("field", ["list_id", "list_ids", "data_source_id", "data_source_ids"])
def test_the_sources_id_has_several_names(api: Api, campaign: Campaign, people: str, field: str) -> None:
    body = {"campaign_id": campaign.pk, "data_source": "list", field: people}
    assert api.post(EXECUTE, body).status_code == 200
    assert Execution.objects.get().audience["id"] == int(people)


def test_several_lists_are_any_of_them(api: Api, workspace: Workspace, campaign: Campaign, people: str) -> None:
    other = make_list(workspace, make_contacts(workspace, 1)).pk
    body = {"campaign_id": campaign.pk, "data_source": "list", "list_ids": [people, other]}
    assert api.post(EXECUTE, body).status_code == 200
    assert Execution.objects.get().audience == {
        "type": "any_of",
        "sources": [{"type": "list", "id": int(people)}, {"type": "list", "id": other}],
        "exclude": [],
    }


def test_everyone_is_a_source_too(api: Api, campaign: Campaign, people: str) -> None:
    assert api.post(EXECUTE, {"campaign_id": campaign.pk, "data_source": "all"}).status_code == 200


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        *((said, True) for said in (True, "on", "Yes", 1, "1", None, "true")),
        *((said, False) for said in (False, "off", "no", 0, "0", "FALSE")),
    ],
)
def test_capping_is_said_in_many_words(api: Api, campaign: Campaign, people: str, said: Any, meant: bool) -> None:
    body = {"campaign_id": campaign.pk, "data_source": "list", "list_id": people, "frequency_capping": said}
    assert api.post(EXECUTE, body).status_code == 200
    assert Execution.objects.get().frequency_capping is meant


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"data_source": "required"}),
        ({"data_source": "planet"}, {"data_source": "unknown_choice"}),
        ({"data_source": ["list"]}, {"data_source": "unknown_choice"}),
        ({"data_source": "list"}, {"list_id": "required"}),
        ({"data_source": "list", "list_id": 987654321}, {"list_id": "not_found"}),
        ({"data_source": "segment", "segment_id": "7"}, {"segment_id": "not_found"}),
        ({"data_source": "segment", "data_source_id": "7"}, {"data_source_id": "not_found"}),
        ({"data_source": "list", "list_ids": [987654321]}, {"list_ids[0]": "not_found"}),
        ({"data_source": "list", "list_ids": []}, {"list_ids": "audience_empty"}),
        ({"data_source": "list", "list_id": {"a": 1}}, {"list_id": "wrong_type"}),
        ({"data_source": "all", "frequency_capping": "maybe"}, {"frequency_capping": "unknown_choice"}),
        ({"data_source": "all", "frequency_capping": [1]}, {"frequency_capping": "unknown_choice"}),
        ({"data_source": "all", "personalization": "a=b"}, {"personalization": "wrong_type"}),
        ({"data_source": "all", "type": "email"}, {"type": "wrong_type"}),
        ({"data_source": "all", "type": 5}, {"type": "wrong_type"}),
        (
            {"data_source": "list", "list_id": 987654321, "type": "x", "frequency_capping": "x", "personalization": 5},
            {
                "list_id": "not_found",
                "type": "wrong_type",
                "frequency_capping": "unknown_choice",
                "personalization": "wrong_type",
            },
        ),
    ],
)
def test_execute_names_every_wrong_field_as_it_was_sent(
    api: Api, campaign: Campaign, people: str, body: dict[str, Any], expected: dict[str, str]
) -> None:
    assert refused(api.post(EXECUTE, {"campaign_id": campaign.pk, **body})) == expected
    assert Execution.objects.count() == 0


def test_an_empty_list_is_audience_empty(api: Api, workspace: Workspace, campaign: Campaign) -> None:
    empty = make_list(workspace).pk
    answer = api.post(EXECUTE, {"campaign_id": campaign.pk, "data_source": "list", "list_id": empty})
    assert refused(answer) == {"data_source": "audience_empty"}
    assert answer.json()["code"] == "audience_empty"


@pytest.mark.parametrize("given", [None, "x", 987654321, 10**18, {"a": 1}, True])
def test_a_campaign_that_cannot_be_found_is_a_fields_error(api: Api, people: str, given: Any) -> None:
    answer = api.post(EXECUTE, {"campaign_id": given, "data_source": "list", "list_id": people})
    assert list(refused(answer)) == ["campaign_id"]


def test_a_foreign_campaign_is_as_absent(other_api: Api, campaign: Campaign) -> None:
    answer = other_api.post(EXECUTE, {"campaign_id": campaign.pk, "data_source": "all"})
    assert refused(answer) == {"campaign_id": "not_found"}


def test_other_refusals_have_the_same_codes_and_shape(api: Api, workspace: Workspace, people: str) -> None:
    archived = make_campaign(workspace, state="archived")
    body = {"campaign_id": archived.pk, "data_source": "list", "list_id": people}
    assert refused(api.post(EXECUTE, body), 409) == {}
    assert refused(Api(None).post(EXECUTE, body), 401) == {}
    assert refused(Api.of(workspace, "contacts:read").post(EXECUTE, body), 403) == {}
    assert refused(api.get(EXECUTE), 405) == {}
    assert refused(api.post(EXECUTE, b"{"), 400) == {}
    assert refused(api.post(CREATE, b"<x/>", content_type="application/xml"), 415) == {}


def test_both_calls_are_idempotent(api: Api, workspace: Workspace, campaign: Campaign, people: str) -> None:
    create = {"type": "email", "template_id": make_template(workspace).pk}
    execute = {"campaign_id": campaign.pk, "data_source": "list", "list_id": people}
    for path, body in ((CREATE, create), (EXECUTE, execute)):
        first = api.post(path, body, headers={"Idempotency-Key": "k"})
        again = api.post(path, body, headers={"Idempotency-Key": "k"})
        assert first.json() == again.json()
        assert again["Idempotent-Replayed"] == "true"
    assert (Campaign.objects.count(), Execution.objects.count()) == (2, 1)


@pytest.mark.django_db(transaction=True)
def test_the_pinned_bodies_deliver_to_every_live_token(api: Api, workspace: Workspace) -> None:
    apps = [make_app(workspace, "shop-android"), make_app(workspace, "shop-ios")]
    several = make_contact(workspace, app=apps[0])
    make_address(several, "push", app=apps[1], value="second")
    make_address(several, "push", app=apps[1], value="dead", state="dead")
    nobody = make_contact(workspace)
    people = make_list(workspace, [several, nobody])
    template = make_template(workspace, "push")
    created = api.post(
        CREATE, {"type": "apn", "app_ids": ["shop-android", "shop-ios"], "template_id": str(template.pk)}
    ).json()
    executed = api.post(
        EXECUTE,
        {
            "type": "apn",
            "campaign_id": str(created["campaign_id"]),
            "data_source": "list",
            "list_id": str(people.pk),
            "frequency_capping": True,
            "personalization": {"offer": "20%"},
        },
    ).json()
    deliver(Execution.objects.get(pk=executed["execution_id"]))
    sent = SandboxMessage.objects.filter(execution_id=executed["execution_id"])
    assert sent.count() == 2
    assert {message.content["body"] for message in sent} == {"20% off"}
    rows = api.get(f"/api/v1/executions/{executed['execution_id']}/deliveries").json()["results"]
    assert sorted((row["outcome"], row["reason"] or "") for row in rows) == [
        ("sent", ""),
        ("sent", ""),
        ("skipped", "invalid_address"),
        ("skipped", "unreachable"),
    ]
