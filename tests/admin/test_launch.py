"""The launch screen: what it forecasts, refuses and launches, and that a double click launches once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from executions.models import Execution
from executions.states import State
from providers.models import SandboxMessage
from tests.admin.conftest import signed_in
from tests.factories import (
    make_app,
    make_campaign,
    make_contact,
    make_contacts,
    make_list,
    make_member,
    make_upload,
)
from workspaces.models import Workspace
from workspaces.roles import Role

pytestmark = pytest.mark.django_db
Staff = Callable[[Role], Client]


def _url(campaign: Any, suffix: str = "") -> str:
    return f"/admin/campaigns/campaign/{campaign.pk}/launch/{suffix}"


def _typed(*sources: str, **more: Any) -> dict[str, Any]:
    typed = {"audience": "sources", "source": list(sources), "frequency_capping": "on", "when": "now"}
    return {**typed, "launch_token": "a-token", **more}


def test_the_screen_offers_lists_and_finished_uploads_of_the_workspace(
    staff: Staff, workspace: Workspace, other_workspace: Workspace
) -> None:
    make_list(workspace, name="Ours")
    make_list(other_workspace, name="Theirs")
    make_upload(workspace, name="ready.csv")
    make_upload(workspace, name="waiting.csv", state="waiting")
    answer = staff(Role.VIEWER).get(_url(make_campaign(workspace)))
    assert [choice.name for choice in answer.context["choices"]] == ["Ours", "ready.csv"]


def test_it_launches_what_was_chosen(staff: Staff, workspace: Workspace) -> None:
    first, second = (make_list(workspace, make_contacts(workspace, 2)) for _ in range(2))
    campaign = make_campaign(workspace)
    typed = _typed(
        f"list:{first.pk}",
        f"list:{second.pk}",
        exclude=[f"list:{second.pk}"],
        name=["offer"],
        value=["20%"],
        rate_per_minute="600",
    )
    answer = staff(Role.LAUNCHER).post(_url(campaign), typed)
    execution = Execution.objects.get()
    assert answer["Location"] == f"/admin/executions/execution/{execution.pk}/live/"
    assert execution.audience == {
        "type": "any_of",
        "sources": [{"type": "list", "id": first.pk}, {"type": "list", "id": second.pk}],
        "exclude": [{"type": "list", "id": second.pk}],
    }
    assert execution.personalization == {"offer": "20%"}
    assert execution.frequency_capping is True
    assert execution.rate_per_minute == 600
    assert execution.created_by_kind == "user"


def test_a_time_is_meant_in_the_time_zone_of_the_workspace(staff: Staff, workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(timezone="America/Sao_Paulo")
    make_contact(workspace)
    campaign = make_campaign(workspace)
    typed = {"audience": "all", "when": "later", "scheduled_for": "2126-01-01T09:00", "launch_token": "t"}
    answer = staff(Role.LAUNCHER).post(_url(campaign), typed)
    assert answer.status_code == 422
    assert "366 days" in answer.context["form"].errors["scheduled_for"][0]
    assert answer.context["form"].when.at == "2126-01-01T09:00"


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        (_typed(), "audience"),
        (_typed("list:999999"), "audience"),
        (_typed("list:abc"), "audience"),
        (_typed("nothing"), "audience"),
        (_typed("list:1\x00"), "audience"),
        ({"audience": "all"}, "audience"),
        (_typed("list:1", when="later", scheduled_for="soon"), "scheduled_for"),
        (_typed("list:1", when="later", scheduled_for="2001-01-01T00:00"), "scheduled_for"),
        (_typed("list:1", rate_per_minute="fast"), "rate_per_minute"),
        (_typed("list:1", rate_per_minute="0"), "rate_per_minute"),
        (_typed("list:1", rate_per_minute="9" * 20), "rate_per_minute"),
        (_typed("list:1", name=["contact"], value=["x"]), "personalization"),
        (_typed("list:1", name=["a", "a"], value=["x", "y"]), "personalization"),
        (_typed("list:1", name=["a"], value=["\x00"]), "personalization"),
        (_typed("list:1", name=["a" * 101], value=["x"]), "personalization"),
    ],
)
def test_what_is_wrong_is_shown_at_its_field(
    typed: dict[str, Any], field: str, staff: Staff, workspace: Workspace
) -> None:
    answer = staff(Role.LAUNCHER).post(_url(make_campaign(workspace)), typed)
    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    assert not Execution.objects.exists()


def test_the_same_token_launches_once(staff: Staff, workspace: Workspace) -> None:
    chosen = make_list(workspace, [make_contact(workspace)])
    campaign, client = make_campaign(workspace), staff(Role.LAUNCHER)
    answers = [client.post(_url(campaign), _typed(f"list:{chosen.pk}")) for _ in range(2)]
    assert answers[0]["Location"] == answers[1]["Location"]
    client.post(_url(campaign), _typed(f"list:{chosen.pk}", launch_token="another"))
    assert Execution.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_double_click_makes_one_execution() -> None:
    from tests.factories import make_workspace

    workspace = make_workspace()
    chosen = make_list(workspace, [make_contact(workspace)])
    campaign, user = make_campaign(workspace), make_member(workspace, Role.LAUNCHER)
    clients = [signed_in(user) for _ in range(4)]

    def click(client: Client) -> str:
        try:
            return str(client.post(_url(campaign), _typed(f"list:{chosen.pk}"))["Location"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(clients)) as threads:
        places = set(threads.map(click, clients))
    assert Execution.objects.count() == len(places) == 1


def test_the_review_tells_what_would_happen_and_writes_nothing(staff: Staff, workspace: Workspace) -> None:
    reachable = make_contact(workspace, attributes={"first_name": "Ana"})
    nameless, unreachable = make_contact(workspace, attributes={}), make_contact(workspace, email=None)
    chosen = make_list(workspace, [reachable, nameless, unreachable])
    answer = staff(Role.VIEWER).post(_url(make_campaign(workspace), "review/"), _typed(f"list:{chosen.pk}")).json()
    assert answer["errors"] == {}
    assert answer["review"]["would_send"] == 1
    assert {row["reason"]: row["count"] for row in answer["review"]["skipped_in_words"]} == {
        "missing_variable": 1,
        "unreachable": 1,
    }
    assert answer["review"]["samples"][0]["content"]["subject"] == "Hello Ana"
    assert not Execution.objects.exists()


def test_the_review_shows_the_message_as_a_chosen_contact_gets_it(staff: Staff, workspace: Workspace) -> None:
    contact = make_contact(workspace, attributes={"first_name": "Zoë"})
    campaign = make_campaign(workspace, "push")
    typed = _typed(contact=contact.external_id, name=["offer"], value=["30%"])
    answer = staff(Role.VIEWER).post(_url(campaign, "review/"), typed).json()
    assert answer["contact"] == contact.external_id
    assert answer["preview"]["content"]["title"] == "Hello Zoë"
    assert answer["preview"]["content"]["body"] == "30% off"


def test_a_contact_of_another_workspace_is_not_shown(
    staff: Staff, workspace: Workspace, other_workspace: Workspace
) -> None:
    foreign = make_contact(other_workspace, attributes={"first_name": "Secret"})
    answer = staff(Role.VIEWER).post(_url(make_campaign(workspace), "review/"), _typed(contact=foreign.external_id))
    assert answer.json()["unknown_contact"] is True
    assert "Secret" not in answer.content.decode()


def test_an_archived_campaign_is_not_launched(staff: Staff, workspace: Workspace) -> None:
    make_contact(workspace)
    campaign = make_campaign(workspace, state="archived")
    answer = staff(Role.LAUNCHER).post(_url(campaign), {"audience": "all"})
    assert answer.status_code == 422
    assert "archived" in answer.context["form"].errors["campaign"][0]


def test_where_approval_is_asked_for_nothing_is_planned(staff: Staff, workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(requires_approval=True)
    make_contact(workspace)
    staff(Role.LAUNCHER).post(_url(make_campaign(workspace)), {"audience": "all", "launch_token": "t"})
    assert Execution.objects.get().state == State.AWAITING_APPROVAL


@pytest.mark.django_db(transaction=True)
class TestSending:
    """The sandbox writes with a connection of its own, so the rows are committed."""

    @pytest.fixture
    def workspace(self, transactional_db: None) -> Workspace:
        from tests.factories import make_workspace

        return make_workspace()

    def test_a_test_goes_to_the_addresses_named_and_no_ledger_knows(self, staff: Staff, workspace: Workspace) -> None:
        contact = make_contact(workspace, attributes={"first_name": "Ana"})
        typed = _typed(contact=contact.external_id, test_addresses="me@example.test, you@example.test")
        answer = staff(Role.LAUNCHER).post(_url(make_campaign(workspace), "test/"), typed).json()
        assert [one["ok"] for one in answer["results"]] == [True, True]
        kept = SandboxMessage.objects.order_by("pk")
        assert [message.address for message in kept] == ["me@example.test", "you@example.test"]
        assert kept[0].content["subject"] == "[Test] Hello Ana"
        assert not Execution.objects.exists()

    def test_a_push_test_goes_to_the_devices_of_the_contact(self, staff: Staff, workspace: Workspace) -> None:
        app = make_app(workspace)
        contact = make_contact(workspace, app=app, attributes={"first_name": "Ana"})
        campaign = make_campaign(workspace, "push", apps=[app])
        typed = _typed(contact=contact.external_id, name=["offer"], value=["30%"])
        answer = staff(Role.LAUNCHER).post(_url(campaign, "test/"), typed).json()
        assert [one["ok"] for one in answer["results"]] == [True]
        assert SandboxMessage.objects.get().app_id == app.app_id


@pytest.mark.parametrize("addresses", ["", "nope", ",".join(f"a{n}@example.test" for n in range(11)), "\x00@x"])
def test_a_test_send_says_what_is_wrong_with_its_addresses(addresses: str, staff: Staff, workspace: Workspace) -> None:
    typed = _typed(test_addresses=addresses, name=["first_name"], value=["Ana"])
    answer = staff(Role.LAUNCHER).post(_url(make_campaign(workspace), "test/"), typed).json()
    assert not any(one["ok"] for one in answer["results"])
    assert not SandboxMessage.objects.exists()
