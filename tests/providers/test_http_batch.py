"""Many messages a request."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from providers.contract import UNTOUCHED, Verdict
from providers.http.http_flow import BatchSize
from tests.providers.contract import Sent, closing, run, send
from tests.providers.http_service import (
    Act,
    Reply,
    Request,
    Script,
    Service,
    deliver,
    deliver_in_vain,
    open_http,
    reply,
    settings,
    text,
    texts,
)

SENT, FAILED, RETRY = Verdict.SENT, Verdict.FAILED, Verdict.RETRY
THROTTLED, UNAVAILABLE, UNKNOWN = Verdict.THROTTLED, Verdict.UNAVAILABLE, Verdict.UNKNOWN


def batch(service: Service, count: int, **config: Any) -> Sent:
    return deliver(service, texts(count), kind="http_batch", **config)


def sizes(service: Service) -> list[int]:
    return [len(request.ids) for request in service.requests]


def refusing(culprits: set[str], status: int = 400) -> Script:
    """A service that refuses a batch as a whole, and names nobody."""
    return lambda request, n: reply(status, "no") if culprits & set(request.ids) else None


def test_one_request_carries_them_all() -> None:
    service = Service()
    sent = batch(service, 1000)
    assert sent.verdicts == [SENT] * 1000 and sizes(service) == [1000]
    [request] = service.requests
    assert request.json["messages"][3] == {
        "id": "7-3-1",
        "type": "sms",
        "to": "+491510000003",
        "execution_id": 7,
        "text": "Hello 3",
    }
    assert sent.results[0].response == '200 OK: {"id": "m-1"}'


def test_the_key_of_a_batch_tells_the_same_messages_from_others() -> None:
    service = Service()
    batch(service, 2)
    batch(service, 2)
    batch(service, 3)
    keys = [request.headers["idempotency-key"] for request in service.requests]
    assert keys[0] == keys[1] != keys[2] and keys[0].startswith("batch-")


def test_as_many_as_the_provider_takes() -> None:
    service = Service()
    assert batch(service, 25, batch_size=10).verdicts == [SENT] * 25
    assert sizes(service) == [10, 10, 5]


def test_as_many_bytes_as_the_provider_takes() -> None:
    service = Service()
    messages = [text(n, text="x" * size) for n, size in enumerate([300, 300, 300, 300, 300, 5000, 10])]
    assert deliver(service, messages, kind="http_batch", batch_bytes=1500).verdicts == [SENT] * 7
    assert sizes(service) == [3, 2, 1, 1]
    assert len(set(service.accepted)) == 7
    assert [len(request.body) <= 1500 for request in service.requests] == [True, True, False, True]


def test_each_message_has_its_own_result() -> None:
    def script(request: Request, n: int) -> Reply:
        said = {"7-1-1": {"code": "invalid_token"}, "7-2-1": {"code": "temporary"}}
        rows = [
            {"id": id, "status": "rejected", "error": said[id]} if id in said else {"id": id, "status": "accepted"}
            for id in request.ids
            if id != "7-3-1"
        ]
        return reply(200, {"results": rows})

    sent = batch(Service(script), 5)
    assert sent.verdicts == [SENT, FAILED, RETRY, UNKNOWN, SENT]
    assert sent.results[1].dead_address and sent.results[1].reason == "invalid_token"


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("place", [0, 1, 499, 500, 998, 999])
def test_one_culprit_is_found_and_fails_alone(place: int, status: int) -> None:
    service = Service(refusing({f"7-{place}-1"}, status))
    sent = batch(service, 1000)
    assert sent.results[place].verdict is FAILED
    assert sent.verdicts.count(SENT) == 999
    assert len(service.accepted) == len(set(service.accepted)) == 999
    assert len(service.requests) <= 60


@hypothesis_settings(max_examples=15, deadline=None)
@given(culprits=st.sets(st.integers(0, 63), max_size=8), most=st.integers(1, 64))
def test_culprits_fail_and_nobody_else_however_many(culprits: set[int], most: int) -> None:
    service = Service(refusing({f"7-{place}-1" for place in culprits}))
    sent = batch(service, 64, batch_size=most, connections=2)
    assert {place for place, result in sent.results.items() if result.verdict is FAILED} == culprits
    assert sorted(service.accepted) == sorted(f"7-{place}-1" for place in set(range(64)) - culprits)


def test_a_batch_that_is_too_large_as_a_whole_goes_in_parts() -> None:
    service = Service(lambda request, n: reply(413) if len(request.ids) > 100 else None)
    assert batch(service, 1000).verdicts == [SENT] * 1000
    assert max(len(request.ids) for request in service.requests[5:]) < 500


def test_the_search_for_a_culprit_goes_on_in_the_next_round() -> None:
    """A slow service may allow no more than one refusal a round; each must bring us nearer."""
    size = BatchSize(1000)
    asked = []
    while size.now > 1:
        asked.append(size.now)
        size.refused(size.now)
    assert asked == [1000, 500, 250, 125, 62, 31, 15, 7, 3]
    for _ in range(10):
        size.accepted()
    assert size.now == 1000


def test_throttling_parks_the_whole_batch_and_leaves_the_others_alone() -> None:
    service = Service(lambda request, n: reply(429, Retry_After="5"))
    sent = batch(service, 100, batch_size=50)
    assert sent.verdicts == [THROTTLED] * 51 + [Verdict.UNSTARTED] * 49 and sizes(service) == [50]
    assert sent.results[49].retry_after == 5.0


@pytest.mark.parametrize("status", [401, 404, 302])
def test_a_service_that_refuses_us_takes_nobody(status: int) -> None:
    service = Service(lambda request, n: reply(status))
    sent = batch(service, 30, batch_size=10)
    assert sent.verdicts == [UNAVAILABLE] * 30 and sizes(service) == [10]
    assert set(sent.journal.octets) == {UNTOUCHED}


def test_an_error_of_the_service_retries_the_batch() -> None:
    service = Service(lambda request, n: reply(500) if n == 1 else None)
    assert batch(service, 20, batch_size=10).verdicts == [RETRY] * 10 + [SENT] * 10


@pytest.mark.parametrize("said", [Act.CLOSE, Act.RESET, reply(504)])
def test_a_batch_without_an_answer_is_in_doubt_and_no_other_is_put_there(said: Reply) -> None:
    service = Service(lambda request, n: said if n == 2 else None)
    sent = batch(service, 40, batch_size=10)
    assert sent.verdicts == [SENT] * 10 + [UNKNOWN] * 10 + [UNAVAILABLE] * 20
    assert len(service.requests) == 2


def test_a_batch_that_is_never_answered_is_in_doubt() -> None:
    service = Service(lambda request, n: Act.SILENCE)
    sent = deliver_in_vain(service, texts(20), kind="http_batch", batch_size=10)
    assert sent.verdicts == [UNKNOWN] * 10 + [UNAVAILABLE] * 10


@pytest.mark.parametrize("body", ["", '{"resul', '{"results": [{"id": "7-0-1", "sta'])
def test_results_that_are_cut_short_leave_the_batch_in_doubt(body: str) -> None:
    cut = f"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\nConnection: close\r\n\r\n{body}"
    assert batch(Service(lambda request, n: cut), 3).verdicts == [UNKNOWN] * 3


def test_an_adapter_asks_for_chunks_of_the_size_of_its_batches() -> None:
    async def scenario() -> list[int]:
        chunks = []
        kinds: list[tuple[str, dict[str, Any]]]
        kinds = [("http", {}), ("http_batch", {}), ("http_batch", {"batch_size": 50})]
        for kind, config in kinds:
            async with closing(open_http(settings(1, kind=kind, **config))) as adapter:
                chunks.append(adapter.chunk)
        return chunks

    assert run(scenario()) == [500, 1000, 500]


def test_several_connections_share_the_batches() -> None:
    async def scenario() -> Service:
        service = Service()
        async with service.listening():
            wanted = settings(service.port, kind="http_batch", batch_size=10, connections=3)
            async with closing(open_http(wanted)) as adapter:
                sent = await send(adapter, texts(100))
                assert sent.verdicts == [SENT] * 100
        return service

    service = run(scenario())
    assert service.connections == 3 and sizes(service) == [10] * 10
