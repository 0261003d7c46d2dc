"""A request, ready to be written: the head that an endpoint's requests share, the JSON of the messages, the signature.

Signed by the rules of Standard Webhooks (https://www.standardwebhooks.com) where the provider has a secret.
"""

import base64
import hmac
import time
from collections.abc import Sequence
from hashlib import blake2b

import orjson

from providers.contract import Message
from providers.http.http_config import Auth, HttpConfig
from providers.mime import Email

FRAME_BYTES = len(b'{"messages":[]}')
_HEADERS = b"User-Agent: Volley\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"


class Requests:
    """Of one provider."""

    __slots__ = ("_config", "_post", "_type")

    def __init__(self, config: HttpConfig) -> None:
        self._config = config
        self._type = config.type
        self._post = self._head(b"POST") + b"Content-Type: application/json\r\nIdempotency-Key: "

    def probe(self) -> bytes:
        """Asks for nothing but an answer."""
        return self._head(b"GET") + b"\r\n"

    def message(self, message: Message) -> bytes:
        """A message as JSON. Raises ValueError for what JSON can't hold."""
        content = message.content
        if isinstance(content, Email):
            raise TypeError("HTTP carries an email's parts, not its MIME form.")
        values = {"id": message.delivery_id, "type": self._type, "to": message.address}
        if message.app_id is not None:
            values["app_id"] = message.app_id
        try:
            return orjson.dumps({**values, "execution_id": message.execution_id, **content})
        except TypeError as error:
            raise ValueError(f"The message can't be written as JSON: {error}") from error

    def single(self, delivery_id: str, body: bytes) -> bytes:
        return self._with_body(delivery_id.encode("ascii"), body)

    def batch(self, ids: Sequence[str], bodies: Sequence[bytes]) -> bytes:
        """The key is the same whenever the same messages are sent together."""
        key = b"batch-" + blake2b(",".join(ids).encode("ascii"), digest_size=16).hexdigest().encode()
        return self._with_body(key, b'{"messages":[%b]}' % b",".join(bodies))

    def _with_body(self, key: bytes, body: bytes) -> bytes:
        signature = self._signature(key, body) if self._config.signing_key else b""
        return b"%b%b%b\r\nContent-Length: %d\r\n\r\n%b" % (self._post, key, signature, len(body), body)

    def _signature(self, key: bytes, body: bytes) -> bytes:
        at = b"%d" % int(time.time())
        digest = hmac.digest(self._config.signing_key, b"%b.%b.%b" % (key, at, body), "sha256")
        signature = base64.b64encode(digest)
        return b"\r\nwebhook-id: %b\r\nwebhook-timestamp: %b\r\nwebhook-signature: v1,%b" % (key, at, signature)

    def _head(self, method: bytes) -> bytes:
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
