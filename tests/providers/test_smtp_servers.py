"""Servers of every kind: slow, old, small, strict, and what their extensions change."""

import asyncio
import socket

import pytest

from providers.contract import HANDED_OVER, Verdict
from providers.email.smtp import SmtpAdapter
from providers.email.smtp_config import Security, SmtpConfig
from tests.providers.contract import LONG, LOOPS, Sent, ShiftedLoop, closing, run, send
from tests.providers.emails import email, emails
from tests.providers.receiver import CHUNKED, PIPELINED, Act, Receiver, Reply
from tests.providers.relay import WAYS, deliver, every_way, script


@every_way
def test_replies_that_arrive_octet_by_octet_and_of_many_lines(way: str) -> None:
    receiver = Receiver(
        WAYS[way], script("RCPT", "250-2.1.5 first\r\n250-2.1.5 second\r\n250 2.1.5 third"), piecemeal=True
    )
    sent = deliver(receiver, emails(5))
    assert sent.verdicts == [Verdict.SENT] * 5


@every_way
def test_a_refusal_of_many_lines_is_kept_whole(way: str) -> None:
    receiver = Receiver(WAYS[way], script("RCPT", "550-5.7.1 See\r\n550 5.7.1 https://relay.test/why"))
    sent = deliver(receiver, emails(1))
    assert sent.results[0].response == "550-5.7.1 See 550 5.7.1 https://relay.test/why"


@every_way
def test_noise_instead_of_smtp(way: str) -> None:
    sent = deliver(Receiver(WAYS[way], script("MAIL", "HTTP/1.1 400 Bad Request")), emails(1), depth=1)
    assert sent.verdicts == [Verdict.UNKNOWN if way == "chunked" else Verdict.UNAVAILABLE]
    assert "does not speak SMTP" in (sent.results[0].response or "")


@every_way
def test_lines_that_begin_with_a_dot_arrive_as_they_were(way: str) -> None:
    body = b".\r\n..two\r\n.three\r\n\r\n.\r\nend\r\n"
    receiver = Receiver(WAYS[way])
    deliver(receiver, [email(0, html=body)])
    assert receiver.accepted[0].payload.partition(b"\r\n\r\n")[2].rstrip() == body.rstrip()


@pytest.mark.parametrize("way", ["lockstep", "pipelined"])
def test_time_that_runs_out_between_the_invitation_and_the_message_takes_it_back(way: str) -> None:
    loop = ShiftedLoop()

    def out_of_time(verb: str, argument: str, n: int) -> Reply | None:
        if verb == "DATA" and n == 2:
            loop.shift = LONG + 1
        return None

    async def scenario() -> Sent:
        receiver = Receiver(WAYS[way], out_of_time)
        async with receiver.listening():
            config = SmtpConfig("127.0.0.1", receiver.port, Security.NONE, connections=1)
            async with closing(SmtpAdapter(config)) as adapter:
                sent = await send(adapter, emails(3), seconds=LONG)
        assert receiver.recipients == ["user0@example.test"]
        return sent

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        sent = runner.run(scenario())
    assert sent.verdicts == [Verdict.SENT, Verdict.UNSTARTED, Verdict.UNSTARTED]
    assert HANDED_OVER not in sent.journal.history[1]


@pytest.mark.parametrize("way", ["lockstep", "pipelined"])
def test_what_is_invited_when_time_runs_out_is_finished_and_the_connection_kept(way: str) -> None:
    loop = ShiftedLoop()

    def out_of_time(verb: str, argument: str, n: int) -> Reply | None:
        if verb == "DATA" and n == 2:
            loop.shift = LONG
        return None

    async def scenario() -> tuple[Sent, Sent]:
        receiver = Receiver(WAYS[way], out_of_time)
        async with receiver.listening():
            config = SmtpConfig("127.0.0.1", receiver.port, Security.NONE, connections=1)
            async with closing(SmtpAdapter(config)) as adapter:
                first = await send(adapter, emails(3), seconds=LONG)
                rest = await send(adapter, emails(1), seconds=LONG)
        assert receiver.seen["GREET"] == 1
        return first, rest

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        first, rest = runner.run(scenario())
    assert first.verdicts == [Verdict.SENT, Verdict.SENT, Verdict.UNSTARTED]
    assert rest.verdicts == [Verdict.SENT]


@pytest.mark.parametrize("loop", LOOPS)
def test_nobody_listens(loop: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        async def scenario() -> Sent:
            async with closing(SmtpAdapter(SmtpConfig("127.0.0.1", port, Security.NONE))) as adapter:
                return await send(adapter, emails(9))

        sent = run(scenario(), loop)
    assert set(sent.verdicts) == {Verdict.UNAVAILABLE}
    assert f"127.0.0.1:{port}" in (sent.results[0].response or "")


@pytest.mark.parametrize(
    ("greeting", "verdict", "rest"),
    [
        ("421 4.3.2 too many connections", Verdict.THROTTLED, Verdict.UNSTARTED),
        ("554 5.7.1 go away", Verdict.UNAVAILABLE, Verdict.UNAVAILABLE),
        ("450 4.3.2 not now", Verdict.UNAVAILABLE, Verdict.UNAVAILABLE),
    ],
)
def test_the_greeting_refuses(greeting: str, verdict: Verdict, rest: Verdict) -> None:
    sent = deliver(Receiver(PIPELINED, script("GREET", greeting)), emails(3))
    assert sent.verdicts[0] is verdict and set(sent.verdicts[1:]) == {rest}
    assert greeting in (sent.results[0].response or "")


def test_a_greeting_that_never_comes() -> None:
    sent = deliver(Receiver(PIPELINED, script("GREET", Act.SILENCE)), emails(2), connect_timeout=0.05)
    assert set(sent.verdicts) == {Verdict.UNAVAILABLE}
    assert "was not ready within 0.05 s" in (sent.results[0].response or "")


def test_a_server_that_takes_fewer_connections_than_we_would_open_still_gets_everything() -> None:
    receiver = Receiver(PIPELINED, lambda verb, argument, n: "421 4.7.0 enough" if verb == "GREET" and n > 1 else None)
    sent = deliver(receiver, emails(60), connections=6)
    assert sent.verdicts == [Verdict.SENT] * 60


def test_a_server_from_before_ehlo() -> None:
    receiver = Receiver((), script("EHLO", "500 5.5.1 what"))
    sent = deliver(receiver, emails(3))
    assert sent.verdicts == [Verdict.SENT] * 3
    assert receiver.seen["HELO"] == 1


@every_way
def test_a_connection_carries_no_more_than_its_share(way: str) -> None:
    receiver = Receiver(WAYS[way])
    sent = deliver(receiver, emails(10), messages_per_connection=4)
    assert sent.verdicts == [Verdict.SENT] * 10
    assert receiver.seen["GREET"] == 3


def test_connections_outlast_the_chunk_and_a_stale_one_costs_nobody() -> None:
    async def scenario() -> None:
        receiver = Receiver(PIPELINED)
        async with receiver.listening():
            config = SmtpConfig("127.0.0.1", receiver.port, Security.NONE, connections=1)
            async with closing(SmtpAdapter(config)) as adapter:
                assert (await send(adapter, emails(3))).verdicts == [Verdict.SENT] * 3
                assert (await send(adapter, emails(3))).verdicts == [Verdict.SENT] * 3
                assert receiver.seen["GREET"] == 1
                receiver.script = script("MAIL", Act.CLOSE, at=7)
                assert (await send(adapter, emails(3))).verdicts == [Verdict.SENT] * 3
                assert receiver.seen["GREET"] == 2

    run(scenario())


def test_a_connection_that_rested_is_asked_for_a_sign_of_life_before_a_group_goes_out() -> None:
    loop = ShiftedLoop()
    receiver = Receiver(CHUNKED)

    def hang_up(verb: str, argument: str, n: int) -> Reply | None:
        return Act.CLOSE if verb == "RSET" and receiver.seen["GREET"] == 1 else None

    async def scenario() -> Sent:
        async with receiver.listening():
            config = SmtpConfig("127.0.0.1", receiver.port, Security.NONE, connections=1)
            async with closing(SmtpAdapter(config)) as adapter:
                await send(adapter, emails(2))
                loop.shift, receiver.script = 5.0, hang_up
                return await send(adapter, emails(8))

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(scenario()).verdicts == [Verdict.SENT] * 8


def test_connections_are_closed_when_they_have_rested_too_long() -> None:
    async def scenario() -> None:
        receiver = Receiver(PIPELINED)
        async with receiver.listening():
            config = SmtpConfig("127.0.0.1", receiver.port, Security.NONE, connections=1, idle_timeout=0)
            async with closing(SmtpAdapter(config)) as adapter:
                await send(adapter, emails(2))
                await send(adapter, emails(2))
        assert receiver.seen["GREET"] == 2

    run(scenario())


@every_way
def test_an_address_that_could_carry_a_command_is_never_written(way: str) -> None:
    receiver = Receiver(WAYS[way])
    hostile = [
        "a@b.test>\r\nRCPT TO:<c@d.test",
        "no-at-sign",
        "a b@c.test",
        "a@b..test",
        "x" * 65 + "@b.test",
        "@b.test",
    ]
    sent = deliver(receiver, [email(index, address=address) for index, address in enumerate(hostile)])
    assert set(sent.verdicts) == {Verdict.FAILED}
    assert all(result.dead_address for result in sent.results.values())
    assert receiver.accepted == [] and receiver.seen["MAIL"] == 0


def test_an_international_domain_needs_no_extension() -> None:
    receiver = Receiver(PIPELINED)
    sent = deliver(receiver, [email(0, address="ana@straße.test")])
    assert sent.verdicts == [Verdict.SENT]
    assert receiver.recipients == ["ana@xn--strae-oqa.test"]


def test_an_international_local_part_needs_smtputf8() -> None:
    sent = deliver(Receiver(PIPELINED), [email(0, address="jörg@example.test"), email(1)])
    assert sent.verdicts == [Verdict.FAILED, Verdict.SENT]
    assert "does not offer SMTPUTF8" in (sent.results[0].response or "")
    receiver = Receiver((*PIPELINED, "SMTPUTF8"))
    assert deliver(receiver, [email(0, address="jörg@example.test")]).verdicts == [Verdict.SENT]
    assert receiver.recipients == ["jörg@example.test"]
    assert receiver.accepted[0].parameters == "BODY=8BITMIME SMTPUTF8"


def test_without_8bitmime_the_message_is_seven_bit() -> None:
    body = "<p>São Paulo — Kyōto</p>\r\n".encode() * 50
    receiver = Receiver(("PIPELINING",))
    assert deliver(receiver, [email(0, html=body)]).verdicts == [Verdict.SENT]
    payload = receiver.accepted[0].payload
    assert payload.isascii() and max(map(len, payload.split(b"\r\n"))) <= 76
    assert receiver.accepted[0].parameters == ""


def test_a_message_larger_than_the_server_takes_is_failed_unsent() -> None:
    receiver = Receiver((*PIPELINED, "SIZE 2000"))
    sent = deliver(receiver, [email(0, html=b"x\r\n" * 1000), email(1)])
    assert sent.verdicts == [Verdict.FAILED, Verdict.SENT]
    assert "takes 2000" in (sent.results[0].response or "")
