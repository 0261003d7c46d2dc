"""Through the real HTTP adapters to a service on the loopback: what an execution makes of its answers."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from audiences.models import Address
from executions.delivery.rounds import LONGEST_ROUND_SECONDS
from executions.delivery.runtime import runtime
from executions.launching.test_sends import send_test
from executions.models import Execution
from executions.reading.deliveries import every_delivery
from executions.states import State
from providers.models import Provider
from tests.executions.rows import ledger, make_execution
from tests.executions.work import counts, deliver, drain_all, make_due
from tests.factories import (
    actor_for,
    make_address,
    make_campaign,
    make_contact,
    make_contacts,
    make_provider,
    make_user,
    make_workspace,
)
from tests.providers.http_service import Act, Reply, Request, Script, Service, reply
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)
KINDS = ["http", "http_batch"]


@contextmanager
def listening(service: Service) -> Iterator[Service]:
    """In a thread of its own, as the worker's loop does not run all the time."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with service.listening():
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(60)
        yield service
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(60)
        loop.close()


def launched(service: Service, kind: str, *, people: int = 20, type: str = "email", **config: Any) -> Execution:
    workspace = make_workspace(sandbox=False)
    url = f"http://127.0.0.1:{service.port}/v1"
    provider = make_provider(workspace, kind, name="gateway", config={"url": url, **config}, connections=1)
    runtime().rounds[provider.pk].seconds = LONGEST_ROUND_SECONDS  # a busy machine, too, hands everything over in one
    make_contacts(workspace, people)
    return make_execution(workspace, type=type)


def messages(service: Service) -> list[dict[str, Any]]:
    return [message for request in service.requests for message in request.json.get("messages", [request.json])]


@pytest.mark.parametrize("kind", KINDS)
def test_everyone_gets_one_email_as_it_is_documented(kind: str) -> None:
    with listening(Service()) as service:
        execution = deliver(launched(service, kind))
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 20})
    assert len({message["id"] for message in messages(service)}) == len(messages(service)) == 20
    assert len(service.requests) == (20 if kind == "http" else 1)
    assert execution.sender is not None
    address = Address.objects.get(contact_id=ledger(execution)[0][0])
    [message] = [one for one in messages(service) if one["to"] == address.value]
    assert message["id"] == f"{execution.pk}-{address.contact_id}-{address.pk}"
    assert (message["type"], message["execution_id"]) == ("email", execution.pk)
    assert message["from"] == {"address": execution.sender.address, "name": execution.sender.name}
    assert message["subject"].startswith("Hello") and message["html"].startswith("<p>Hello")
    assert message["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["headers"]["List-Unsubscribe"][1:-1] in message["text"]
    assert {row["provider_message_id"] for row in every_delivery(execution, {})} == {
        one["id"] for one in messages(service)
    }


def test_a_rejected_recipient_of_a_batch_fails_and_a_dead_address_is_marked() -> None:
    def script(request: Request, n: int) -> Reply:
        rows: list[dict[str, Any]] = [{"id": id, "status": "accepted"} for id in request.ids]
        rows[3] = {"id": request.ids[3], "status": "rejected", "error": {"code": "invalid_address"}}
        return reply(200, {"results": rows})

    with listening(Service(script)) as service:
        execution = deliver(launched(service, "http_batch"))
    assert counts(execution) == {"sent": 19, "failed": 1}
    [dead] = Address.objects.filter(state="dead")
    assert (dead.contact_id, dead.pk, "failed", "rejected") in ledger(execution)


def test_a_provider_of_several_types_keeps_its_connections_for_each() -> None:
    with listening(Service()) as service:
        email = launched(service, "http", idle_timeout=600)
        make_address(make_contact(email.workspace), "sms", value="+4915112345678")
        for type in ("email", "sms", "email", "sms"):
            deliver(make_execution(email.workspace, type=type))
    assert service.connections == 2
    assert {message["type"] for message in messages(service)} == {"email", "sms"}


@pytest.mark.parametrize("kind", KINDS)
def test_throttling_fails_nobody(kind: str) -> None:
    script: Script = lambda request, n: reply(429, Retry_After="1") if n <= 3 else None  # noqa: E731
    with listening(Service(script)) as service:
        execution = deliver(launched(service, kind))
        assert counts(execution).get("failed") is None
        for _ in range(10):
            make_due(execution)
            Provider.objects.update(unavailable_until=None)
            execution = drain_all(execution)
    assert counts(execution) == {"sent": 20}
    assert len(set(service.accepted)) == len(service.accepted) == 20


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_that_refuses_our_token_is_waited_for_and_costs_no_attempt(kind: str) -> None:
    refused = [True]
    with listening(Service(lambda request, n: reply(401, "who are you") if refused else None)) as service:
        execution = deliver(launched(service, kind))
        assert (execution.state, counts(execution)) == (State.RUNNING, {})
        assert execution.state_reason is not None
        assert execution.state_reason["message"] == "gateway: 401 Unauthorized: who are you"
        refused.clear()
        Provider.objects.update(unavailable_until="2020-01-01T00:00:00Z")
        execution = drain_all(execution)
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 20})


@pytest.mark.parametrize(("kind", "in_doubt"), [("http", 1), ("http_batch", 20)])
def test_what_is_not_answered_is_unknown(kind: str, in_doubt: int) -> None:
    with listening(Service(lambda request, n: Act.RESET if n == 1 else None)) as service:
        execution = deliver(launched(service, kind))
        Provider.objects.update(unavailable_until="2020-01-01T00:00:00Z")
        execution = drain_all(execution)
    assert counts(execution) == {key: n for key, n in {"sent": 20 - in_doubt, "unknown": in_doubt}.items() if n}
    assert len({id for request in service.requests for id in request.ids}) == 20


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_sent_again_to_a_service_that_drops_what_it_has_seen(kind: str) -> None:
    with listening(Service(lambda request, n: Act.RESET if n == 1 else None)) as service:
        execution = deliver(launched(service, kind, dedupes=True))
        Provider.objects.update(unavailable_until="2020-01-01T00:00:00Z")
        make_due(execution)
        execution = drain_all(execution)
    assert (execution.state, counts(execution)) == (State.FINISHED, {"sent": 20})
    first, *others = service.requests
    again = [request for request in others if set(request.ids) & set(first.ids)]
    assert again and (kind == "http_batch" or again[-1].headers["idempotency-key"] == first.headers["idempotency-key"])


def test_a_promise_to_drop_them_that_is_taken_back_holds_no_longer() -> None:
    """Within the execution too: somebody has seen the copies."""
    workspace = make_workspace(sandbox=False)
    provider = make_provider(workspace, "http", config={"url": "http://127.0.0.1:1/", "dedupes": True})
    execution = make_execution(workspace, provider=provider)
    assert runtime().prepared_now(execution.pk).on_unknown == "resend"
    Provider.objects.filter(pk=provider.pk).update(config={"url": "http://127.0.0.1:1/"})
    assert runtime().prepared_now(execution.pk).on_unknown == "hold"


@pytest.mark.parametrize("kind", KINDS)
def test_a_test_is_sent_in_the_same_form(kind: str) -> None:
    with listening(Service()) as service:
        workspace: Workspace = make_workspace(sandbox=False)
        make_provider(workspace, kind, config={"url": f"http://127.0.0.1:{service.port}/"})
        campaign = make_campaign(workspace, "sms")
        sent = send_test(
            campaign=campaign,
            addresses=["+4915112345678"],
            contact=None,
            personalization={"first_name": "Ana"},
            actor=actor_for(make_user()),
        )
    assert [(one.ok, one.message) for one in sent] == [(True, 'Handed over: 200 OK: {"id": "m-1"}')]
    [message] = messages(service)
    assert (message["type"], message["to"], message["text"]) == ("sms", "+4915112345678", "Hello Ana")
    assert json.loads(service.requests[0].body) and message["execution_id"] is None
