"""https: whom we talk to is checked, and nothing is said to anyone else."""

from pathlib import Path
from typing import Any

import pytest

from providers.contract import ProbeResult, Verdict
from tests.providers.certificates import self_signed
from tests.providers.contract import Sent, closing, run, send
from tests.providers.http_service import Service, open_http, settings, texts


def sent_over_tls(folder: Path, *, named: str = "localhost", trusted: bool, **config: Any) -> tuple[Sent, Service]:
    certificate = self_signed(named, folder)
    service = Service()

    async def scenario() -> Sent:
        async with service.listening(certificate.server()):
            url = f"https://localhost:{service.port}/v1"
            authority = {"ca_certificate": certificate.pem} if trusted else {}
            async with closing(open_http(settings(service.port, **{"url": url, **authority, **config}))) as adapter:
                return await send(adapter, texts(40))

    return run(scenario()), service


@pytest.mark.parametrize("kind", ["http", "http_batch"])
def test_a_trusted_certificate(tmp_path: Path, kind: str) -> None:
    sent, service = sent_over_tls(tmp_path, trusted=True, kind=kind, connections=2)
    assert sent.verdicts == [Verdict.SENT] * 40 and len(set(service.accepted)) == 40


def test_an_unknown_authority(tmp_path: Path) -> None:
    sent, service = sent_over_tls(tmp_path, trusted=False)
    assert sent.verdicts == [Verdict.UNAVAILABLE] * 40 and service.requests == []
    assert "its certificate was not accepted" in (sent.results[0].response or "")


def test_a_certificate_of_another_host(tmp_path: Path) -> None:
    sent, service = sent_over_tls(tmp_path, named="gateway.example", trusted=True)
    assert sent.verdicts == [Verdict.UNAVAILABLE] * 40 and service.requests == []


def test_a_certificate_that_nobody_checks(tmp_path: Path) -> None:
    sent, _service = sent_over_tls(tmp_path, named="gateway.example", trusted=False, verify=False)
    assert sent.verdicts == [Verdict.SENT] * 40


def test_a_server_that_speaks_no_tls() -> None:
    service = Service()

    async def scenario() -> Sent:
        async with service.listening():
            config: dict[str, Any] = {"url": f"https://localhost:{service.port}/", "connect_timeout": 2.0}
            async with closing(open_http(settings(service.port, **config))) as adapter:
                return await send(adapter, texts(3))

    assert run(scenario()).verdicts == [Verdict.UNAVAILABLE] * 3


def test_probing_says_that_it_is_encrypted(tmp_path: Path) -> None:
    certificate = self_signed("localhost", tmp_path)
    service = Service()

    async def scenario() -> ProbeResult:
        async with service.listening(certificate.server()):
            config: dict[str, Any] = {"url": f"https://localhost:{service.port}/", "ca_certificate": certificate.pem}
            async with closing(open_http(settings(service.port, **config))) as adapter:
                return await adapter.probe()

    result = run(scenario())
    assert result.ok and result.details[0] == "encrypted"
