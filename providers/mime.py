"""Email messages by splice: what an execution's messages share is built once, a message is one join."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote

from providers.mime_address import AddressError, WireAddress, wire_address
from providers.mime_text import LINE_LIMIT, LINE_WIDTH, crlf, lines_fit, phrase, seven_bit, unstructured

_HEADER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,75}")
_OURS = frozenset(
    (
        "bcc",
        "cc",
        "date",
        "dkim-signature",
        "feedback-id",
        "from",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "message-id",
        "mime-version",
        "received",
        "reply-to",
        "return-path",
        "sender",
        "subject",
        "to",
    )
)
_DELIVERY_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_URL_RESERVED = ":/?#[]@!$&'()*+,;=%-._~"
_TYPES = {"html": b"text/html", "text": b"text/plain"}
_ONE_CLICK = b">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"  # RFC 8058


class Mailbox(NamedTuple):
    address: str
    name: str = ""


class Wire(NamedTuple):
    """A message as it is sent, not dot-stuffed. `dotless`: it is certain that no line begins with a dot."""

    octets: bytes
    ascii: bool
    dotless: bool


class Email(NamedTuple):
    """A message ready to be encoded for whatever its receiver offers.

    `even`: it is certain that no line of the bodies begins with a dot.
    """

    sender: str
    recipient: str
    subject: str
    html: bytes | None
    text: bytes | None
    head: bytes
    boundary: bytes
    path: WireAddress | None  # None: the address cannot be used
    even: bool = False

    def encode(self, *, eight_bit: bool) -> bytes:
        """The whole message: CRLF lines, the last one ended, not dot-stuffed."""
        return self.wire(eight_bit=eight_bit).octets

    def wire(self, *, eight_bit: bool) -> Wire:
        """The same, and what is known of it.

        Lines are at most 998 octets long; without `eight_bit`, bodies that are not ASCII have lines of at most 76.
        """
        if self.html is None or self.text is None:
            encoding, header, body = self._single_part(eight_bit=eight_bit)
            octets = b"".join((self.head, header, body, b"\r\n"))
            return tuple.__new__(
                Wire, (octets, encoding != b"8bit" and self.head.isascii(), self.even and encoding in _AS_IT_IS)
            )
        (_, *text), (_, *html) = (
            _part("text", self.text, eight_bit=eight_bit),
            _part("html", self.html, eight_bit=eight_bit),
        )
        boundary = self._unused_boundary()
        mark = b"\r\n--" + boundary
        octets = b"".join(
            (
                self.head,
                b'Content-Type: multipart/alternative; boundary="',
                boundary,
                b'"\r\n',
                *(mark, b"\r\n", *text, mark, b"\r\n", *html, mark, b"--\r\n"),
            )
        )
        return Wire(octets, octets.isascii(), dotless=False)

    def _single_part(self, *, eight_bit: bool) -> tuple[bytes, bytes, bytes]:
        if self.html is not None:
            return _part("html", self.html, eight_bit=eight_bit)
        return _part("text", self.text or b"", eight_bit=eight_bit)

    def _unused_boundary(self) -> bytes:
        boundary = self.boundary
        while boundary in (self.html or b"") or boundary in (self.text or b""):
            boundary = b"=_" + blake2b(boundary, digest_size=16).hexdigest().encode()
        return boundary


class EmailSkeleton:
    """The headers that all messages of an execution share, encoded once."""

    __slots__ = ("_boundary", "_id_domain", "_sender", "_shared")

    def __init__(self, *, sender: str, shared: bytes, id_domain: bytes) -> None:
        self._sender = sender
        self._shared = shared
        self._id_domain = id_domain
        self._boundary = b"=_" + secrets.token_hex(16).encode()

    @classmethod
    def compile(
        cls,
        *,
        sender: Mailbox,
        reply_to: Mailbox | None = None,
        headers: Mapping[str, str] | None = None,
        feedback_id: str | None = None,
        envelope_sender: str | None = None,
    ) -> "EmailSkeleton":
        """`envelope_sender` receives bounces; by default it is the sender's address.

        Raises AddressError for a sender or reply-to that cannot be used, ValueError for a header's name.
        """
        wire = wire_address(sender.address)
        lines = [b"MIME-Version: 1.0", b"From: " + _mailbox(sender, len("From: "))]
        if reply_to is not None:
            lines.append(b"Reply-To: " + _mailbox(reply_to, len("Reply-To: ")))
        if feedback_id:
            lines.append(_header("Feedback-ID", feedback_id))
        for name, value in (headers or {}).items():
            _check_header_name(name)
            lines.append(_header(name, value))
        bounces_to = sender.address if envelope_sender is None else envelope_sender
        wire_address(bounces_to)
        domain = wire.spec.rpartition(b"@")[2]
        return cls(sender=bounces_to, shared=b"\r\n".join([*lines, b"Date: "]), id_domain=domain)

    def message_id(self, delivery_id: str) -> str:
        """The Message-ID of a delivery's message, without angle brackets; the same whenever it is sent."""
        return f"{delivery_id}@{self._id_domain.decode('ascii')}"

    def build(
        self,
        *,
        delivery_id: str,
        address: str,
        subject: str,
        html: bytes | None,
        text: bytes | None,
        at: datetime,
        name: str = "",
        unsubscribe_url: str | None = None,
        crlf_only: bool = False,
        even: bool = False,
    ) -> Email:
        """One recipient's message; bodies are UTF-8 with any line ends, `at` is aware.

        With `crlf_only` their line ends are known to be CRLF, as rendered parts are, and are not looked for again;
        with `even` it is known too that no line begins with a dot, the first included, and that there is no NUL.
        An address that cannot be used does not raise here: the provider fails it with the reason.
        Raises ValueError when there is no body, or for an unusable delivery id or unsubscribe URL.
        """
        if html is None and text is None:
            raise ValueError("An email needs an HTML or a text body.")
        if not _DELIVERY_ID.fullmatch(delivery_id):
            raise ValueError(f"delivery_id {delivery_id[:80]!a} holds more than letters, digits and . _ -")
        try:
            path: WireAddress | None = wire_address(address)
        except AddressError:
            path = None
        head = (
            self._shared,
            _date(at),
            b"\r\nTo: ",
            path.spec if path is not None and not name else _recipient(path, address, name),
            b"\r\nSubject: ",
            unstructured(subject, len("Subject: ")),
            b"\r\nMessage-ID: <",
            delivery_id.encode("ascii"),
            b"@",
            self._id_domain,
            b">\r\n" if unsubscribe_url is None else b">\r\nList-Unsubscribe: <",
            b"" if unsubscribe_url is None else _url(unsubscribe_url) + _ONE_CLICK,
        )
        return tuple.__new__(
            Email,
            (
                self._sender,
                address,
                subject,
                html if html is None or even or (crlf_only and b"\0" not in html) else crlf(html),
                text if text is None or even or (crlf_only and b"\0" not in text) else crlf(text),
                b"".join(head),
                self._boundary,
                path,
                even,
            ),
        )


def _part_header(kind: bytes, encoding: bytes) -> bytes:
    return b"Content-Type: %b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n" % (kind, encoding)


_PART_HEADERS = {
    (kind, encoding): _part_header(content_type, encoding)
    for kind, content_type in _TYPES.items()
    for encoding in (b"7bit", b"8bit", b"quoted-printable", b"base64")
}


_AS_IT_IS = (b"7bit", b"8bit")


def _part(kind: str, body: bytes, *, eight_bit: bool) -> tuple[bytes, bytes, bytes]:
    """(encoding's name, headers, encoded body)."""
    ascii_only = body.isascii()
    if (eight_bit or ascii_only) and lines_fit(body):
        encoding = b"7bit" if ascii_only else b"8bit"
    else:
        encoding, body = seven_bit(body)
    return encoding, _PART_HEADERS[kind, encoding], body


@lru_cache(maxsize=64)
def _date(at: datetime) -> bytes:
    return format_datetime(at).encode("ascii")


def _recipient(path: WireAddress | None, address: str, name: str) -> bytes:
    return b"undisclosed-recipients:;" if path is None else _mailbox(Mailbox(address, name), len("To: "))


def _mailbox(mailbox: Mailbox, column: int) -> bytes:
    spec = wire_address(mailbox.address).spec
    if not mailbox.name.strip():
        return spec
    name = phrase(mailbox.name.strip(), column)
    last_line = len(name) - name.rfind(b"\n") + column
    return b"%b%b<%b>" % (name, b" " if last_line + len(spec) + 3 <= LINE_WIDTH else b"\r\n ", spec)


def _header(name: str, value: str) -> bytes:
    return f"{name}: ".encode("ascii") + unstructured(value, len(name) + 2)


def _check_header_name(name: str) -> None:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError(f"{name[:80]!a} is not a header's name: letters, digits and hyphens, at most 76.")
    if name.lower() in _OURS or name.lower().startswith("content-"):
        raise ValueError(f"The header {name} is set by Volley.")


def _url(url: str) -> bytes:
    if not (url.isascii() and url.isprintable()) or " " in url or "<" in url or ">" in url or '"' in url:
        url = quote(url, safe=_URL_RESERVED)
    if len(url) > LINE_LIMIT - len("List-Unsubscribe: <>"):
        raise ValueError(f"The unsubscribe URL has {len(url)} characters; a header line takes 978.")
    return url.encode("ascii")
