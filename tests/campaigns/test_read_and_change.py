"""`GET /api/v1/campaigns[/{id}]`, `PATCH`, and archiving."""

import pytest
from pytest_django import DjangoAssertNumQueries

from campaigns.models import Campaign
from tests.api_client import Api
from tests.factories import make_app, make_campaign, make_template
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db
URL = "/api/v1/campaigns"


def names(api: Api, query: str) -> list[str]:
    answer = api.get(f"{URL}?{query}")
    assert answer.status_code == 200, answer.content
    return [one["name"] for one in answer.json()["results"]]


def test_reads_one_as_it_was_created(api: Api) -> None:
    created = api.post(URL, {"type": "email", "name": "News", "tags": ["b", "a"]}).json()
    found = api.get(created["url"]).json()
    assert found.pop("updated_at")
    assert found == {name: value for name, value in created.items() if name not in ("status", "message")}


def test_somebody_elses_is_not_found(api: Api, other_workspace: Workspace) -> None:
    campaign = make_campaign(other_workspace)
    for path in (f"{URL}/{campaign.pk}", f"{URL}/999999999999", f"{URL}/99999999999999999999999", f"{URL}/x"):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert api.patch(f"{URL}/{campaign.pk}", {"name": "mine"}).status_code == 404
    assert api.post(f"{URL}/{campaign.pk}/archive").status_code == 404


def test_lists_the_newest_first_and_only_its_own(workspace: Workspace, other_workspace: Workspace, api: Api) -> None:
    make_campaign(workspace, name="first")
    make_campaign(workspace, name="second")
    make_campaign(other_workspace, name="other")
    assert names(api, "") == ["second", "first"]


def test_filters_by_tag_type_state_app_and_name(workspace: Workspace, api: Api) -> None:
    shop = make_app(workspace, "shop")
    make_campaign(workspace, name="Spring news", tags=["Sale", "Brand"])
    make_campaign(workspace, "push", name="Spring push", tags=["Brand"], apps=[shop])
    make_campaign(workspace, name="Old", state="archived")
    assert names(api, "tag=sale") == ["Spring news"]
    assert names(api, "tag=BRAND&type=apn") == ["Spring push"]
    assert names(api, "state=archived") == ["Old"]
    assert names(api, "app_id=shop") == ["Spring push"]
    assert names(api, "q=SPRING") == ["Spring push", "Spring news"]
    assert names(api, "q=100%25&tag=") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("tagg=x", "tagg"),
        ("type=pigeon", "type"),
        ("state=running", "state"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("cursor=nonsense", "cursor"),
        ("cursor=W10", "cursor"),
        ("cursor=WzAsInRleHQiXQ", "cursor"),
        ("q=%00", "q"),
        ("app_id=" + "x" * 101, "app_id"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(api: Api, query: str, field: str) -> None:
    answer = api.get(f"{URL}?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_pages_lead_forth_and_back_without_a_gap(workspace: Workspace, api: Api) -> None:
    made = [make_campaign(workspace, name=str(n), tags=["Sale"]).name for n in range(5)]
    make_campaign(workspace, name="untagged")
    first = api.get(f"{URL}?limit=2&tag=sale").json()
    second = api.get(first["next"]).json()
    third = api.get(second["next"]).json()
    seen = [one["name"] for page in (first, second, third) for one in page["results"]]
    assert seen == made[::-1]
    assert (first["previous"], third["next"]) == (None, None)
    assert api.get(third["previous"]).json()["results"] == second["results"]
    back = api.get(second["previous"]).json()
    assert (back["results"], back["previous"]) == (first["results"], None)


def test_a_list_takes_as_many_queries_for_many_as_for_one(
    workspace: Workspace, api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_campaign(workspace, tags=["a"])
    api.get(URL)
    for count in range(2):
        with django_assert_num_queries(5):  # key, campaigns, apps, tags, triggers
            assert len(api.get(URL).json()["results"]) == 1 + count * 5
        for _ in range(5):
            make_campaign(workspace, "push", tags=["a", "b"])


def test_reading_one_takes_five_queries(
    workspace: Workspace, api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    campaign = make_campaign(workspace)
    api.get(URL)
    with django_assert_num_queries(5):
        api.get(f"{URL}/{campaign.pk}")


class TestChange:
    def test_changes_what_is_named_and_nothing_else(self, workspace: Workspace, api: Api) -> None:
        campaign = make_campaign(workspace, name="Old", tags=["Sale"], once=True)
        answer = api.patch(f"{URL}/{campaign.pk}", {"name": "New"})
        assert answer.status_code == 200, answer.content
        found = answer.json()
        assert (found["status"], found["name"], found["tags"], found["once"]) == ("success", "New", ["Sale"], True)
        assert AuditEntry.objects.get(action="changed").details == {"fields": ["name"]}

    def test_replaces_tags_apps_and_template(self, workspace: Workspace, api: Api) -> None:
        campaign = make_campaign(workspace, "push", tags=["Sale"])
        make_app(workspace, "shop")
        template = make_template(workspace, "push")
        body = {"tags": ["B", "A"], "app_ids": ["shop"], "template_id": template.pk}
        found = api.patch(f"{URL}/{campaign.pk}", body).json()
        assert {name: found[name] for name in body} == body

    def test_the_whole_must_stay_valid(self, workspace: Workspace, api: Api) -> None:
        campaign = make_campaign(workspace, "push")
        answer = api.patch(f"{URL}/{campaign.pk}", {"app_ids": [], "once": "yes"})
        assert {error["field"]: error["code"] for error in answer.json()["errors"]} == {
            "once": "wrong_type",
            "app_ids": "required",
        }

    def test_the_type_stays(self, workspace: Workspace, api: Api) -> None:
        campaign = make_campaign(workspace, "push")
        assert api.patch(f"{URL}/{campaign.pk}", {"type": "apn"}).status_code == 200
        answer = api.patch(f"{URL}/{campaign.pk}", {"type": "email"})
        assert answer.json()["errors"][0]["code"] == "immutable"

    def test_an_archived_campaign_is_not_changed(self, workspace: Workspace, api: Api) -> None:
        campaign = make_campaign(workspace, state="archived")
        answer = api.patch(f"{URL}/{campaign.pk}", {"name": "New"})
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


class TestArchive:
    def test_archives_once_and_answers_the_same_again(self, workspace: Workspace, api: Api) -> None:
        campaign = make_campaign(workspace)
        for _ in range(2):
            answer = api.post(f"{URL}/{campaign.pk}/archive")
            assert (answer.status_code, answer.json()["state"]) == (200, "archived")
        assert Campaign.objects.get().state == "archived"
        assert AuditEntry.objects.filter(action="archived").count() == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_other_methods_answer_405_and_name_those_that_work(api: Api, method: str) -> None:
    answer = api.request(method, URL)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in answer["Allow"]
