"""Create, rest, execute: everyone reachable gets one message with their own data; everyone else has a reason."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from audiences.models import Contact, Suppression
from providers.models import SandboxMessage
from tests.factories import make_address, make_app, make_contact, make_list, make_template
from tests.running.client import Client
from tests.running.mailbox import Mailbox
from tests.running.processes import Stack
from tests.waiting import wait_until
from workspaces.models import Workspace

REACHABLE = 40


@dataclass
class Audience:
    list_id: int
    expected: dict[str, tuple[str, str | None]]
    names: dict[str, str]


@pytest.fixture
def audience(workspace: Workspace) -> Audience:
    """Forty ordinary people and one of each kind that can't be sent to."""
    people: list[Contact] = []
    expected: dict[str, tuple[str, str | None]] = {}
    names: dict[str, str] = {}
    for number in range(REACHABLE):
        email = f"p{number}.w{workspace.pk}@example.test"
        people.append(
            make_contact(workspace, external_id=f"p{number}", email=email, attributes={"first_name": f"Zoë <{number}>"})
        )
        expected[f"p{number}"], names[email] = ("sent", None), f"Zoë <{number}>"
    unreachable = make_contact(workspace, external_id="nowhere", email=None)
    invalid = make_contact(workspace, external_id="invalid", email=None)
    make_address(invalid, value="not-an-address", state="invalid")
    suppressed = make_contact(workspace, external_id="suppressed", email="suppressed@example.test")
    Suppression.objects.create(workspace=workspace, type="email", value="suppressed@example.test")
    unsubscribed = make_contact(workspace, external_id="unsubscribed", email=None)
    make_address(unsubscribed, value="gone@example.test", consent="unsubscribed")
    double = make_contact(workspace, external_id="double", email=f"p0.w{workspace.pk}@example.test")
    nameless = make_contact(workspace, external_id="nameless", attributes={})
    expected |= {
        "nowhere": ("skipped", "unreachable"),
        "invalid": ("skipped", "invalid_address"),
        "suppressed": ("skipped", "suppressed"),
        "unsubscribed": ("skipped", "unsubscribed"),
        "double": ("skipped", "duplicate_address"),
        "nameless": ("skipped", "missing_variable"),
    }
    people += [unreachable, invalid, suppressed, unsubscribed, double, nameless]
    return Audience(make_list(workspace, people).pk, expected, names)


def outcomes(rows: list[Any]) -> dict[str, tuple[str, str | None]]:
    assert len({row["delivery_id"] for row in rows}) == len(rows)
    return {row["external_id"]: (row["outcome"], row["reason"]) for row in rows}


def test_created_campaign_rests_over_a_restart_and_is_delivered_once_executed(
    stack: Stack, client: Client, workspace: Workspace, relay: Mailbox, audience: Audience
) -> None:
    campaign_id = client.create(template_id=make_template(workspace).pk, tags=["News"])
    for process in (stack.web, stack.worker):
        process.stop()
        process.start()
    stack.wait_for_web()
    assert client.ok("GET", f"/api/v1/campaigns/{campaign_id}")["state"] == "draft"
    assert client.ok("GET", f"/api/v1/executions?campaign={campaign_id}")["results"] == []
    assert relay.count == 0

    execution_id = client.execute(campaign_id, {"type": "list", "id": audience.list_id})
    done = client.wait_for(execution_id)

    assert done["state"] == "finished"
    assert done["size"] == len(audience.expected) == sum(done["counts"].values())
    assert outcomes(client.deliveries(execution_id)) == audience.expected
    assert relay.recipients() == dict.fromkeys(audience.names, 1)
    for address, name in audience.names.items():
        message = relay.message(address)
        assert message["Subject"] == f"Hello {name}"
        assert message["From"] == "Zoë's Shop <news@example.test>"
        html = message.get_body(("html",))
        assert html is not None
        escaped = name.replace("<", "&lt;").replace(">", "&gt;")
        assert f"<p>Hello {escaped}</p>" in html.get_content()
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert message["List-Unsubscribe"].strip("<>") in html.get_content()


def test_the_compatible_wire_delivers_push_to_every_live_token(client: Client, workspace: Workspace) -> None:
    android, ios = make_app(workspace, "shop-android"), make_app(workspace, "shop-ios")
    people = [make_contact(workspace, external_id=f"t{tokens}", email=None) for tokens in range(4)]
    for tokens, person in enumerate(people):
        for index in range(tokens):
            app = (android, ios)[index % 2]
            make_address(person, "push", app=app, value=f"w{workspace.pk}-{tokens}-{index}", platform="android")
    dead = make_contact(workspace, external_id="dead", email=None)
    make_address(dead, "push", app=ios, value=f"w{workspace.pk}-dead", state="dead")
    created = client.ok(
        "POST",
        "/campaign/create",
        {
            "type": "apn",
            "name": "Diwali sale",
            "app_ids": ["shop-android", "shop-ios"],
            "template_id": str(make_template(workspace, "push").pk),
            "tags": ["Sale", "Brand"],
        },
    )
    assert created == {
        "status": "success",
        "message": "Campaign created successfully",
        "campaign_id": created["campaign_id"],
    }
    executed = client.ok(
        "POST",
        "/campaign/execute",
        {
            "type": "apn",
            "campaign_id": str(created["campaign_id"]),
            "data_source": "list",
            "list_id": str(make_list(workspace, [*people, dead]).pk),
            "frequency_capping": True,
            "personalization": {"offer": "20%"},
        },
    )
    done = client.wait_for(executed["execution_id"])

    assert done["counts"]["sent"] == 6
    assert done["reasons"]["skipped"] == {"unreachable": 1, "invalid_address": 1}
    shown = SandboxMessage.objects.filter(execution_id=executed["execution_id"])
    assert Counter(shown.values_list("address", flat=True)) == {
        f"w{workspace.pk}-{tokens}-{index}": 1 for tokens in range(4) for index in range(tokens)
    }
    assert {message.content["body"] for message in shown} == {"20% off"}


def test_a_refusing_provider_makes_the_execution_wait_and_say_so_and_it_resumes_by_itself(
    client: Client, workspace: Workspace, relay: Mailbox, audience: Audience
) -> None:
    campaign_id = client.create(template_id=make_template(workspace).pk)
    relay.stop()
    execution_id = client.execute(campaign_id, {"type": "list", "id": audience.list_id})

    def waiting() -> Any:
        return client.execution(execution_id)["state_reason"]

    reason = wait_until(waiting, "the execution says why it waits")
    assert reason["code"] == "provider_unavailable"
    assert "relay" in reason["message"]
    relay.start()
    assert client.wait_for(execution_id)["counts"]["sent"] == REACHABLE
    assert relay.recipients() == dict.fromkeys(audience.names, 1)
