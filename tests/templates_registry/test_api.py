"""`/api/v1/templates`: published templates are read and previewed; nothing is written."""

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.api_client import Api
from tests.factories import make_contact, make_draft_template, make_template, publish_again
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
URL = "/api/v1/templates"


def test_lists_only_what_is_published(workspace: Workspace, other_workspace: Workspace, api: Api) -> None:
    published = make_template(workspace, name="Spring")
    make_draft_template(workspace)
    archived = make_template(workspace)
    archived.archived_at = archived.updated_at
    archived.save()
    make_template(other_workspace)
    assert [one["template_id"] for one in api.get(URL).json()["results"]] == [published.pk]


def test_filters_by_type_and_name(workspace: Workspace, api: Api) -> None:
    make_template(workspace, name="Spring mail")
    push = make_template(workspace, "push", name="Spring push")
    for query in ("type=push", "type=apn", "q=PUSH"):
        assert [one["template_id"] for one in api.get(f"{URL}?{query}").json()["results"]] == [push.pk]


def test_reads_the_published_version_not_the_draft(workspace: Workspace, api: Api) -> None:
    template = publish_again(make_template(workspace, "sms"), content={"text": "Second"})
    template.content = {"text": "Draft"}
    template.save()
    found = api.get(f"{URL}/{template.pk}").json()
    assert (found["template_version"], found["content"]) == (2, {"text": "Second"})


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_write_method_answers_405(workspace: Workspace, api: Api, method: str) -> None:
    template = make_template(workspace)
    for path in (URL, f"{URL}/", f"{URL}/{template.pk}", f"{URL}/{template.pk}/"):
        answer = api.request(method, path, {"name": "Mine"})
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer["Allow"] == "GET, HEAD, OPTIONS"


def test_drafts_and_foreign_templates_are_not_found(workspace: Workspace, other_workspace: Workspace, api: Api) -> None:
    for template in (make_draft_template(workspace), make_template(other_workspace)):
        assert api.get(f"{URL}/{template.pk}").status_code == 404
        assert api.post(f"{URL}/{template.pk}/preview").status_code == 404


def test_a_list_takes_two_queries(
    workspace: Workspace, api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        make_template(workspace)
    api.get(URL)
    with django_assert_num_queries(2):  # key, templates with versions
        assert len(api.get(URL).json()["results"]) == 3


class TestPreview:
    def test_renders_for_a_contact(self, workspace: Workspace, api: Api) -> None:
        template = make_template(workspace, "sms")
        make_contact(workspace, external_id="user-1", attributes={"first_name": "Ana"})
        found = api.post(f"{URL}/{template.pk}/preview", {"external_id": "user-1"}).json()
        assert found["content"] == {"text": "Hello Ana"}
        assert (found["external_id"], found["missing_variables"], found["problems"]) == ("user-1", [], [])

    def test_renders_for_the_sample_without_a_contact(self, workspace: Workspace, api: Api) -> None:
        template = make_template(workspace, "sms", sample={"first_name": "Sam"})
        assert api.post(f"{URL}/{template.pk}/preview").json()["content"] == {"text": "Hello Sam"}

    def test_personalization_wins_over_attributes(self, workspace: Workspace, api: Api) -> None:
        template = make_template(workspace, "sms")
        make_contact(workspace, external_id="user-1")
        body = {"external_id": "user-1", "personalization": {"first_name": "Zoë"}}
        assert api.post(f"{URL}/{template.pk}/preview", body).json()["content"] == {"text": "Hello Zoë"}

    def test_names_what_is_missing(self, workspace: Workspace, api: Api) -> None:
        template = make_template(workspace, "sms")
        make_contact(workspace, external_id="user-1", attributes={})
        found = api.post(f"{URL}/{template.pk}/preview", {"external_id": "user-1"}).json()
        assert found["missing_variables"] == ["first_name"]

    def test_a_contact_of_nobody_and_reserved_names_are_refused(
        self, workspace: Workspace, other_workspace: Workspace, api: Api
    ) -> None:
        template = make_template(workspace, "sms")
        make_contact(other_workspace, external_id="theirs")
        body = {"external_id": "theirs", "personalization": {"contact": 1}, "extra": 1}
        answer = api.post(f"{URL}/{template.pk}/preview", body)
        assert {error["field"]: error["code"] for error in answer.json()["errors"]} == {
            "external_id": "not_found",
            "personalization.contact": "reserved",
            "extra": "unknown_field",
        }
