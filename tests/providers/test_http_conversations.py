"""One message a request: what goes over the wire, and what becomes of the message however the service behaves."""

import asyncio
from typing import Any

import pytest

from providers.contract import HANDED_OVER, Verdict
from tests.providers.contract import LOOPS, Journal, Sent, closing, run, send
from tests.providers.emails import email
from tests.providers.http_service import (
    ANSWER_TIMEOUT,
    OK,
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


def nth(number: int, said: Reply) -> Script:
    return lambda request, n: said if n == number else None


def always(said: Reply) -> Script:
    return lambda request, n: said


def test_what_a_request_looks_like() -> None:
    service = Service()
    deliver(service, [text(0)])
    [request] = service.requests
    assert request.line == "POST /v1/messages HTTP/1.1"
    assert request.headers == {
        "host": f"127.0.0.1:{service.port}",
        "user-agent": "Volley",
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "idempotency-key": "7-0-1",
        "content-length": str(len(request.body)),
    }
    assert request.json == {"id": "7-0-1", "type": "sms", "to": "+491510000000", "execution_id": 7, "text": "Hello 0"}


def test_nothing_in_a_message_can_reach_the_head_or_break_the_json() -> None:
    service = Service()
    nasty = 'a"b\\c\r\nX-Evil: 1\r\n\r\n\0 ü 💌'
    sent = deliver(service, [text(0, text=nasty)])
    assert sent.verdicts == [SENT] and service.requests[0].json["text"] == nasty


def test_an_email_in_its_mime_form_is_a_bug() -> None:
    with pytest.raises(TypeError, match="JSON, not Email"):
        deliver(Service(), [email(0)])


def test_a_connection_is_kept() -> None:
    service = Service()
    assert deliver(service, texts(50)).verdicts == [SENT] * 50
    assert service.connections == 1 and len(set(service.accepted)) == 50


@pytest.mark.parametrize("loop", LOOPS)
def test_it_is_kept_between_chunks_while_it_is_fresh(loop: str) -> None:
    async def scenario(idle_timeout: float) -> int:
        service = Service()
        async with (
            service.listening(),
            closing(open_http(settings(service.port, idle_timeout=idle_timeout))) as adapter,
        ):
            await send(adapter, texts(2))
            await send(adapter, texts(2))
        return service.connections

    assert (run(scenario(60), loop), run(scenario(0), loop)) == (1, 2)


@pytest.mark.parametrize(
    "said",
    [
        reply(200, {"id": "1"}, Connection="close"),
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}",
        "HTTP/1.0 200 OK\r\n\r\nfine",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nOK",
    ],
)
def test_a_service_that_closes_after_each_answer(said: str) -> None:
    service = Service(always(said))
    assert deliver(service, texts(5)).verdicts == [SENT] * 5
    assert service.connections == 5


def test_a_connection_carries_no_more_than_it_may() -> None:
    service = Service()
    assert deliver(service, texts(7), requests_per_connection=3).verdicts == [SENT] * 7
    assert service.connections == 3


@pytest.mark.parametrize(
    "said",
    [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: 1\r\n\r\n" + OK,
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK,
        "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("piecemeal", [False, True])
def test_answers_of_every_form(said: str, piecemeal: bool) -> None:
    service = Service(always(said), piecemeal=piecemeal)
    assert deliver(service, texts(3)).verdicts == [SENT] * 3
    assert service.connections == 1


def test_the_providers_words_are_kept() -> None:
    sent = deliver(Service(nth(2, reply(422, {"error": {"code": "spam", "message": "No."}}))), texts(3))
    assert [sent.results[n].response for n in range(3)] == [
        '200 OK: {"id": "m-1"}',
        "422 Unprocessable Content: spam: No.",
        '200 OK: {"id": "m-1"}',
    ]
    assert sent.verdicts == [SENT, FAILED, SENT]


def test_a_dead_address() -> None:
    sent = deliver(Service(nth(1, reply(410, {"error": {"code": "invalid_token"}}))), texts(2))
    assert (sent.verdicts, sent.results[0].dead_address) == ([FAILED, SENT], True)


@pytest.mark.parametrize("status", [401, 403, 404, 301, 415])
def test_a_service_that_refuses_us_is_asked_once(status: int) -> None:
    service = Service(always(reply(status)))
    sent = deliver(service, texts(10))
    assert sent.verdicts == [UNAVAILABLE] * 10 and len(service.requests) == 1


def test_throttling_is_taken_with_its_wait_and_ten_in_a_row_end_the_chunk() -> None:
    service = Service(always(reply(429, Retry_After="17")))
    sent = deliver(service, texts(40))
    assert sent.verdicts.count(THROTTLED) == 11 and len(service.requests) == 10
    assert sent.verdicts.count(Verdict.UNSTARTED) == 29
    assert {result.retry_after for result in sent.results.values()} == {17.0, None}


def test_an_error_of_the_service_is_tried_again_later() -> None:
    assert deliver(Service(nth(2, reply(500))), texts(3)).verdicts == [SENT, RETRY, SENT]


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_that_cannot_know_leaves_one_in_doubt_and_the_rest_alone(status: int) -> None:
    service = Service(nth(3, reply(status)))
    sent = deliver(service, texts(6))
    assert sent.verdicts == [SENT, SENT, UNKNOWN, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE]
    assert len(service.requests) == 3


@pytest.mark.parametrize("act", [Act.CLOSE, Act.RESET])
def test_a_connection_lost_before_the_answer_leaves_that_message_in_doubt(act: Act) -> None:
    service = Service(nth(3, act))
    sent = deliver(service, texts(6))
    assert sent.verdicts == [SENT, SENT, UNKNOWN, SENT, SENT, SENT]
    assert service.connections == 2
    ids = [id for request in service.requests for id in request.ids]
    assert len(ids) == len(set(ids)) == 6


def test_a_service_that_never_answers_is_left_alone() -> None:
    service = Service(nth(3, Act.SILENCE))
    sent = deliver_in_vain(service, texts(6))
    assert sent.verdicts == [SENT, SENT, UNKNOWN, *[UNAVAILABLE] * 3]
    assert f"gave no answer within {ANSWER_TIMEOUT:g} s" in (sent.results[2].response or "")


@pytest.mark.parametrize("act", [Act.CLOSE, Act.RESET])
def test_a_service_that_only_hangs_up(act: Act) -> None:
    sent = deliver(Service(always(act)), texts(6))
    assert sent.verdicts == [UNKNOWN, *[UNAVAILABLE] * 5]


@pytest.mark.parametrize(
    "said",
    [
        b"220 mail.test ESMTP\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000,
    ],
)
def test_noise_instead_of_http(said: bytes) -> None:
    sent = deliver(Service(always(said)), texts(2))
    assert sent.verdicts[0] in (UNKNOWN, SENT) and sent.verdicts[0] is not FAILED
    assert len(sent.results[0].response or "") > 5


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\ncut", SENT),
        ("HTTP/1.1 422 No\r\nContent-Length: 100\r\nConnection: close\r\n\r\ncut", FAILED),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhel", SENT),
    ],
)
def test_an_answer_that_is_cut_short_has_said_its_status(said: str, verdict: Verdict) -> None:
    assert deliver(Service(always(said)), texts(3)).verdicts == [verdict] * 3


def test_an_answer_that_never_ends_has_said_its_status() -> None:
    endless = Service(always("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut"))
    assert deliver_in_vain(endless, texts(2)).verdicts == [SENT, SENT]
    huge = Service(always(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000))
    sent = deliver(huge, texts(2))
    assert sent.verdicts == [SENT, SENT] and len(sent.results[0].response or "") == 500


def test_two_answers_to_one_request_end_the_connection() -> None:
    service = Service(nth(1, OK + reply(500, "not asked for")))
    sent = deliver(service, texts(3))
    assert sent.verdicts == [SENT] * 3 and service.connections == 2


def test_nobody_there() -> None:
    service = Service()

    async def scenario() -> Sent:
        async with service.listening():
            pass
        async with closing(open_http(settings(service.port))) as adapter:
            return await send(adapter, texts(3))

    sent = run(scenario())
    assert sent.verdicts == [UNAVAILABLE] * 3
    assert sent.results[0].response == f"127.0.0.1:{service.port}: connection refused"
    assert not any(HANDED_OVER in written for written in sent.journal.history)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_connection_that_the_service_closed_between_chunks_costs_nobody(loop: str) -> None:
    async def scenario() -> tuple[Sent, Sent]:
        service = Service()
        async with service.listening():
            adapter = open_http(settings(service.port, idle_timeout=60))
            first = await send(adapter, texts(2))
        async with service.listening():
            second = await send(adapter, texts(2))
            await adapter.close()
        return first, second

    assert [sent.verdicts for sent in run(scenario(), loop)] == [[SENT] * 2] * 2


def test_a_hint_how_long_connections_are_kept_is_heeded() -> None:
    async def scenario() -> int:
        service = Service(always(reply(200, Keep_Alive="timeout=0, max=100")))
        async with service.listening(), closing(open_http(settings(service.port, idle_timeout=60))) as adapter:
            await send(adapter, texts(2))
            await send(adapter, texts(2))
        return service.connections

    assert run(scenario()) == 2


def test_several_connections_share_the_chunk() -> None:
    at_once: list[int] = []
    service = Service()

    def count(request: Request, n: int) -> None:
        at_once.append(service.connections)

    service.script = count
    assert deliver(service, texts(60), connections=5).verdicts == [SENT] * 60
    assert service.connections == 5 and len(set(service.accepted)) == 60


@pytest.mark.parametrize(
    ("config", "header", "value"),
    [
        ({"auth": "bearer", "credentials": {"token": "s3cret"}}, "authorization", "Bearer s3cret"),
        ({"auth": "header", "auth_header": "X-Api-Key", "credentials": {"token": "s3cret"}}, "x-api-key", "s3cret"),
    ],
)
def test_credentials(config: dict[str, Any], header: str, value: str) -> None:
    service = Service()
    deliver(service, texts(1), **config)
    assert service.requests[0].headers[header] == value


@pytest.mark.parametrize(
    ("answer", "ok", "words"),
    [
        (reply(405, "POST only"), True, "answers."),
        (reply(404), True, "answers."),
        (reply(200), True, "answers."),
        (reply(401, "who are you"), False, "refuses our credentials: 401 Unauthorized: who are you"),
        (reply(301, Location="https://elsewhere.test/"), False, "redirects to https://elsewhere.test/"),
        (reply(503), False, "out of order: 503"),
        (Act.CLOSE, False, "closed the connection"),
    ],
)
def test_probing_sends_nothing_and_says_what_it_found(answer: Reply, ok: bool, words: str) -> None:
    service = Service(always(answer))

    async def scenario() -> None:
        config: dict[str, Any] = {"auth": "bearer", "credentials": {"token": "s3cret"}}
        async with service.listening(), closing(open_http(settings(service.port, **config))) as adapter:
            result = await adapter.probe()
            assert (result.ok, words in result.message) == (ok, True), result

    run(scenario())
    [request] = service.requests
    assert (request.line, request.body) == ("GET /v1/messages HTTP/1.1", b"")
    assert request.headers["authorization"] == "Bearer s3cret"


def test_probing_an_address_where_nobody_is() -> None:
    async def scenario() -> str:
        async with closing(open_http(settings(1))) as adapter:
            result = await adapter.probe()
            assert not result.ok
            return result.message

    assert run(scenario()) == "127.0.0.1:1: connection refused"


def test_cancelling_while_a_request_is_on_its_way_leaves_it_in_doubt_and_the_connection_closed() -> None:
    async def scenario() -> Sent:
        arrived = asyncio.Event()

        def second_is_silent(request: Request, n: int) -> Reply | None:
            if n == 2:
                arrived.set()
            return Act.SILENCE if n == 2 else None

        service = Service(second_is_silent)
        sent, messages = Sent(Journal(5)), texts(5)
        async with service.listening(), closing(open_http(settings(service.port))) as adapter:
            deadline = asyncio.get_running_loop().time() + 30
            sending = asyncio.ensure_future(
                adapter.send(messages, journal=sent.journal, deadline=deadline, settle=sent.settle)
            )
            await arrived.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            sent.check(messages)
            again = await send(adapter, [text(9)])
            assert again.verdicts == [SENT] and service.connections == 2
        return sent

    assert run(scenario()).verdicts == [SENT, UNKNOWN, *[Verdict.UNSTARTED] * 3]
