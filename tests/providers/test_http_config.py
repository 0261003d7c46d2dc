"""What an HTTP provider may be configured with, and where it may connect to."""

import base64
import hmac
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from providers.contract import ConfigError, ProviderSettings
from providers.http.http_config import http_batch_config, http_config
from providers.http.network_addresses import why_forbidden
from providers.registry import can_send, check_settings, takes_json
from tests.providers.contract import closing, run, send
from tests.providers.http_service import Service, deliver, open_http, settings, text

URL = "https://gateway.example/v1/messages"
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef").decode()


def given(kind: str = "http", credentials: dict[str, str] | None = None, **config: Any) -> ProviderSettings:
    return ProviderSettings("sms", kind, "gateway", 1, 4, {"url": URL, **config}, credentials or {})


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": 7}, "url"),
        ({"url": "gateway.example"}, "url"),
        ({"url": "ftp://gateway.example/"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://gateway.example:port/"}, "url"),
        ({"url": "https://gateway.example:70000/"}, "url"),
        ({"url": "https://user:secret@gateway.example/"}, "url"),
        ({"url": "https://gateway.example/#here"}, "url"),
        ({"url": "https://gateway.example/a b"}, "url"),
        ({"url": "https://gateway.example/\r\nX-Evil: 1"}, "url"),
        ({"url": "https://gate\\way.example/"}, "url"),
        ({"url": "http://gateway.example/"}, "url"),
        ({"url": "https://[::ffff:169.254.169.254]/"}, "url"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "url"),
        ({"url": "https://" + "a" * 64 + ".example/"}, "url"),
        ({"auth": "basic"}, "auth"),
        ({"auth": "bearer"}, "token"),
        ({"auth": "header", "auth_header": "X-Key"}, "token"),
        ({"verify": "no"}, "verify"),
        ({"dedupes": 1}, "dedupes"),
        ({"ca_certificate": "nonsense"}, "ca_certificate"),
        ({"ca_certificate": "Zürich"}, "ca_certificate"),
        ({"connections": 0}, "connections"),
        ({"answer_timeout": "30"}, "answer_timeout"),
        ({"answer_timeout": True}, "answer_timeout"),
        ({"batch_size": 10}, "batch_size"),
        ({"proxy": "x"}, "proxy"),
    ],
)
def test_what_is_refused_is_named(config: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as refused:
        http_config(given(**config))
    assert set(refused.value.errors) == {field}


@pytest.mark.parametrize("size", [0, 1001, 1.5, "10"])
def test_a_batch_has_at_most_a_thousand_messages(size: object) -> None:
    with pytest.raises(ConfigError, match="batch_size"):
        http_batch_config(given("http_batch", batch_size=size))
    assert http_batch_config(given("http_batch")).batch_size == 1000


@pytest.mark.parametrize(
    "header", ["", "X Key", "X-Key\r\nEvil: 1", "Host", "content-length", "Idempotency-Key", "Webhook-Id"]
)
def test_a_header_for_the_token_is_a_name_that_is_not_ours(header: str) -> None:
    with pytest.raises(ConfigError) as refused:
        http_config(given(auth="header", auth_header=header, credentials={"token": "x"}))
    assert set(refused.value.errors) == {"auth_header"}


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "ü", " a", "a\0"])
def test_a_token_can_stand_in_a_header(token: str) -> None:
    with pytest.raises(ConfigError) as refused:
        http_config(given(auth="bearer", credentials={"token": token}))
    assert set(refused.value.errors) == {"token"} and token not in str(refused.value)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_short", "whsec_" + "A" * 300, "%%%"])
def test_a_signing_secret_is_one(secret: str) -> None:
    with pytest.raises(ConfigError) as refused:
        http_config(given(credentials={"signing_secret": secret}))
    assert set(refused.value.errors) == {"signing_secret"}


def test_secrets_are_not_shown() -> None:
    config = http_config(given(auth="bearer", credentials={"token": "s3cret", "signing_secret": SECRET}))
    assert "s3cret" not in repr(config) and "0123456789abcdef" not in repr(config)


@pytest.mark.parametrize(
    ("url", "authority", "target", "port"),
    [
        ("https://Gateway.Example", "gateway.example", "/", 443),
        ("https://gateway.example:8443/v1?a=b&c=%20d", "gateway.example:8443", "/v1?a=b&c=%20d", 8443),
        ("https://gateway.example/ü/%7E", "gateway.example", "/%C3%BC/%7E", 443),
        ("https://bücher.example/", "xn--bcher-kva.example", "/", 443),
        ("https://[2606:4700::1111]:444/x", "[2606:4700::1111]:444", "/x", 444),
        ("http://localhost:8080/x", "localhost:8080", "/x", 8080),
        ("http://127.0.0.1/x", "127.0.0.1", "/x", 80),
        ("http://[::1]/x", "[::1]", "/x", 80),
    ],
)
def test_how_a_url_is_asked_for(url: str, authority: str, target: str, port: int) -> None:
    endpoint = http_config(given(url=url)).endpoint
    assert (endpoint.authority, endpoint.target, endpoint.port) == (authority, target, port)


def test_plain_http_elsewhere_has_to_be_allowed() -> None:
    assert not http_config(given(url="http://gateway.example/", plain_http=True)).endpoint.tls


def test_private_addresses_are_refused_where_the_operator_says_so(settings: Settings) -> None:
    settings.ALLOW_PRIVATE_PROVIDERS = False
    for url in ("https://127.0.0.1/", "https://10.0.0.8/", "https://[fd12::1]/", "https://[::ffff:10.0.0.8]/"):
        with pytest.raises(ConfigError, match="does not connect there"):
            http_config(given(url=url))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "240.0.0.1",
    ],
)
def test_addresses_that_are_never_connected_to(address: str) -> None:
    assert why_forbidden(address, private_allowed=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "::ffff:127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.1",
        "fd12::1",
        "fec0::1",
    ],
)
def test_addresses_that_the_operator_may_allow(address: str) -> None:
    assert why_forbidden(address, private_allowed=True) is None
    assert why_forbidden(address, private_allowed=False)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_addresses_of_the_open_internet(address: str) -> None:
    assert why_forbidden(address, private_allowed=False) is None


def test_a_name_that_resolves_to_a_forbidden_address_is_not_connected_to(settings: Settings) -> None:
    """The check is on what the name resolves to at that moment: `localhost` was no forbidden name when it was saved."""
    settings.ALLOW_PRIVATE_PROVIDERS = False
    service = Service()

    async def scenario() -> str | None:
        async with service.listening():
            wanted = ProviderSettings("sms", "http", "x", 1, 1, {"url": f"http://localhost:{service.port}/"})
            async with closing(open_http(wanted)) as adapter:
                sent = await send(adapter, [text(0)])
                return sent.results[0].response

    words = run(scenario())
    assert words is not None and "127.0.0.1 is a loopback address" in words and "Volley does not connect there" in words
    assert service.connections == 0


def test_requests_are_signed_by_standard_webhooks() -> None:
    service = Service()
    for kind in ("http", "http_batch"):
        deliver(service, [text(0)], kind=kind, credentials={"signing_secret": SECRET})
    for request in service.requests:
        headers = request.headers
        assert headers["webhook-id"] == headers["idempotency-key"]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
        digest = base64.b64encode(hmac.digest(b"0123456789abcdef", signed, "sha256")).decode()
        assert headers["webhook-signature"] == f"v1,{digest}"


def test_what_the_kinds_can_send_and_how() -> None:
    for kind in ("http", "http_batch"):
        assert all(can_send(kind, type) for type in ("email", "sms", "push", "webpush", "whatsapp", "webhook"))
        assert takes_json(kind)
        check_settings(given(kind))
    assert not takes_json("smtp") and not takes_json("sandbox")


def test_the_settings_fixture_is_another() -> None:
    assert settings(80).config["url"] == "http://127.0.0.1:80/v1/messages"
