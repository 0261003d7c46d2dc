from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from providers.contract import Adapter, Message, ProviderSettings
from providers.registry import open_adapter
from tests.providers.contract import AdapterContract, closing
from tests.providers.emails import email
from tests.providers.http_service import Service, settings, text
from tests.providers.receiver import CHUNKED, PIPELINED, PLAIN, Receiver


class SmtpContract(AdapterContract):
    extensions: tuple[str, ...] = ()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Adapter]:
        async with Receiver(self.extensions).listening() as receiver:
            config = {"host": "127.0.0.1", "port": receiver.port, "security": "none"}
            settings = ProviderSettings(type="email", kind="smtp", name="relay", workspace_id=1, config=config)
            async with closing(open_adapter(settings)) as adapter:
                yield adapter

    def message(self, index: int) -> Message:
        return email(index)


class TestSmtpInLockstep(SmtpContract):
    extensions = PLAIN


class TestSmtpPipelined(SmtpContract):
    extensions = PIPELINED


class TestSmtpChunked(SmtpContract):
    extensions = CHUNKED


@pytest.mark.django_db(transaction=True)
class TestSandboxWithEmail(AdapterContract):
    type = "email"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Adapter]:
        settings = ProviderSettings(type=self.type, kind="sandbox", name="sandbox", workspace_id=1)
        async with closing(open_adapter(settings)) as adapter:
            yield adapter

    def message(self, index: int) -> Message:
        return email(index)


class TestSandboxWithPush(TestSandboxWithEmail):
    type = "push"

    def message(self, index: int) -> Message:
        return Message(index, f"1-{index}-1", f"token-{index}", {"title": "Hi", "body": "There"}, app_id="shop")


class TestHttp(AdapterContract):
    kind = "http"
    connections = 4

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Adapter]:
        async with Service().listening() as service:
            wanted = settings(service.port, kind=self.kind, connections=self.connections)
            async with closing(open_adapter(wanted)) as adapter:
                yield adapter

    def message(self, index: int) -> Message:
        return text(index)


class TestHttpBatch(TestHttp):
    kind = "http_batch"
