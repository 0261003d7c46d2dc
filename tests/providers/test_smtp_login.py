"""TLS and AUTH against aiosmtpd."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from providers.contract import ProbeResult, Verdict
from providers.email.smtp import SmtpAdapter
from providers.email.smtp_config import Security, SmtpConfig
from tests.providers.certificates import Certificate, self_signed
from tests.providers.contract import LOOPS, Sent, closing, run, send
from tests.providers.emails import emails
from tests.providers.receiver import PIPELINED, Act, Receiver, Reply
from tests.waiting import PATIENCE


class Inbox:
    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.encrypted: list[bool] = []

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.envelopes.append(envelope)
        assert server.transport is not None
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return "250 2.0.0 kept"


def authenticator(server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any) -> AuthResult:
    known = isinstance(login, LoginPassword) and (login.login, login.password) == (b"volley", b"s\xc3\xa9cret")
    return AuthResult(success=known, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed("localhost", tmp_path_factory.mktemp("tls"))


@contextmanager
def listening(inbox: Inbox, *, tls: ssl.SSLContext | None = None, **options: Any) -> Iterator[int]:
    """aiosmtpd in a thread of its own: it needs asyncio's own loop."""
    started: Future[tuple[int, Callable[[], object]]] = Future()

    async def serve() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await loop.create_server(lambda: SMTP(inbox, loop=loop, **options), "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        async with server:
            started.set_result((port, lambda: loop.call_soon_threadsafe(stopped.set)))
            await stopped.wait()

    thread = Thread(target=asyncio.run, args=[serve()])
    thread.start()
    port, stop = started.result(timeout=PATIENCE)
    try:
        yield port
    finally:
        stop()
        thread.join()


def deliver(config: SmtpConfig, loop: str = "uvloop") -> Sent:
    async def scenario() -> Sent:
        async with closing(SmtpAdapter(config)) as adapter:
            return await send(adapter, emails(9))

    return run(scenario(), loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.OPPORTUNISTIC])
def test_starttls_with_a_verified_certificate_and_a_login(
    certificate: Certificate, security: Security, loop: str
) -> None:
    inbox = Inbox()
    options: dict[str, Any] = {"tls_context": certificate.server(), "require_starttls": True, "auth_required": True}
    with listening(inbox, authenticator=authenticator, **options) as port:
        config = SmtpConfig(
            "localhost", port, security, ca_certificate=certificate.pem, username="volley", password="sécret"
        )
        sent = deliver(config, loop)
    assert sent.verdicts == [Verdict.SENT] * 9
    assert inbox.encrypted == [True] * 9
    assert {envelope.rcpt_tos[0] for envelope in inbox.envelopes} == {f"user{i}@example.test" for i in range(9)}


@pytest.mark.parametrize("loop", LOOPS)
def test_implicit_tls(certificate: Certificate, loop: str) -> None:
    inbox = Inbox()
    with listening(inbox, tls=certificate.server()) as port:
        sent = deliver(SmtpConfig("localhost", port, Security.TLS, ca_certificate=certificate.pem), loop)
    assert sent.verdicts == [Verdict.SENT] * 9
    assert len(inbox.envelopes) == 9


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS, Security.OPPORTUNISTIC])
def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Certificate, security: Security) -> None:
    inbox = Inbox()
    context = certificate.server()
    tls = context if security is Security.TLS else None
    options: dict[str, Any] = {} if security is Security.TLS else {"tls_context": context}
    with listening(inbox, tls=tls, **options) as port:
        config = SmtpConfig("localhost", port, security)
        sent = deliver(config)
        trusting = deliver(replace(config, verify=False))
    assert set(sent.verdicts) == {Verdict.UNAVAILABLE}
    assert "certificate" in (sent.results[0].response or "").lower()
    assert trusting.verdicts == [Verdict.SENT] * 9


def test_a_certificate_of_another_name_is_refused(certificate: Certificate) -> None:
    with listening(Inbox(), tls=certificate.server()) as port:
        sent = deliver(SmtpConfig("127.0.0.1", port, Security.TLS, ca_certificate=certificate.pem))
    assert set(sent.verdicts) == {Verdict.UNAVAILABLE}


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_each_way_to_log_in(mechanism: str) -> None:
    inbox = Inbox()
    other = {"PLAIN": "LOGIN", "LOGIN": "PLAIN"}[mechanism]
    options: dict[str, Any] = {"auth_require_tls": False, "auth_required": True, "auth_exclude_mechanism": [other]}
    with listening(inbox, authenticator=authenticator, **options) as port:
        config = SmtpConfig("localhost", port, Security.NONE, username="volley", password="sécret")
        sent = deliver(config)
        refused = deliver(replace(config, password="wrong"))
    assert sent.verdicts == [Verdict.SENT] * 9
    assert set(refused.verdicts) == {Verdict.UNAVAILABLE}
    assert "refused the login with 535" in (refused.results[0].response or "")
    assert "wrong" not in (refused.results[0].response or "")


@pytest.mark.parametrize(
    ("security", "username"),
    [(Security.STARTTLS, ""), (Security.STARTTLS, "volley"), (Security.OPPORTUNISTIC, "volley")],
)
def test_no_password_and_no_mail_goes_out_in_clear_where_tls_is_asked_for(security: Security, username: str) -> None:
    receiver = Receiver((*PIPELINED, "AUTH PLAIN"))
    sent = against(receiver, security=security, username=username, password="secret" if username else "")
    assert set(sent.verdicts) == {Verdict.UNAVAILABLE}
    assert receiver.seen["AUTH"] == receiver.seen["MAIL"] == 0
    assert "does not offer STARTTLS" in (sent.results[0].response or "")


def test_opportunistic_security_without_a_password_takes_what_there_is() -> None:
    assert against(Receiver(PIPELINED), security=Security.OPPORTUNISTIC).verdicts == [Verdict.SENT] * 9


def test_words_between_starttls_and_the_handshake_are_an_attack() -> None:
    def inject(verb: str, argument: str, n: int) -> Reply | None:
        return "220 go on\r\n250 2.0.0 injected" if verb == "?" else None

    sent = against(Receiver((*PIPELINED, "STARTTLS"), inject), security=Security.STARTTLS)
    assert set(sent.verdicts) == {Verdict.UNAVAILABLE}
    assert "between STARTTLS and the handshake" in (sent.results[0].response or "")


@pytest.mark.parametrize("verb", ["GREET", "EHLO", "?"])
@pytest.mark.parametrize("act", [Act.CLOSE, Act.RESET])
def test_a_connection_lost_while_it_is_made_ready(verb: str, act: Act) -> None:
    receiver = Receiver((*PIPELINED, "STARTTLS"), lambda seen, argument, n: act if seen == verb else None)
    assert set(against(receiver, security=Security.STARTTLS).verdicts) == {Verdict.UNAVAILABLE}


def test_a_password_without_an_offer_of_auth() -> None:
    sent = against(Receiver(PIPELINED), username="volley", password="secret")
    assert "neither AUTH PLAIN nor AUTH LOGIN" in (sent.results[0].response or "")


def against(receiver: Receiver, **options: Any) -> Sent:
    async def scenario() -> Sent:
        async with receiver.listening():
            config = SmtpConfig("127.0.0.1", receiver.port, **{"security": Security.NONE, **options})
            async with closing(SmtpAdapter(config)) as adapter:
                return await send(adapter, emails(9))

    return run(scenario())


def probe(receiver: Receiver) -> ProbeResult:
    async def scenario() -> ProbeResult:
        async with receiver.listening():
            adapter = SmtpAdapter(SmtpConfig("127.0.0.1", receiver.port, Security.NONE))
            async with closing(adapter):
                return await adapter.probe()

    return run(scenario())


def test_probing_tells_what_the_server_offers_and_sends_nothing() -> None:
    receiver = Receiver((*PIPELINED, "CHUNKING"))
    result = probe(receiver)
    assert result.ok
    assert result.details == ("not encrypted", "no login", "offers PIPELINING, CHUNKING, 8BITMIME")
    assert receiver.seen["MAIL"] == 0


def test_probing_says_what_is_wrong() -> None:
    result = probe(Receiver(PIPELINED, lambda *_: "554 5.7.1 not you"))
    assert not result.ok
    assert "greeted us with 554 5.7.1 not you" in result.message
