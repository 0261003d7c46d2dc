"""`POST /api/v1/campaigns`."""

from typing import Any

import pytest

from campaigns.models import Campaign, Tag
from common.models import IdempotencyKey
from executions.models import Execution
from tests.api_client import Api
from tests.factories import (
    CONTENT,
    make_app,
    make_draft_template,
    make_sender,
    make_template,
    make_workspace,
)
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db
URL = "/api/v1/campaigns"


def codes(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.content
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


def test_answers_every_field_and_launches_nothing(workspace: Workspace, api: Api) -> None:
    template = make_template(workspace, "push")
    make_app(workspace, "shop-ios")
    make_app(workspace, "shop-android")
    body = {
        "type": "push",
        "name": "Diwali sale",
        "app_ids": ["shop-android", "shop-ios"],
        "template_id": template.pk,
        "tags": ["Sale", "Brand"],
        "purpose": "marketing",
        "sender_id": None,
        "personalization": {"offer": "10%"},
        "once": False,
        "on_cap": "skip",
        "on_unknown": "hold",
        "trigger": None,
    }
    answer = api.post(URL, body)
    assert answer.status_code == 200, answer.content
    found = answer.json()
    campaign = Campaign.objects.get()
    created_at = found.pop("created_at")
    assert created_at.endswith("Z")
    assert found.pop("created_by")["kind"] == "api_key"
    assert found == {
        "status": "success",
        "message": "Campaign created successfully",
        "campaign_id": campaign.pk,
        "state": "draft",
        **body,
        "active": False,
        "warnings": [],
        "url": f"/api/v1/campaigns/{campaign.pk}",
        "admin_url": f"/admin/campaigns/campaign/{campaign.pk}/launch/",
    }
    assert not Execution.objects.exists()
    assert AuditEntry.objects.get(object_type="campaign").action == "created"


def test_only_the_type_is_required(api: Api) -> None:
    found = api.post(URL, {"type": "email"}).json()
    assert (found["name"], found["tags"], found["app_ids"], found["template_id"]) == ("", [], [], None)
    assert [warning["code"] for warning in found["warnings"]] == ["no_template"]


def test_an_alias_of_the_type_is_taken_and_answered_as_the_type(workspace: Workspace, api: Api) -> None:
    make_app(workspace, "shop")
    assert api.post(URL, {"type": "apn", "app_ids": ["shop"]}).json()["type"] == "push"


def test_ids_are_taken_as_strings_of_digits(workspace: Workspace, api: Api) -> None:
    template = make_template(workspace)
    assert api.post(URL, {"type": "email", "template_id": str(template.pk)}).json()["template_id"] == template.pk


def test_the_slash_at_the_end_does_not_matter(api: Api) -> None:
    assert api.post(URL + "/", {"type": "email"}).status_code == 200


def test_every_error_is_reported_at_once_in_the_pinned_shape(api: Api) -> None:
    tag = "AVeryLongTagOfThirtyCharacters"
    answer = api.post(URL, {"type": "email", "tags": ["Sale", "Brand", tag], "template_id": 987654321})
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem.pop("request_id") == answer["X-Request-Id"]
    assert problem == {
        "type": "/api/docs/problems/validation_error",
        "title": "The request has 2 errors.",
        "status": 422,
        "code": "validation_error",
        "detail": "Nothing was created.",
        "instance": URL,
        "errors": [
            {
                "field": "tags[2]",
                "code": "too_long",
                "value": tag,
                "limit": 25,
                "message": "A tag has at most 25 characters; this has 30.",
                "hint": "Shorten it.",
            },
            {
                "field": "template_id",
                "code": "not_found",
                "value": 987654321,
                "limit": None,
                "message": "This workspace has no such template.",
                "hint": "List them with GET /api/v1/templates; templates are made in the admin.",
            },
        ],
    }
    assert not Campaign.objects.exists()


def test_wrong_types_and_broken_rules_come_together(api: Api) -> None:
    body = {
        "type": "carrier-pigeon",
        "name": 5,
        "app_ids": "shop",
        "template_id": "seventeen",
        "tags": [""],
        "once": "yes",
        "sender_id": 1,
        "personalisation": {},
        "purpose": "fun",
    }
    answer = api.post(URL, body)
    assert codes(answer) == {
        "type": "unknown_choice",
        "name": "wrong_type",
        "app_ids": "wrong_type",
        "template_id": "wrong_type",
        "tags[0]": "blank",
        "once": "wrong_type",
        "sender_id": "not_found",
        "personalisation": "unknown_field",
        "purpose": "unknown_choice",
    }
    hints = {error["field"]: error["hint"] for error in answer.json()["errors"]}
    assert hints["personalisation"] == "Did you mean personalization?"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"type": "required"}),
        ({"type": None}, {"type": "null"}),
        ({"type": "push"}, {"app_ids": "required"}),
        ({"type": "email", "tags": ["a", "b", "c", "d", "e", "f"]}, {"tags": "too_many"}),
        ({"type": "email", "tags": ["line\nbreak"]}, {"tags[0]": "invalid_value"}),
        ({"type": "email", "tags": [5]}, {"tags[0]": "wrong_type"}),
        ({"type": "email", "name": "x" * 201}, {"name": "too_long"}),
        ({"type": "email", "app_ids": ["nobody"]}, {"app_ids[0]": "not_found"}),
        ({"type": "email", "app_ids": [5]}, {"app_ids[0]": "wrong_type"}),
        ({"type": "email", "template_id": -1}, {"template_id": "out_of_range"}),
        ({"type": "email", "template_id": True}, {"template_id": "wrong_type"}),
        ({"type": "email", "template_id": "9" * 30}, {"template_id": "wrong_type"}),
        ({"type": "email", "template_id": 9223372036854775807}, {"template_id": "not_found"}),
        ({"type": "email", "personalization": []}, {"personalization": "wrong_type"}),
        ({"type": "email", "personalization": {"campaign": 1}}, {"personalization.campaign": "reserved"}),
        ({"type": "email", "personalization": {"a": "x" * 70_000}}, {"personalization": "too_large"}),
        ({"type": "email", "status": "draft"}, {"status": "unknown_field"}),
    ],
)
def test_a_broken_rule_names_its_field(api: Api, body: dict[str, Any], expected: dict[str, str]) -> None:
    assert codes(api.post(URL, body)) == expected


def test_six_apps_are_too_many_and_one_named_twice_counts_once(workspace: Workspace, api: Api) -> None:
    names = [make_app(workspace).app_id for _ in range(6)]
    assert codes(api.post(URL, {"type": "push", "app_ids": names})) == {"app_ids": "too_many"}
    answer = api.post(URL, {"type": "push", "app_ids": [*names[:5], names[0]]})
    assert answer.json()["app_ids"] == names[:5]


def test_tags_differ_by_more_than_case(workspace: Workspace, api: Api) -> None:
    Tag.objects.create(workspace=workspace, name="sale")
    answer = api.post(URL, {"type": "email", "tags": ["SALE", " Brand ", "brand", "Sale"]})
    assert answer.json()["tags"] == ["sale", "Brand"]


def test_tags_that_only_the_database_holds_equal_do_not_clash(api: Api) -> None:
    answer = api.post(URL, {"type": "email", "tags": ["İstanbul", "istanbul", "Straße", "STRASSE"]})
    assert answer.status_code == 200, answer.content


def test_an_unpublished_archived_or_other_template_is_told_apart(workspace: Workspace, api: Api) -> None:
    draft = make_draft_template(workspace)
    archived = make_template(workspace)
    archived.archived_at = archived.updated_at
    archived.save()
    sms = make_template(workspace, "sms")
    for template, code in ((draft, "not_published"), (archived, "archived"), (sms, "wrong_type")):
        assert codes(api.post(URL, {"type": "email", "template_id": template.pk})) == {"template_id": code}


def test_a_marketing_email_needs_an_unsubscribe_link(workspace: Workspace, api: Api) -> None:
    receipt = make_template(workspace, purpose="transactional", content={**CONTENT["email"], "html": "<p>Paid</p>"})
    body = {"type": "email", "template_id": receipt.pk}
    assert codes(api.post(URL, body)) == {"template_id": "no_unsubscribe_link"}
    assert api.post(URL, {**body, "purpose": "transactional"}).status_code == 200


def test_what_is_somebody_elses_is_not_found(api: Api, other_workspace: Workspace) -> None:
    body = {
        "type": "push",
        "app_ids": [make_app(other_workspace).app_id],
        "template_id": make_template(other_workspace, "push").pk,
        "sender_id": make_sender(other_workspace, "push").pk,
    }
    assert codes(api.post(URL, body)) == {
        "app_ids[0]": "not_found",
        "template_id": "not_found",
        "sender_id": "not_found",
    }


def test_a_key_without_the_scope_is_told_which(workspace: Workspace) -> None:
    answer = Api.of(workspace, "campaigns:read").post(URL, {"type": "email"})
    assert answer.status_code == 403
    assert "campaigns:write" in answer.json()["detail"]


def test_without_a_key_the_answer_says_how_to_send_one() -> None:
    answer = Api(None).post(URL, {"type": "email"})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="Volley"'
    assert "Authorization: Bearer" in answer.json()["detail"]


class TestIdempotency:
    def test_the_same_key_and_body_answer_the_same_and_create_once(self, api: Api) -> None:
        first = api.post(URL, {"type": "email", "name": "One"}, headers={"Idempotency-Key": "k1"})
        again = api.post(URL + "/", {"name": "One", "type": "email"}, headers={"Idempotency-Key": "k1"})
        assert first.content == again.content
        assert again["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first
        assert Campaign.objects.count() == 1

    def test_the_same_key_with_another_body_is_refused(self, api: Api) -> None:
        api.post(URL, {"type": "email"}, headers={"Idempotency-Key": "k1"})
        answer = api.post(URL, {"type": "sms"}, headers={"Idempotency-Key": "k1"})
        assert codes(answer) == {"Idempotency-Key": "key_reused"}

    def test_a_refusal_is_not_stored(self, api: Api) -> None:
        assert api.post(URL, {"type": "nothing"}, headers={"Idempotency-Key": "k1"}).status_code == 422
        assert not IdempotencyKey.objects.exists()
        assert api.post(URL, {"type": "email"}, headers={"Idempotency-Key": "k1"}).status_code == 200

    def test_another_workspace_has_keys_of_its_own(self, api: Api) -> None:
        api.post(URL, {"type": "email"}, headers={"Idempotency-Key": "k1"})
        answer = Api.of(make_workspace()).post(URL, {"type": "sms"}, headers={"Idempotency-Key": "k1"})
        assert answer.status_code == 200

    @pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "ключ"])
    def test_what_is_no_key_is_refused(self, api: Api, key: str) -> None:
        answer = api.post(URL, {"type": "email"}, headers={"Idempotency-Key": key})
        assert codes(answer) == {"Idempotency-Key": "invalid"}
