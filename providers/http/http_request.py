"""A request, ready to be written: the head that an endpoint's requests share, the JSON of the messages, the signature.

Signed by the rules of Standard Webhooks (https://www.standardwebhooks.com) where the provider has a secret.
"""

import base64
import hmac
import time
from collections.abc import Sequence
from hashlib import blake2b

from providers.http.http_config import Auth, HttpConfig

_FIRST, _LAST = b'{"messages":[', b"]}"
FRAME_BYTES = len(_FIRST + _LAST)
_HEADERS = b"User-Agent: Volley\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"


class Requests:
    """Of one provider."""

    __slots__ = ("_config", "_post")

    def __init__(self, config: HttpConfig) -> None:
        self._config = config
        self._post = self._lines(b"POST") + b"Content-Type: application/json\r\nIdempotency-Key: "

    def probe(self) -> bytes:
        """Asks for nothing but an answer."""
        return self._lines(b"GET") + b"\r\n"

    def single(self, delivery_id: str, body: bytes) -> bytes:
        return b"%b%b" % (self._head(delivery_id.encode("ascii"), [body], len(body)), body)

    def batch(self, ids: Sequence[str], bodies: Sequence[bytes]) -> list[bytes]:
        """In pieces, so that megabytes need not be copied. The key is the same for the same messages together."""
        parts = [_FIRST, *(part for body in bodies for part in (body, b","))]
        parts[-1] = _LAST
        key = b"batch-" + blake2b(",".join(ids).encode("ascii"), digest_size=16).hexdigest().encode()
        return [self._head(key, parts, sum(map(len, parts))), *parts]

    def _head(self, key: bytes, parts: Sequence[bytes], length: int) -> bytes:
        signature = self._signature(key, parts) if self._config.signing_key else b""
        return b"%b%b%b\r\nContent-Length: %d\r\n\r\n" % (self._post, key, signature, length)

    def _signature(self, key: bytes, parts: Sequence[bytes]) -> bytes:
        at = b"%d" % int(time.time())
        digest = hmac.new(self._config.signing_key, b"%b.%b." % (key, at), "sha256")
        for part in parts:
            digest.update(part)
        signature = base64.b64encode(digest.digest())
        return b"\r\nwebhook-id: %b\r\nwebhook-timestamp: %b\r\nwebhook-signature: v1,%b" % (key, at, signature)

    def _lines(self, method: bytes) -> bytes:
        endpoint = self._config.endpoint
        line = b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (method, endpoint.target.encode(), endpoint.authority.encode())
        return line + _HEADERS + self._credentials()

    def _credentials(self) -> bytes:
        config = self._config
        if config.auth is Auth.NONE:
            return b""
        if config.auth is Auth.BEARER:
            return f"Authorization: Bearer {config.token}\r\n".encode("ascii")
        return f"{config.auth_header}: {config.token}\r\n".encode("ascii")
