import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection

from providers.contract import ConfigError, Message, ProviderSettings, Result, Verdict
from providers.models import SandboxMessage
from providers.registry import can_send, check_settings, open_adapter
from providers.sandbox import SandboxAdapter
from tests.providers.contract import Journal, Sent, closing, run, send
from tests.providers.emails import email, emails
from tests.workers import wait_for


def settings(type: str = "email", **config: Any) -> ProviderSettings:
    return ProviderSettings(type=type, kind="sandbox", name="sandbox", workspace_id=7, config=config)


def deliver(messages: Sequence[Message], type: str = "email", **config: Any) -> Sent:
    async def scenario() -> Sent:
        async with closing(SandboxAdapter.from_settings(settings(type, **config))) as adapter:
            return await send(adapter, messages)

    return run(scenario())


def something_is_kept() -> bool:
    """Asked in a thread, which keeps no connection."""
    try:
        return SandboxMessage.objects.exists()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
class TestOutbox:
    def test_an_email_is_kept_with_its_source(self) -> None:
        deliver([email(3, html="<p>Olá</p>".encode())])
        kept = SandboxMessage.objects.get()
        assert (kept.workspace_id, kept.execution_id, kept.delivery_id) == (7, 1, "1-3-1")
        assert (kept.type, kept.app_id, kept.address) == ("email", "", "user3@example.test")
        assert (kept.content["subject"], kept.content["html"], kept.content["text"]) == (
            "Hello 3",
            "<p>Olá</p>",
            None,
        )
        assert kept.content["raw"].startswith("MIME-Version: 1.0\r\nFrom: News <news@example.test>\r\n")

    def test_a_push_is_kept_with_its_app(self) -> None:
        content = {"title": "Hi\0", "body": "There \ud800", "data": {"k": ["v\0"]}, "link": None}
        deliver([Message(0, "1-1-1", "token", content, execution_id=1, app_id="shop-ios")], type="push")
        kept = SandboxMessage.objects.get()
        assert (kept.type, kept.app_id, kept.address) == ("push", "shop-ios", "token")
        assert kept.content == {"title": "Hi", "body": "There ?", "data": {"k": ["v"]}, "link": None}

    def test_doubles_are_kept_so_that_they_can_be_counted(self) -> None:
        deliver(emails(2))
        deliver(emails(2))
        assert SandboxMessage.objects.filter(delivery_id="1-0-1").count() == 2

    def test_rules_decide_by_the_end_of_the_address(self) -> None:
        rules = {
            "@invalid.test": "failed",
            "@busy.test": "throttled",
            "very@busy.test": "retry",
            "@mute.test": "unknown",
        }
        addresses = ["a@ok.test", "a@invalid.test", "a@busy.test", "very@busy.test", "a@mute.test"]
        sent = deliver([email(index, address=address) for index, address in enumerate(addresses)], rules=rules)
        assert sent.verdicts == [Verdict.SENT, Verdict.FAILED, Verdict.THROTTLED, Verdict.RETRY, Verdict.UNKNOWN]
        assert sent.results[1] == Result(Verdict.FAILED, "rejected", "the sandbox's rule says failed", None, True)
        assert set(SandboxMessage.objects.values_list("address", flat=True)) == {"a@ok.test", "a@mute.test"}

    def test_a_refused_token_is_called_invalid(self) -> None:
        message = Message(0, "1-1-1", "dead-token", {"title": "Hi"}, app_id="shop")
        sent = deliver([message], type="push", rules={"dead-token": "failed"})
        assert (sent.results[0].reason, sent.results[0].dead_address) == ("invalid_token", True)

    def test_no_more_are_in_doubt_than_its_connections_carry(self) -> None:
        """Cut off while it waits for its answers: what it had taken is kept, the rest was never begun."""

        async def scenario() -> Sent:
            adapter = SandboxAdapter.from_settings(settings(latency_ms=60_000))
            async with closing(adapter):
                sent = Sent(Journal(200))
                deadline = asyncio.get_running_loop().time() + 60
                sending = asyncio.ensure_future(
                    adapter.send(emails(200), journal=sent.journal, deadline=deadline, settle=sent.settle)
                )
                await asyncio.to_thread(wait_for, something_is_kept, "something is kept")
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            return sent

        sent = run(scenario())
        assert sent.verdicts == [Verdict.UNKNOWN] * 32 + [Verdict.UNSTARTED] * 168
        assert SandboxMessage.objects.count() == 32

    def test_an_unavailable_sandbox_takes_nothing(self) -> None:
        sent = deliver(emails(700), rules={"": "unavailable"})
        assert set(sent.verdicts) == {Verdict.UNAVAILABLE}
        assert not SandboxMessage.objects.exists()

    def test_the_newest_are_kept(self) -> None:
        deliver(emails(40), keep=25)
        left = SandboxMessage.objects.order_by("id").values_list("delivery_id", flat=True)
        assert list(left) == [f"1-{index}-1" for index in range(15, 40)]

    def test_another_workspace_keeps_its_own(self) -> None:
        SandboxMessage.objects.create(workspace_id=8, delivery_id="x", type="email", address="a@b.test", content={})
        deliver(emails(40), keep=5)
        assert SandboxMessage.objects.filter(workspace_id=8).count() == 1

    def test_a_database_that_goes_away_while_it_is_written_leaves_doubt(self) -> None:
        """The outbox's own session is ended from outside, after it was opened and before it is used."""

        async def scenario() -> Sent:
            adapter = SandboxAdapter.from_settings(settings(latency_ms=1))
            async with closing(adapter):
                await send(adapter, emails(1))
                adapter._record = end_session_then(adapter._record)  # type: ignore[method-assign]
                return await send(adapter, emails(3))

        def end_session_then(record: Any) -> Any:
            def ended(messages: list[Message]) -> None:
                with connection.cursor() as cursor, pytest.raises(Exception, match="terminating connection"):
                    cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
                record(messages)

            return ended

        assert set(run(scenario()).verdicts) == {Verdict.UNKNOWN}


@pytest.mark.django_db(transaction=True)
def test_a_database_that_cannot_be_reached_takes_nothing() -> None:
    async def scenario() -> tuple[Sent, bool]:
        async with closing(SandboxAdapter.from_settings(settings())) as adapter:
            return await send(adapter, emails(2)), (await adapter.probe()).ok

    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        patched.setitem(connection.settings_dict, "PORT", "1")
        sent, probed = run(scenario())
    assert set(sent.verdicts) == {Verdict.UNAVAILABLE}
    assert not probed


@pytest.mark.parametrize(
    ("kind", "config", "field"),
    [
        ("sandbox", {"latency_ms": -1}, "latency_ms"),
        ("sandbox", {"latency_ms": True}, "latency_ms"),
        ("sandbox", {"keep": "many"}, "keep"),
        ("sandbox", {"rules": {"@a.test": "unstarted"}}, "rules"),
        ("sandbox", {"rules": ["@a.test"]}, "rules"),
        ("sandbox", {"colour": "red"}, "colour"),
        ("smtp", {}, "host"),
        ("smtp", {"host": ""}, "host"),
        ("smtp", {"host": "relay\r\n.test"}, "host"),
        ("smtp", {"host": "relay.test", "port": 0}, "port"),
        ("smtp", {"host": "relay.test", "port": "25"}, "port"),
        ("smtp", {"host": "relay.test", "security": "ssl"}, "security"),
        ("smtp", {"host": "relay.test", "verify": "no"}, "verify"),
        ("smtp", {"host": "relay.test", "ca_certificate": "nonsense"}, "ca_certificate"),
        ("smtp", {"host": "relay.test", "ca_certificate": "Zürich"}, "ca_certificate"),
        ("smtp", {"host": "relay.test", "connections": 0}, "connections"),
        ("smtp", {"host": "relay.test", "depth": 1.5}, "depth"),
        ("smtp", {"host": "relay.test", "proxy": "x"}, "proxy"),
    ],
)
def test_configurations_that_are_refused_name_the_field(kind: str, config: dict[str, Any], field: str) -> None:
    refused = ProviderSettings(type="email", kind=kind, name="x", workspace_id=1, config=config)
    with pytest.raises(ConfigError) as caught:
        check_settings(refused)
    assert list(caught.value.errors) == [field]


def test_all_errors_of_a_configuration_are_told_at_once() -> None:
    config = {"port": 0, "verify": 1}
    refused = ProviderSettings("email", "smtp", "x", 1, config=config, credentials={"password": "secret"})
    with pytest.raises(ConfigError) as caught:
        open_adapter(refused)
    assert set(caught.value.errors) == {"port", "verify", "host", "username"}
    assert "secret" not in f"{caught.value} {refused!r}"


def test_what_each_kind_can_send() -> None:
    assert can_send("smtp", "email") and not can_send("smtp", "push")
    assert all(can_send("sandbox", type) for type in ("email", "sms", "push", "webpush", "whatsapp", "webhook"))
    assert not can_send("pigeon", "email")


def test_an_adapter_can_be_opened_before_its_loop_runs() -> None:
    adapter = open_adapter(ProviderSettings("email", "smtp", "x", 1, config={"host": "127.0.0.1", "port": 1}))
    asyncio.run(adapter.close())
