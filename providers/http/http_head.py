"""The header fields of an answer that are worth knowing: read again, and only where somebody asks (RFC 9110, 9112)."""

import re
from typing import NamedTuple

import httptools

_TIMEOUT = re.compile(rb"timeout=(\d{1,6})")


class Head(NamedTuple):
    """`framed`: it says where its body ends. `keep_alive`: seconds for which the server keeps an idle connection."""

    retry_after: bytes = b""
    location: bytes = b""
    framed: bool = False
    keep_alive: int | None = None


class _Fields:
    """What httptools' parser calls."""

    def __init__(self) -> None:
        self.found: dict[bytes, bytes] = {}
        self.complete = False
        self.parser = httptools.HttpResponseParser(self)

    def on_message_begin(self) -> None:
        if not self.complete:
            self.found = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.complete:
            self.found[name.lower()] = value

    def on_headers_complete(self) -> None:
        self.complete = self.parser.get_status_code() >= 200


def read_head(octets: bytes) -> Head:
    """`octets` begin with the answer; interim ones before it are passed over (RFC 9110 15.2)."""
    fields = _Fields()
    try:
        fields.parser.feed_data(octets)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        if not fields.complete:
            return Head()
    found = fields.found
    timeout = _TIMEOUT.search(found.get(b"keep-alive", b""))
    return Head(
        found.get(b"retry-after", b""),
        found.get(b"location", b""),
        b"content-length" in found or b"transfer-encoding" in found,
        int(timeout[1]) if timeout else None,
    )
