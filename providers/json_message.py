"""A message as one JSON object, for providers that take JSON: what an execution's messages share is made once.

It is written right after it was rendered, while its text is still in the processor's cache.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from providers.mime import Mailbox

_POST = b',"List-Unsubscribe-Post":"List-Unsubscribe=One-Click"}'  # RFC 8058


class JsonSkeleton:
    """Bodies are UTF-8. Both ways of building raise ValueError for what JSON can't hold."""

    __slots__ = ("_between", "_shared")

    def __init__(
        self, *, type: str, execution_id: int | None, sender: Mailbox | None, reply_to: Mailbox | None = None
    ) -> None:
        self._shared: dict[str, Any] = {"type": type, "execution_id": execution_id}
        if sender is not None:
            self._shared["from"] = {"address": sender.address, "name": sender.name}
        if reply_to is not None:
            self._shared["reply_to"] = reply_to.address
        self._between = b",%b," % _written(self._shared)[1:-1]

    def email(
        self,
        *,
        delivery_id: str,
        address: str,
        subject: str,
        html: bytes | None,
        text: bytes | None,
        unsubscribe_url: str | None = None,
        escaped: bool = False,
    ) -> bytes:
        """With `unsubscribe_url`, the headers of one-click unsubscribing are asked for. `escaped`: the bodies are what
        stands between the quotes of a JSON string."""
        parts = [b'{"id":', _written(delivery_id), b',"to":', _written(address), self._between]
        parts += (b'"subject":', _written(subject))
        if html is not None:
            parts += (b',"html":"', html if escaped else _inside(html), b'"')
        if text is not None:
            parts += (b',"text":"', text if escaped else _inside(text), b'"')
        if unsubscribe_url is not None:
            parts += (b',"headers":{"List-Unsubscribe":', _written(f"<{unsubscribe_url}>"), _POST)
        parts.append(b"}")
        return b"".join(parts)

    def other(self, *, delivery_id: str, address: str, app_id: str | None, parts: Mapping[str, Any]) -> bytes:
        """What is no email, as it was rendered."""
        values = {"id": delivery_id, "to": address, **self._shared}
        if app_id is not None:
            values["app_id"] = app_id
        return _written({**values, **parts})


def _inside(body: bytes) -> bytes:
    return _written(body.decode())[1:-1]


def _written(values: Mapping[str, Any] | str) -> bytes:
    try:
        return orjson.dumps(values)
    except TypeError as error:
        raise ValueError(f"The message can't be written as JSON: {error}") from error
