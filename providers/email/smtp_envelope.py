"""One message's commands and payload, as this server can take them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from providers.contract import Message, Result, Verdict, trouble
from providers.mime import Email
from providers.mime_address import AddressError, WireAddress, wire_address


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the server's EHLO offered, less what the configuration forbids; `size` 0 is no limit."""

    host: str = ""
    pipelining: bool = False
    chunking: bool = False
    eight_bit: bool = False
    utf8: bool = False
    starttls: bool = False
    size: int = 0
    auth: frozenset[str] = frozenset()


class Envelope(NamedTuple):
    mail: bytes
    rcpt: bytes
    payload: bytes


class Unsendable(Exception):
    """This message can never pass this server; `result` says why."""

    def __init__(self, words: str, *, dead_address: bool = False) -> None:
        self.result: Result = trouble(Verdict.FAILED, words)._replace(dead_address=dead_address)
        super().__init__(words)


_sender = lru_cache(maxsize=256)(wire_address)


def envelope(message: Message, server: Extensions, *, stuffed: bool) -> Envelope:
    """`stuffed` doubles leading dots, as DATA needs and BDAT forbids. Raises Unsendable."""
    email = message.content
    if not isinstance(email, Email):
        raise TypeError(f"SMTP carries emails, not {type(email).__name__}.")
    try:
        recipient, sender = email.path or wire_address(email.recipient), _sender(email.sender)
    except AddressError as error:
        raise Unsendable(str(error), dead_address=True) from error
    payload, ascii_only, dotless = email.wire(eight_bit=server.eight_bit)
    if server.size and len(payload) > server.size:
        raise Unsendable(f"The message has {len(payload)} bytes; {server.host} takes {server.size}.")
    plain = ascii_only and not sender.utf8 and not recipient.utf8
    mail = _plain_mail(email.sender) if plain else _mail(sender, _parameters(email, sender, recipient, server))
    if stuffed and not dotless and b"\r\n." in payload:
        payload = payload.replace(b"\r\n.", b"\r\n..")
    return tuple.__new__(Envelope, (mail, b"RCPT TO:<%b>\r\n" % recipient.spec, payload))


@lru_cache(maxsize=256)
def _plain_mail(sender: str) -> bytes:
    return _mail(wire_address(sender), b"")


def _mail(sender: WireAddress, parameters: bytes) -> bytes:
    return b"MAIL FROM:<%b>%b\r\n" % (sender.spec, parameters)


def _parameters(email: Email, sender: WireAddress, recipient: WireAddress, server: Extensions) -> bytes:
    if email.head.isascii() and not sender.utf8 and not recipient.utf8:
        return b" BODY=8BITMIME"
    if not server.utf8:
        raise Unsendable(
            f"The address {email.recipient[:80]!a} or its sender is not ASCII before the @, "
            f"and {server.host} does not offer SMTPUTF8."
        )
    return b" BODY=8BITMIME SMTPUTF8" if server.eight_bit else b" SMTPUTF8"
