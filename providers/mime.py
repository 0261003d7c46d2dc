"""Email messages by splice: what an execution's messages share is built once, a message is one join."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class Mailbox(NamedTuple):
    address: str
    name: str = ""


class Email(NamedTuple):
    """A message ready to be encoded for whatever its receiver offers."""

    sender: str
    recipient: str
    subject: str
    html: bytes | None
    text: bytes | None
    head: bytes
    skeleton: "EmailSkeleton"

    def encode(self, *, eight_bit: bool) -> bytes:
        """The whole message, CRLF lines, not dot-stuffed."""
        raise NotImplementedError


class EmailSkeleton:
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
        raise NotImplementedError

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
    ) -> Email:
        raise NotImplementedError
