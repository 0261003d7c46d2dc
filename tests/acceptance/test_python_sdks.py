"""Segment's and RudderStack's SDKs for Python, unchanged but for the host."""

from collections.abc import Callable
from typing import Any

import pytest
import rudderstack.analytics.client
import segment.analytics.client

from audiences.models import Address, Contact, Event
from tests.factories import make_app, make_write_key
from tests.running.processes import Stack
from tests.waiting import PATIENCE
from workspaces.models import Workspace

Made = Callable[..., Any]
SDKS = {
    "segment": segment.analytics.client.Client,
    "rudderstack": rudderstack.analytics.client.Client,
}


@pytest.fixture
def write_key(workspace: Workspace) -> str:
    return make_write_key(make_app(workspace, "shop-web")).key


@pytest.fixture(params=[(name, packed) for name in SDKS for packed in (True, False)], ids=str)
def sdk(request: pytest.FixtureRequest, stack: Stack, write_key: str) -> Any:
    """A client with its own thread and queue, as applications use it; it fails the test for any error it was told."""
    name, packed = request.param
    errors: list[Any] = []
    client = SDKS[name](
        write_key,
        host=stack.url,
        gzip=packed,
        on_error=lambda error, items: errors.append(error),
        max_retries=0,
        timeout=PATIENCE,
    )
    client.told_errors = errors
    return client


def events_of(workspace: Workspace) -> dict[str, Event]:
    return {event.name: event for event in Event.objects.filter(workspace_id=workspace.pk)}


def test_every_call_arrives(sdk: Any, workspace: Workspace) -> None:
    sdk.track(event="visited", anonymous_id="n-1", properties={"path": "/"})
    sdk.identify(user_id="user-1", traits={"email": "Ana@Example.test", "first_name": "Zoë"}, anonymous_id="n-1")
    sdk.track(event="order_placed", user_id="user-1", properties={"total": 49.9})
    sdk.page(user_id="user-1", category="Docs", name="Pricing")
    sdk.screen(user_id="user-1", name="Home")
    sdk.group(user_id="user-1", group_id="acme", traits={"industry": "shoes"})
    sdk.alias(previous_id="n-1", user_id="user-1")
    sdk.shutdown()
    assert sdk.told_errors == []
    contact = Contact.objects.get(workspace=workspace)
    assert contact.external_id == "user-1"
    assert contact.attributes == {"first_name": "Zoë", "group_id": "acme"}
    assert Address.objects.get(contact=contact).value == "ana@example.test"
    events = events_of(workspace)
    assert set(events) == {"visited", "identify", "order_placed", "page", "screen", "group", "alias"}
    assert {event.contact_id for event in events.values()} == {contact.pk}
    assert events["order_placed"].properties == {"total": 49.9}
    assert events["page"].properties["name"] == "Pricing"
    assert abs((events["order_placed"].received_at - events["order_placed"].at).total_seconds()) < 60


def test_many_go_in_batches_and_each_arrives_once(sdk: Any, workspace: Workspace) -> None:
    for number in range(750):
        sdk.track(event="counted", user_id=f"user-{number % 10}", properties={"number": number})
    sdk.shutdown()
    assert sdk.told_errors == []
    numbers = [event.properties["number"] for event in Event.objects.filter(workspace_id=workspace.pk)]
    assert sorted(numbers) == list(range(750))
    assert Contact.objects.filter(workspace=workspace).count() == 10


@pytest.mark.parametrize("name", SDKS)
def test_a_wrong_key_is_an_error_that_the_sdk_is_told(name: str, stack: Stack, workspace: Workspace) -> None:
    errors: list[Any] = []
    client = SDKS[name](
        "wk_wrong",
        host=stack.url,
        on_error=lambda error, items: errors.append(error),
        max_retries=0,
        timeout=PATIENCE,
    )
    client.track(event="a", user_id="user-1")
    client.shutdown()
    assert [error.status for error in errors] == [401]
