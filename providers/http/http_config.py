"""What an HTTP provider is configured with: the form's fields, checked."""

import base64
import binascii
import enum
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from django.conf import settings as django_settings

from providers.contract import ConfigError, ProviderSettings
from providers.http.network_addresses import why_forbidden

MOST_MESSAGES = 1_000


class Auth(enum.StrEnum):
    NONE = "none"
    BEARER = "bearer"  # Authorization: Bearer <token>
    HEADER = "header"  # <auth_header>: <token>


class Endpoint(NamedTuple):
    """`authority` and `target` are as they stand in the request (RFC 9112 3.2)."""

    tls: bool
    host: str
    port: int
    authority: str
    target: str


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Times are in seconds. `batch_size` 0: one message a request."""

    endpoint: Endpoint
    verify: bool = True
    ca_certificate: str = ""
    auth: Auth = Auth.NONE
    auth_header: str = ""
    token: str = field(default="", repr=False)
    signing_key: bytes = field(default=b"", repr=False)
    private_allowed: bool = False
    connections: int = 4
    requests_per_connection: int = 10_000
    batch_size: int = 0
    batch_bytes: int = 8 * 1024 * 1024
    connect_timeout: float = 10.0
    answer_timeout: float = 30.0
    idle_timeout: float = 1.5

    @property
    def name(self) -> str:
        return self.endpoint.authority

    def tls_context(self) -> ssl.SSLContext | None:
        """None where the URL is plain http."""
        if not self.endpoint.tls:
            return None
        context = ssl.create_default_context(cadata=self.ca_certificate or None)
        context.set_alpn_protocols(["http/1.1"])
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


_RANGES: dict[str, tuple[float, float]] = {
    "connections": (1, 100),
    "requests_per_connection": (1, 10_000_000),
    "connect_timeout": (0.05, 60),
    "answer_timeout": (0.05, 300),
    "idle_timeout": (0, 600),
}
_BATCH_RANGES: dict[str, tuple[float, float]] = {
    "batch_size": (1, MOST_MESSAGES),
    "batch_bytes": (1024, 64 * 1024 * 1024),
}
_FLAGS = ("verify", "plain_http", "dedupes")
_TEXTS = ("url", "auth_header", "ca_certificate")
_FIELDS = {*_RANGES, *_FLAGS, *_TEXTS, "auth"}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADER_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")
_OUR_HEADER = re.compile(
    r"accept|accept-encoding|connection|content-(length|type)|expect|host|idempotency-key|keep-alive|te|trailer"
    r"|transfer-encoding|upgrade|user-agent|webhook-(id|signature|timestamp)",
    re.IGNORECASE,
)
_LOOPBACK_NAMES = ("localhost", "ip6-localhost")
_SECRET_BYTES = (16, 128)
_SECRET_WANTED = "A secret is whsec_ and 16 to 128 bytes in base64."  # noqa: S105 - says so, is none


def http_config(settings: ProviderSettings) -> HttpConfig:
    """One message a request. Raises ConfigError naming every field that is wrong."""
    return _config(settings, _RANGES)


def http_batch_config(settings: ProviderSettings) -> HttpConfig:
    """Many messages a request. Raises ConfigError naming every field that is wrong."""
    return _config(settings, {**_RANGES, **_BATCH_RANGES}, batch_size=MOST_MESSAGES)


def _config(settings: ProviderSettings, ranges: Mapping[str, tuple[float, float]], **defaults: Any) -> HttpConfig:
    given: Mapping[str, Any] = {"connections": settings.connections, **settings.config}
    known = _FIELDS | set(ranges)
    errors: dict[str, str] = {name: "An HTTP API has no such setting." for name in given if name not in known}
    values: dict[str, Any] = dict(defaults)
    for name in known & set(given):
        try:
            values[name] = _read(name, given[name], ranges)
        except ValueError as error:
            errors[name] = str(error)
    values.pop("dedupes", None)  # the engine's, not the transport's
    plain = values.pop("plain_http", False)
    private = values["private_allowed"] = bool(django_settings.ALLOW_PRIVATE_PROVIDERS)
    try:
        values["endpoint"] = _endpoint(values.pop("url", ""), plain=plain, private_allowed=private)
    except ValueError as error:
        errors.setdefault("url", str(error))
    _check_certificate(values, errors)
    _check_auth(values, settings.credentials, errors)
    if errors:
        raise ConfigError(errors)
    return HttpConfig(**values)


def _read(name: str, value: Any, ranges: Mapping[str, tuple[float, float]]) -> Any:
    if name == "auth":
        if value not in list(Auth):
            raise ValueError(f"One of {', '.join(Auth)}; this is {value!r}.")
        return Auth(value)
    if name in _FLAGS or name in _TEXTS:
        kind, called = (bool, "true or false") if name in _FLAGS else (str, "Text")
        if not isinstance(value, kind):
            raise ValueError(f"{called}; this is {value!r}.")
        return value
    low, high = ranges[name]
    kinds, called = ((int, float), "number") if name.endswith("_timeout") else ((int,), "whole number")
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        raise ValueError(f"A {called} from {low} to {high}; this is {value!r}.")
    return value


def _endpoint(url: str, *, plain: bool, private_allowed: bool) -> Endpoint:
    """Raises ValueError in words."""
    if not url:
        raise ValueError("Give the URL that messages are posted to.")
    if not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("A URL holds no spaces, backslashes or control characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        name = host.encode("idna").decode("ascii") if ":" not in host else host
    except (ValueError, UnicodeError):
        raise ValueError("This is not a URL, as in https://gateway.example/v1/messages.") from None
    if parts.scheme not in ("https", "http") or not name:
        raise ValueError("A URL that begins with https://, as in https://gateway.example/v1/messages.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("Leave username and password out of the URL; credentials have fields of their own.")
    if parts.fragment:
        raise ValueError("Leave out what follows the #: it is never sent.")
    _check_host(name, tls=parts.scheme == "https", plain=plain, private_allowed=private_allowed)
    bracketed = f"[{name}]" if ":" in name else name
    tls = parts.scheme == "https"
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=-._~") + (
        f"?{quote(parts.query, safe='/?%:@!$&()*+,;=-._~[]')}" if parts.query else ""
    )
    authority = bracketed if port is None else f"{bracketed}:{port}"
    return Endpoint(tls, name, port or (443 if tls else 80), authority, target)


def _check_host(host: str, *, tls: bool, plain: bool, private_allowed: bool) -> None:
    try:
        why = why_forbidden(host, private_allowed=private_allowed)
        loopback = why_forbidden(host, private_allowed=False) == "a loopback address"
    except ValueError:
        why, loopback = None, host.lower() in _LOOPBACK_NAMES
    if why is not None:
        raise ValueError(f"{host} is {why}: Volley does not connect there.")
    if not tls and not plain and not loopback:
        raise ValueError("http:// would send messages and credentials in clear: use https://, or allow it.")


def _check_certificate(values: Mapping[str, Any], errors: dict[str, str]) -> None:
    if values.get("ca_certificate"):
        try:
            ssl.create_default_context(cadata=values["ca_certificate"])
        except (ssl.SSLError, TypeError):  # the latter for what is not ASCII
            errors["ca_certificate"] = "This is not a certificate in PEM form."


def _check_auth(values: dict[str, Any], credentials: Mapping[str, str], errors: dict[str, str]) -> None:
    token, secret = str(credentials.get("token", "")), str(credentials.get("signing_secret", ""))
    auth, header = values.get("auth", Auth.NONE), values.get("auth_header", "")
    if auth is Auth.NONE:
        token = ""
    elif not _HEADER_VALUE.fullmatch(token):
        errors["token"] = "Enter the token: printable ASCII." if token else "Enter the token."
    if auth is Auth.HEADER and (not _TOKEN.fullmatch(header) or _OUR_HEADER.fullmatch(header)):
        errors["auth_header"] = "The name of a header, as in X-Api-Key, that Volley does not set itself."
    values["token"] = token
    if secret:
        try:
            values["signing_key"] = _signing_key(secret)
        except ValueError:
            errors["signing_secret"] = _SECRET_WANTED


def _signing_key(secret: str) -> bytes:
    """The bytes of a Standard Webhooks secret. Raises ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError from error
    if not _SECRET_BYTES[0] <= len(key) <= _SECRET_BYTES[1]:
        raise ValueError
    return key
