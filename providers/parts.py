"""Messages in parts, for providers that take JSON: what an execution's messages share is made once."""

from collections.abc import Mapping
from typing import Any

from providers.mime import Mailbox


class PartsSkeleton:
    """The sender and what follows from it; a message's own parts are joined to it."""

    __slots__ = ("_shared",)

    def __init__(self, *, sender: Mailbox | None, reply_to: Mailbox | None = None) -> None:
        self._shared: dict[str, Any] = {}
        if sender is not None:
            self._shared["from"] = {"address": sender.address, "name": sender.name}
        if reply_to is not None:
            self._shared["reply_to"] = reply_to.address

    def email(
        self, *, subject: str, html: bytes | None, text: bytes | None, unsubscribe_url: str | None = None
    ) -> dict[str, Any]:
        """With `unsubscribe_url`, the headers of one-click unsubscribing (RFC 8058) are asked for."""
        parts = {**self._shared, "subject": subject}
        if html is not None:
            parts["html"] = html.decode()
        if text is not None:
            parts["text"] = text.decode()
        if unsubscribe_url is not None:
            parts["headers"] = {
                "List-Unsubscribe": f"<{unsubscribe_url}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            }
        return parts

    def other(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        """What is no email, as it was rendered."""
        return {**self._shared, **parts}
